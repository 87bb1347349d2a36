"""The manifold: what a dA does to a point leads back to where the data lie.

Points lie on a curve in the plane. The arrow from x to its reconstruction r(x) is, for the best of
all denoisers of Gaussian noise of deviation s, s**2 times the gradient of the log of the data's
density smoothed by that noise (the score) [1]_ [2]_. The density of points that one has is known,
so the arrows of a trained dA can be held against it.

.. [1] P. Vincent: A connection between score matching and denoising autoencoders. Neural
   Computation 23, 2011, section 4.
.. [2] G. Alain, Y. Bengio: What regularized auto-encoders learn from the data-generating
   distribution. JMLR 15, 2014, theorem 2.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt

from deeptutorial import RandomStreams, dA

NOISE_LEVELS = (0.8, 1.6, 3.2)
SIDE = 12
"""The curve lies within so far of the origin: wide, so that sigmoids are narrow beside it."""
N_POINTS, N_HIDDEN, BATCH_SIZE, RATE = 2000, 100, 20, 0.002
LIKELY = 0.05
"""Arrows are compared where the smoothed density is at least this part of its highest value: a
dA is taught nothing about where no corrupted point ever falls."""


def curve(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw points on an arm of a spiral."""
    angle = 3 * np.pi * np.sqrt(rng.uniform(0.05, 1, n)) / 2
    radius = 2 + 1.6 * angle
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + rng.normal(0, 0.1, points.shape)


def trained(points: np.ndarray, level: float, steps: int) -> dA:
    """Train a dA with linear decoder on points of the plane, with a rate that falls to zero."""
    rng = np.random.RandomState(1)
    da = dA(
        rng,
        RandomStreams(2),
        n_visible=2,
        n_hidden=N_HIDDEN,
        corruption="gaussian",
        reconstruction_cost="squared-error",
    )
    # Each unit switches at a place of its own, in a direction of its own.
    W = rng.normal(0, 1, (2, N_HIDDEN))
    W *= 0.3 * rng.uniform(0.2, 1, N_HIDDEN) / np.linalg.norm(W, axis=0)
    places = rng.uniform(-SIDE, SIDE, (N_HIDDEN, 2))
    da.W.set_value(W.astype(da.W.dtype))
    da.b.set_value(-(W.T * places).sum(axis=1).astype(da.b.dtype))
    index, rate = pt.lscalar(), pt.scalar()
    rows = pytensor.shared(points.astype(pytensor.config.floatX))
    cost, updates = da.get_cost_updates(level, rate)
    batch = rows[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
    train = pytensor.function([index, rate], cost, updates=updates, givens={da.x: batch})
    for step in range(steps):
        train(step % (N_POINTS // BATCH_SIZE), RATE * (1 - step / steps))
    return da


def arrows_of(da: dA, at: np.ndarray) -> np.ndarray:
    """Return r(x) - x."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    return pytensor.function([da.x], z)(at.astype(da.W.dtype)) - at


def smoothed(points: np.ndarray, at: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the log of the smoothed density, up to a constant, and ``level**2`` times its score.

    It is a mixture of a Gaussian at each point; its score leads to the mean of the points, each
    weighted by the probability that the noise came from there.
    """
    distances = ((at[:, None] - points) ** 2).sum(axis=2) / (2 * level**2)
    nearest = distances.min(axis=1, keepdims=True)
    weights = np.exp(nearest - distances)
    log_density = np.log(weights.sum(axis=1)) - nearest[:, 0]
    return log_density, weights @ points / weights.sum(axis=1, keepdims=True) - at


def grid(side: int) -> np.ndarray:
    """Return places all over the plane where the curve is."""
    places = np.linspace(-SIDE, SIDE, side)
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def compare(points: np.ndarray, level: float, steps: int) -> dict:
    """Train a dA, and hold its arrows against the score.

    Returns
    -------
    dict
        ``correlation`` of all components of the arrows with those of the score; ``cosine``, the
        mean over the places; ``length``, the arrows' mean length over the score's.
    """
    da, at = trained(points, level, steps), grid(60)
    arrows = arrows_of(da, at)
    log_density, score = smoothed(points, at, level)
    likely = log_density > log_density.max() + np.log(LIKELY)
    a, s = arrows[likely], score[likely]
    lengths = np.linalg.norm(a, axis=1), np.linalg.norm(s, axis=1)
    return {
        "noise": level,
        "places": int(likely.sum()),
        "correlation": float(np.corrcoef(a.ravel(), s.ravel())[0, 1]),
        "cosine": float(np.mean((a * s).sum(axis=1) / (lengths[0] * lengths[1]))),
        "length": float(lengths[0].mean() / lengths[1].mean()),
        "da": da,
    }


def study(quick: bool, report) -> dict:
    """Compare for each noise level; return figures, and what is drawn."""
    points = curve(N_POINTS, np.random.default_rng(0))
    compared = [compare(points, level, 4000 if quick else 60_000) for level in NOISE_LEVELS]
    drawn = []
    for one in compared:
        da, at = one.pop("da"), grid(24)
        log_density, score = smoothed(points, at, one["noise"])
        near = log_density > log_density.max() + np.log(LIKELY) - 2
        drawn.append((one["noise"], at[near], arrows_of(da, at[near]), score[near]))
        report(
            f"manifold, noise {one['noise']:g}: correlation of arrows and score "
            f"{one['correlation']:.3f}, mean cosine {one['cosine']:.3f}, length x "
            f"{one['length']:.2f}"
        )
    return {"figures": compared, "points": points, "drawn": drawn}


def draw(result: dict, plt):
    """Draw the curve, the score's arrows and upon them, thinner, the dA's."""
    figure, axes = plt.subplots(1, len(result["drawn"]), figsize=(12, 4.2), sharey=True)
    for axis, (level, at, arrows, score), one in zip(
        axes, result["drawn"], result["figures"], strict=True
    ):
        axis.plot(*result["points"].T, ".", color="0.75", markersize=2)
        for vectors, colour, width in ((score, "C1", 0.006), (arrows, "C0", 0.003)):
            axis.quiver(
                *at.T, *vectors.T, color=colour, angles="xy", scale_units="xy", scale=1, width=width
            )
        axis.set(title=f"noise {level:g}: correlation {one['correlation']:.2f}", aspect="equal")
    axes[0].set_ylabel("blue: r(x) − x; orange: score × noise²")
    return figure
