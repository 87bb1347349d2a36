"""Information: what the code of an input says about it, at least.

The mutual information of input X and code Y is H(X) - H(X | Y). No decoder can do better than the
true p(X | Y), so H(X | Y) is at most the mean cost L of the reconstruction, in nats, and

    I(X; Y) >= H(X) - L.

H(X), of MNIST's digits, nobody knows; but it is the same for every dA. So the bound rises by as
much as the cost falls, and dAs can be compared by it. Y may be the code of X itself or that of a
corrupted X, whose bound is the one that training raises [1]_.

.. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol: Stacked denoising
   autoencoders. JMLR 11, 2010, section 2.
"""

import numpy as np
import pytensor

from deeptutorial import dA
from studies.views.digits import RATE, Digits, new_dA, train_epoch, trainer
from studies.views.drawing import COLOURS, panels

PARTS = {"no noise": 0.0, "10 % masked": 0.1, "30 % masked": 0.3, "50 % masked": 0.5}
NEEDS_DIGITS = True
N_HIDDEN, EPOCHS = 500, 15
CODES = {
    "clean": "code of the digit",
    "corrupted": "code of the digit, corrupted as in training",
}


def measured_cost(da: dA, level: float):
    """Compile the mean cost of examples whose code is that of a corrupted input."""
    y = da.get_hidden_values(da.get_corrupted_input(da.x, level))
    L = da.get_reconstruction_costs(da.x, da.get_reconstructed_input(y))
    return pytensor.function([da.x], L.mean())


def cost_without_code(train: np.ndarray, test: np.ndarray) -> float:
    """Return the cost of a decoder that knows nothing of the code: the mean image."""
    p = train.mean(axis=0, dtype="float64").clip(1e-4, 1 - 1e-4)
    return float(-(test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean())


def work_out(part: str, digits: Digits, quick: bool) -> tuple[dict, dict]:
    """Train a dA, and measure the cost on test digits after each epoch."""
    level, da = PARTS[part], new_dA(N_HIDDEN)
    train = trainer(da, *da.get_cost_updates(level, RATE), digits.set_x)
    costs = {"clean": measured_cost(da, 0.0), "corrupted": measured_cost(da, level)}
    curves: dict[str, list[float]] = {code: [] for code in costs}
    for _ in range(2 if quick else EPOCHS):
        train_epoch(train, digits.set_x)
        for code, cost in costs.items():
            curves[code].append(float(cost(digits.test)))
    return {"without a code": cost_without_code(digits.train, digits.test), **curves}, {}


def gains(one: dict, code: str) -> list[float]:
    """Return by how much the bound is above that of the mean image, which has no code."""
    return [one["without a code"] - cost for cost in one[code]]


def table(records: dict[str, dict]) -> list[tuple]:
    """Return the bounds after the first epoch and the last as rows, the head first."""
    return [
        (
            "nats above the mean image",
            *(f"{CODES[code]}, epoch {e}" for code in CODES for e in (1, "last")),
        ),
        *(
            (part, *(f"{gains(one, code)[e]:.1f}" for code in CODES for e in (0, -1)))
            for part, one in records.items()
        ),
    ]


def draw(records: dict[str, dict], pictures: dict):
    """Draw the bounds, less that of the mean image, by epoch."""
    figure, axes = panels(2, height=3.8, sharey=True)
    for axis, (code, title) in zip(axes, CODES.items(), strict=True):
        for colour, (part, one) in zip(COLOURS, records.items(), strict=False):
            gain = gains(one, code)
            axis.plot(range(1, len(gain) + 1), gain, color=colour, label=part)
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3, axis="y")
    axes[0].set_ylabel("nats that the bound is\nabove that of the mean image")
    axes[1].legend(frameon=False)
    return figure
