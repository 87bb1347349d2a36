"""The generative model: a chain that corrupts, reconstructs and draws, and walks through digits.

A dA whose decoder is a probability of each pixel defines a Markov chain: corrupt x, reconstruct,
draw the next x from the reconstruction. Its stationary distribution is the model's [1]_. Trained
with walkback, a dA is asked to find back to x also from where its own chain has led it, so that the
chain has no far-away places where it was never taught.

Samples are compared by the log-likelihood of the test digits under a Parzen window on the samples
(the estimate of [1]_, with its known faults: it is crude, and favours copies of the data).

.. [1] Y. Bengio, L. Yao, G. Alain, P. Vincent: Generalized denoising auto-encoders as generative
   models. NIPS 2013.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import logsumexp

from studies.views.digits import new_dA, train_epoch, trainer

LEVEL, N_HIDDEN, BATCH_SIZE, RATE = 0.4, 1000, 100, 0.5
WALKBACK_STEPS = 5
N_CHAINS, BURN_IN, EVERY, N_SAMPLES = 100, 100, 10, 10_000
WIDTHS = (0.1, 0.14, 0.2, 0.28, 0.4)


def drawn(da, z):
    """Draw black or white pixels from their probabilities."""
    return pt.cast(da.theano_rng.uniform(z.shape) < z, z.dtype)


def walkback_updates(da, rate: float, steps: int):
    """Build a step of training that asks for x from each of several steps of the chain."""
    x, costs = da.x, []
    for _ in range(steps):
        tilde_x = da.get_corrupted_input(x, LEVEL)
        z = da.get_reconstructed_input(da.get_hidden_values(tilde_x))
        costs.append(da.get_reconstruction_costs(da.x, z).mean())
        # Where the chain leads to is taken as it is: no gradient goes through a draw.
        x = pytensor.gradient.disconnected_grad(drawn(da, z))
    cost = pt.stack(costs).mean()
    gparams = pt.grad(cost, da.params)
    updates = [(p, p - rate * g) for p, g in zip(da.params, gparams, strict=True)]
    return cost, updates


def trained(set_x, level: float, walkback_steps: int, epochs: int):
    """Train a dA on digits, from one step of the chain or from several."""
    da = new_dA(N_HIDDEN, "salt-and-pepper")
    build = walkback_updates(da, RATE, walkback_steps) if walkback_steps else None
    cost, updates = build or da.get_cost_updates(level, RATE)
    train = trainer(da, cost, updates, set_x, BATCH_SIZE)
    for _ in range(epochs):
        train_epoch(train, set_x, BATCH_SIZE)
    return da


def samples_of(da, starts: np.ndarray) -> np.ndarray:
    """Run chains, and return the mean images that pixels are drawn from, (samples, 784)."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.get_corrupted_input(da.x, LEVEL)))
    step = pytensor.function([da.x], [z, drawn(da, z)])
    x, kept = starts.astype(da.W.dtype), []
    for k in range(BURN_IN + EVERY * (N_SAMPLES // len(starts))):
        mean, x = step(x)
        if k >= BURN_IN and (k - BURN_IN) % EVERY == 0:
            kept.append(mean)
    return np.concatenate(kept)


def log_likelihoods(samples: np.ndarray, x: np.ndarray, width: float) -> np.ndarray:
    """Return the log density of each example under Gaussians of a width at the samples."""
    constant = np.log(len(samples)) + x.shape[1] * np.log(width * np.sqrt(2 * np.pi))
    result = []
    for rows in np.array_split(x, max(1, len(x) // 500)):
        square = (rows**2).sum(axis=1)[:, None] - 2 * rows @ samples.T + (samples**2).sum(axis=1)
        result.append(logsumexp(-square / (2 * width**2), axis=1) - constant)
    return np.concatenate(result)


def parzen(samples: np.ndarray, valid_x: np.ndarray, test_x: np.ndarray) -> tuple[float, float]:
    """Return mean and standard error over test digits, the width chosen on validation."""
    width = max(WIDTHS, key=lambda width: log_likelihoods(samples, valid_x[:1000], width).mean())
    found = log_likelihoods(samples, test_x, width)
    return float(found.mean()), float(found.std() / np.sqrt(len(found)))


def study(set_x, parts: dict[str, np.ndarray], epochs: int, report) -> dict:
    """Train, sample, and compare with copies of training digits and with the mean image."""
    trainings = {
        "noise": (LEVEL, 0),
        "noise and walkback": (LEVEL, WALKBACK_STEPS),
        "no noise (copying)": (0.0, 0),
    }
    rng = np.random.default_rng(0)
    starts = rng.random((N_CHAINS, 784)) < parts["train"].mean(axis=0)
    sampled = {
        name: samples_of(trained(set_x, *how, epochs), starts) for name, how in trainings.items()
    }
    mean = parts["train"].mean(axis=0)
    sampled["pixels drawn one by one"] = (rng.random((N_SAMPLES, 784)) < mean).astype("float32")
    sampled["training digits"] = parts["train"][rng.permutation(len(parts["train"]))[:N_SAMPLES]]
    figures = {}
    for name, samples in sampled.items():
        figures[name] = parzen(samples, parts["valid"], parts["test"])
        report("generative, {}: {:.0f} ± {:.1f} nats".format(name, *figures[name]))
    shown = {name: sampled[name][:: N_SAMPLES // 100][:100] for name in trainings}
    return {"figures": figures, "shown": shown}


def draw(result: dict, plt):
    """Draw a hundred samples of each chain: ten of each moment side by side."""
    figure, axes = plt.subplots(1, len(result["shown"]), figsize=(12, 4.4))
    for axis, (name, samples) in zip(axes, result["shown"].items(), strict=True):
        rows = samples.reshape(10, 10, 28, 28).transpose(0, 2, 1, 3).reshape(280, 280)
        axis.imshow(rows, cmap="gray", vmin=0, vmax=1)
        axis.set(title=f"{name}: {result['figures'][name][0]:.0f}", xticks=[], yticks=[])
    return figure
