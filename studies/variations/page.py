"""The companion's page about the study, made of its results."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deeptutorial.files import replacing, save_png
from deeptutorial.images import tile_raster_images
from studies.variations.sets import NAMES, make_set, read_digits
from studies.variations.tables import (
    choices,
    comparison,
    complete,
    findings,
    noise_findings,
    noise_levels,
    published_findings,
)

__all__ = ["PAGE", "PICTURE", "picture_of_sets", "write_page"]

PAGE = Path(__file__).parents[2] / "docs" / "variations.md"
PICTURE = Path(__file__).parents[1] / "results" / "variations.png"
TEMPLATE = Path(__file__).with_name("page.md")
N_SHOWN = 14


def write_page(
    path: Path, results: Sequence[Mapping[str, Any]], stages: Mapping[str, list]
) -> Path:
    """Write the page, of results of one way to make the sets, when they are whole.

    Raises
    ------
    SystemExit
        If a set is missing, or a part of one: half a table is not shown.
    """
    left = [name for name in NAMES if name not in complete(results, stages)]
    if left:
        raise SystemExit(f"no page is made of half a table: {', '.join(left)} not worked out yet")
    made = results[0]["made"]
    hours = sum(result["cpu_seconds"] for result in results) / 3600
    text = TEMPLATE.read_text(encoding="utf-8").format(
        names=", ".join(f"`{name}`" for name in NAMES),
        sizes=", ".join(f"{size:,}".replace(",", " ") for size in made["sizes"]),
        digits=made["digits"],
        comparison=comparison(results),
        findings=findings(results),
        published_findings=published_findings(),
        noise=noise_levels(results, stages),
        noise_findings=noise_findings(results, stages),
        choices=choices(results),
        hours=f"{hours:.1f}",
    )
    text = re.sub(r"(?<=\d) (?=[%±(]|\d{3}\b)|(?<=±) (?=\d)", "\N{NO-BREAK SPACE}", text)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def picture_of_sets(path: Path, dataset: str, seed: int) -> None:
    """Draw the first images of each set, a row a set."""
    *digits, _ = read_digits(dataset)
    rows = [make_set(name, digits, (N_SHOWN, 0, 0), seed).images for name in NAMES]
    tiles = tile_raster_images(
        np.concatenate(rows) / 255,
        (28, 28),
        (len(NAMES), N_SHOWN),
        (2, 2),
        scale_rows_to_unit_interval=False,
    )
    picture = Image.fromarray(tiles)
    save_png(
        picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST), path
    )
