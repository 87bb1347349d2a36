"""Draw the companion's pictures from what real runs left behind.

From the top of a clone, with MNIST in data/::

    python dA.py
    python docs/draw_pictures.py dA_plots

writes docs/images/denoised.png, morph.png, and the table and chart of the costs; the filters are
those of the run as they are.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from deeptutorial import load_data, load_model, tile_raster_images
from deeptutorial.report.charts import line_chart
from deeptutorial.report.measure import autoencode

IMAGES = Path(__file__).parent / "images"


def draw_rows(*rows: np.ndarray) -> Image.Image:
    """Lay out rows of flattened digits, from the top."""
    tiles = tile_raster_images(
        np.clip(np.concatenate(rows), 0, 1),
        (28, 28),
        (len(rows), len(rows[0])),
        (2, 2),
        scale_rows_to_unit_interval=False,
    )
    return Image.fromarray(tiles)


def draw_dA(folder: Path):
    """Draw what two dAs, of 0 and 30 % corruption, make of spoilt digits, and of codes between."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    test_set_x, _ = load_data("mnist")[2]
    X = test_set_x.get_value(borrow=True)
    made_of = {
        level: autoencode(load_model(folder / f"dA_corruption_{level}.npz"), X, 0.3)
        for level in (0, 30)
    }

    shown = report["shown"]["examples"]
    draw_rows(
        X[shown],
        made_of[30].corrupted[shown],
        *(made.reconstructed[shown] for made in made_of.values()),
    ).save(IMAGES / "denoised.png")

    first, last = report["shown"]["morph"]
    along = np.linspace(0, 1, 10, dtype=X.dtype)[:, None]
    between = {"pixels": (1 - along) * X[first] + along * X[last]} | {
        level: made.decode((1 - along) * made.code[first] + along * made.code[last])
        for level, made in made_of.items()
    }
    draw_rows(*between.values()).save(IMAGES / "morph.png")

    for level in (0, 30):
        name = f"filters_corruption_{level}.png"
        shutil.copyfile(folder / name, IMAGES / name)
    costs = {
        name: list(enumerate(model["costs"]))
        for name, model in zip(("no corruption", "30\u00a0% masked"), report["models"], strict=True)
    }
    (IMAGES / "dA_costs.html").write_text(line_chart(costs, "epoch", "cost"), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    draw_dA(Path(sys.argv[1]))
