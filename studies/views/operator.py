"""The stochastic operator: corrupt and reconstruct, again and again.

A dA learns an operator, the distribution of X where a corrupted X is given [1]_. One step takes a
point to a place near the data: whoever starts far away comes nearer, if the dA has learned to
denoise, and does not if it has learned to copy. Near the data is not where one started from.

.. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol: Extracting and composing robust
   features with denoising autoencoders. ICML 2008, section 4.
"""

import numpy as np
import pytensor

from deeptutorial import dA
from studies.views.digits import (
    RATE,
    Digits,
    nearest,
    new_dA,
    spread,
    tiles,
    train_epoch,
    trainer,
)
from studies.views.drawing import COLOURS, panels, show_tiles

PARTS = {"trained with noise": 0.3, "trained without noise": 0.0}
NEEDS_DIGITS = True
LEVEL = 0.3
"""Of the salt and pepper in each step."""
N_HIDDEN, EPOCHS = 500, 15
N_STEPS, N_STARTS, N_SHOWN = 30, 200, 8
SHOWN_STEPS = (0, 1, 2, 5, 10, 20, 30)


def trained(level: float, digits: Digits, epochs: int) -> dA:
    """Train a dA as the tutorial does, with salt and pepper."""
    da = new_dA(N_HIDDEN, "salt-and-pepper")
    train = trainer(da, *da.get_cost_updates(level, RATE), digits.set_x)
    for _ in range(epochs):
        train_epoch(train, digits.set_x)
    return da


def steps_of(da: dA, starts: np.ndarray, n_steps: int) -> list[np.ndarray]:
    """Return the starts, and where they are after each step."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.get_corrupted_input(da.x, LEVEL)))
    step = pytensor.function([da.x], z)
    places = [starts.astype(da.W.dtype)]
    for _ in range(n_steps):
        places.append(step(places[-1]))
    return places


def spoilt(digits: np.ndarray) -> np.ndarray:
    """Leave little of digits: half of the pixels become black or white."""
    rng = np.random.default_rng(0)
    hit, salt = rng.random(digits.shape) < 0.5, rng.random(digits.shape) < 0.5
    return np.where(hit, salt, digits)


def work_out(part: str, digits: Digits, quick: bool) -> tuple[dict, dict]:
    """Train a dA, and let it walk from spoilt digits, and from digits as they are."""
    da = trained(PARTS[part], digits, 2 if quick else EPOCHS)
    originals = digits.test[:N_STARTS]
    figures: dict = {"of test digits": float(nearest(originals, digits.train)[0].mean())}
    pictures = {}
    for start, images in {"spoilt": spoilt(originals), "as they are": originals}.items():
        places = steps_of(da, images, N_STEPS)
        figures[start] = {
            "to the nearest training digit": [
                float(nearest(where, digits.train)[0].mean()) for where in places
            ],
            "to the digit itself": [
                float(np.linalg.norm(where - originals, axis=1).mean()) for where in places
            ],
            "spread": [spread(where) for where in places],
        }
        shown = np.concatenate([places[k][:N_SHOWN] for k in SHOWN_STEPS])
        pictures[start] = tiles(shown, N_SHOWN)
    figures["spread of test digits"] = spread(originals)
    return figures, pictures


def table(records: dict[str, dict]) -> list[tuple]:
    """Return the figures as rows, the head first."""
    rows: list[tuple] = [("mean distance", "start", "1 step", "5 steps", f"{N_STEPS} steps")]
    for part, one in records.items():
        for start in ("spoilt", "as they are"):
            for name in ("to the nearest training digit", "to the digit itself", "spread"):
                curve = one[start][name]
                values = (f"{curve[k]:.2f}" for k in (0, 1, 5, N_STEPS))
                rows.append((f"{part}, {start}: {name}", *values))
    return rows


def draw(records: dict[str, dict], pictures: dict):
    """Draw the distances by step, and some digits on their way."""
    figure, axes = panels(1 + len(records), height=4.2, width_ratios=[1.5, 1, 1])
    for place, (part, one) in enumerate(records.items()):
        for start, line in (("spoilt", "-"), ("as they are", "--")):
            axes[0].plot(
                one[start]["to the nearest training digit"],
                color=COLOURS[place],
                linestyle=line,
                label=f"{part}, {start}",
            )
    axes[0].axhline(next(iter(records.values()))["of test digits"], color="0.6", linewidth=1)
    axes[0].set(xlabel="steps", ylabel="distance to the nearest training digit", ylim=(0, None))
    axes[0].legend(frameon=False)
    for axis, part in zip(axes[1:], records, strict=True):
        show_tiles(axis, pictures[part]["spoilt"], part)
        at = [28 / 2 + 29 * row for row in range(len(SHOWN_STEPS))]
        for y, step in zip(at, SHOWN_STEPS, strict=True):
            axis.text(-6, y, f"{step}", ha="right", va="center")
    return figure
