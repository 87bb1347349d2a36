"""The generative model: a chain that corrupts, reconstructs and draws, and walks through digits.

A dA whose decoder is a probability of each pixel defines a Markov chain: corrupt x, reconstruct,
draw the next x from the reconstruction. Its stationary distribution is the model's [1]_. Trained
with walkback, a dA is asked to find back to x also from where its own chain has led it, so that the
chain has no far-away places where it was never taught.

Samples are compared by the log-likelihood of the test digits under a Parzen window on the samples
(the estimate of [1]_, with its known faults: it is crude, and favours copies of the data), and by
how far they are from the training digits, which tells copies.

.. [1] Y. Bengio, L. Yao, G. Alain, P. Vincent: Generalized denoising auto-encoders as generative
   models. NIPS 2013.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import logsumexp

from deeptutorial import dA
from studies.views.digits import (
    N_VISIBLE,
    Digits,
    nearest,
    new_dA,
    spread,
    tiles,
    train_epoch,
    trainer,
)
from studies.views.drawing import panels, show_tiles

TRAININGS = {"noise": (0.4, 1), "noise and walkback": (0.4, 4), "no noise": (0.0, 1)}
"""Level of the noise, and steps of the chain that a step of training goes through."""
PARTS = (*TRAININGS, "pixels drawn one by one", "training digits", "test digits")
NEEDS_DIGITS = True
LEVEL, N_HIDDEN, BATCH_SIZE, RATE, EPOCHS = 0.4, 500, 100, 0.5, 10
N_CHAINS, BURN_IN, EVERY, N_MOMENTS = 100, 100, 10, 50
N_SAMPLES = N_CHAINS * N_MOMENTS
WIDTHS = (0.1, 0.14, 0.17, 0.2, 0.24, 0.28, 0.34, 0.4)


def drawn(da: dA, z):
    """Draw black or white pixels from their probabilities."""
    return pt.cast(da.theano_rng.uniform(z.shape) < z, z.dtype)


def walkback_updates(da: dA, level: float, rate: float, steps: int):
    """Build a step of training that asks for x from each of several steps of the chain."""
    x, costs = da.x, []
    for _ in range(steps):
        tilde_x = da.get_corrupted_input(x, level)
        z = da.get_reconstructed_input(da.get_hidden_values(tilde_x))
        costs.append(da.get_reconstruction_costs(da.x, z).mean())
        # Where the chain leads to is taken as it is: no gradient goes through a draw.
        x = pytensor.gradient.disconnected_grad(drawn(da, z))
    cost = pt.stack(costs).mean()
    gparams = pt.grad(cost, da.params)
    updates = [(p, p - rate * g) for p, g in zip(da.params, gparams, strict=True)]
    return cost, updates


def trained(digits: Digits, level: float, steps: int, epochs: int) -> dA:
    """Train a dA on digits, from one step of the chain or from several."""
    da = new_dA(N_HIDDEN, "salt-and-pepper")
    build = walkback_updates(da, level, RATE, steps) if steps > 1 else None
    train = trainer(da, *(build or da.get_cost_updates(level, RATE)), digits.set_x, BATCH_SIZE)
    for _ in range(epochs):
        train_epoch(train, digits.set_x, BATCH_SIZE)
    return da


def chain_step(da: dA):
    """Compile a step of chains: the means that pixels are drawn from, and what was drawn."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.get_corrupted_input(da.x, LEVEL)))
    return pytensor.function([da.x], [z, drawn(da, z)])


def samples_of(da: dA, starts: np.ndarray) -> np.ndarray:
    """Run chains, and return the means that pixels are drawn from, chain after chain."""
    step = chain_step(da)
    x, kept = starts.astype(da.W.dtype), []
    for k in range(BURN_IN + EVERY * N_MOMENTS):
        mean, x = step(x)
        if k >= BURN_IN and (k - BURN_IN) % EVERY == 0:
            kept.append(mean)
    return np.stack(kept, axis=1).reshape(-1, starts.shape[1])


def log_likelihoods(samples: np.ndarray, x: np.ndarray, width: float) -> np.ndarray:
    """Return the log of each example's density under Gaussian windows on samples, in nats."""
    constant = np.log(len(samples)) + x.shape[1] * np.log(width * np.sqrt(2 * np.pi))
    of_samples = (samples**2).sum(axis=1)
    found = []
    for part in np.array_split(x, -(-len(x) // 200)):
        square = (part**2).sum(axis=1)[:, None] - 2 * part @ samples.T + of_samples
        found.append(logsumexp(-square / (2 * width**2), axis=1) - constant)
    return np.concatenate(found)


def parzen(samples: np.ndarray, valid: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Return mean and standard error over test digits, the width chosen on validation."""
    of_widths = {width: log_likelihoods(samples, valid[:500], width).mean() for width in WIDTHS}
    width = max(of_widths, key=of_widths.__getitem__)
    found = log_likelihoods(samples, test, width)
    return {
        "log-likelihood": float(found.mean()),
        "standard error": float(found.std() / np.sqrt(len(found))),
        "width": width,
    }


def sampled(part: str, digits: Digits, quick: bool) -> np.ndarray:
    """Return samples of a trained dA, or of what it is compared with."""
    rng = np.random.default_rng(0)
    mean = digits.train.mean(axis=0)
    if part == "test digits":
        return digits.test
    if part == "training digits":
        return digits.train[rng.permutation(len(digits.train))[:N_SAMPLES]]
    if part == "pixels drawn one by one":
        return (rng.random((N_SAMPLES, N_VISIBLE)) < mean).astype("float32")
    starts = rng.random((N_CHAINS, N_VISIBLE)) < mean
    return samples_of(trained(digits, *TRAININGS[part], 2 if quick else EPOCHS), starts)


def work_out(part: str, digits: Digits, quick: bool) -> tuple[dict, dict]:
    """Sample, and measure how good and how new the samples are."""
    samples = sampled(part, digits, quick)
    some = samples[:: max(1, len(samples) // 1000)]
    figures = {
        "distance to the nearest training digit": float(nearest(some, digits.train)[0].mean()),
        "spread": spread(samples),
    }
    if part != "test digits":  # which are what the others are measured by
        figures |= parzen(samples, digits.valid, digits.test)
    if part not in TRAININGS:
        return figures, {}
    last = samples[N_MOMENTS - 1 :: N_MOMENTS][:20]
    _, which = nearest(last, digits.train)
    copies = digits.train[which]
    rows = np.concatenate([last[:10], copies[:10], last[10:], copies[10:]])
    return figures, {"chains": tiles(rows, 10), "chain": tiles(samples[:40], 10)}


def table(records: dict[str, dict]) -> list[tuple]:
    """Return the figures as rows, the head first."""
    names = ("distance to the nearest training digit", "spread")
    return [
        ("samples", "log-likelihood, nats", *names),
        *(
            (part, _shown(one), *(f"{one[name]:.2f}" for name in names))
            for part, one in records.items()
        ),
    ]


def _shown(one: dict) -> str:
    known = "log-likelihood" in one
    return f"{one['log-likelihood']:.0f} ± {one['standard error']:.0f}" if known else ""


def draw(records: dict[str, dict], pictures: dict):
    """Draw samples of each dA: chains with their nearest training digits, one chain as it goes."""
    shown = [part for part in TRAININGS if part in records]
    figure, axes = panels(len(shown), height=3.3)
    for axis, part in zip(axes, shown, strict=True):
        chains, chain = pictures[part]["chains"], pictures[part]["chain"]
        gap = np.full((12, chains.shape[1]), 255, dtype="uint8")
        title = f"{part}: {records[part]['log-likelihood']:.0f} nats"
        show_tiles(axis, np.concatenate([chains, gap, chain]), title)
    return figure
