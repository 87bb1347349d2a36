"""The manifold: what a dA does to a point leads back to where the data lie.

Points lie on a curve in the plane. The arrow from x to its reconstruction r(x) is, for the best of
all denoisers of Gaussian noise of deviation s, s**2 times the gradient of the log of the data's
density smoothed by that noise (the score) [1]_ [2]_. The density of points that one has is known,
a sum of Gaussians, so the arrows of a trained dA can be held against it.

.. [1] P. Vincent: A connection between score matching and denoising autoencoders. Neural
   Computation 23, 2011, section 4.
.. [2] G. Alain, Y. Bengio: What regularized auto-encoders learn from the data-generating
   distribution. JMLR 15, 2014.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt

from deeptutorial import RandomStreams, dA
from studies.views.drawing import COLOURS, panels

PARTS = {"noise 0.8": 0.8, "noise 1.6": 1.6, "noise 3.2": 3.2}
NEEDS_DIGITS = False
SIDE = 12
"""The curve lies within so far of the origin: wide, so that sigmoids are narrow beside it."""
N_POINTS, N_HIDDEN, BATCH_SIZE, RATE = 2000, 100, 20, 0.002
N_STEPS, N_QUICK_STEPS = 200_000, 4000
LIKELY = 0.05
"""Arrows are compared where the smoothed density is at least this part of its highest value: a
dA is taught nothing about where no corrupted point ever falls."""
DRAWN = {0.8: (33, 0.9), 1.6: (21, 0.6), 3.2: (17, 0.4)}
"""Arrows in a row of the figure, and the part of their length that is drawn, so that they do not
lie upon each other."""


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


def is_likely(log_density: np.ndarray) -> np.ndarray:
    return log_density > log_density.max() + np.log(LIKELY)


def compare(arrows: np.ndarray, score: np.ndarray) -> dict:
    """Hold arrows against others, place by place.

    Returns
    -------
    dict
        ``correlation`` of all components of the arrows with those of the score; ``cosine``, the
        mean over the places; ``length``, the arrows' mean length over the score's.
    """
    lengths = np.linalg.norm(arrows, axis=1), np.linalg.norm(score, axis=1)
    return {
        "correlation": float(np.corrcoef(arrows.ravel(), score.ravel())[0, 1]),
        "cosine": float(np.mean((arrows * score).sum(axis=1) / (lengths[0] * lengths[1]))),
        "length": float(lengths[0].mean() / lengths[1].mean()),
    }


def work_out(part: str, digits, quick: bool) -> tuple[dict, dict]:
    """Train a dA, and hold its arrows against the score, where the density is and where not."""
    level = PARTS[part]
    points = curve(N_POINTS, np.random.default_rng(0))
    da, at = trained(points, level, N_QUICK_STEPS if quick else N_STEPS), grid(60)
    arrows = arrows_of(da, at)
    log_density, score = smoothed(points, at, level)
    likely = is_likely(log_density)
    shown = grid(DRAWN[level][0])
    log_density, score_shown = smoothed(points, shown, level)
    return {
        "places": int(likely.sum()),
        **compare(arrows[likely], score[likely]),
        "elsewhere": compare(arrows[~likely], score[~likely]),
        "drawn": {
            "points": points[::4].round(2).tolist(),
            "at": shown.tolist(),
            "likely": is_likely(log_density).tolist(),
            "arrows": arrows_of(da, shown).round(3).tolist(),
            "score": score_shown.round(3).tolist(),
        },
    }, {}


def table(records: dict[str, dict]) -> list[tuple]:
    """Return the figures as rows, the head first."""
    return [
        ("", "places", "correlation", "mean cosine", "length", "correlation elsewhere"),
        *(
            (
                part,
                one["places"],
                *(f"{one[name]:.3f}" for name in ("correlation", "cosine")),
                f"× {one['length']:.2f}",
                f"{one['elsewhere']['correlation']:.2f}",
            )
            for part, one in records.items()
        ),
    ]


def draw(records: dict[str, dict], pictures: dict):
    """Draw the curve, the score's arrows and upon them, thinner, the dA's."""
    figure, axes = panels(len(records), height=5.4, sharey=True)
    for axis, (part, one) in zip(axes, records.items(), strict=True):
        drawn = {name: np.array(values) for name, values in one["drawn"].items()}
        axis.plot(*drawn["points"].T, ".", color="0.72", markersize=3)
        likely, shortened = drawn["likely"], DRAWN[PARTS[part]][1]
        for name, colour, width in (("score", COLOURS[1], 0.011), ("arrows", COLOURS[0], 0.005)):
            axis.quiver(
                *drawn["at"][likely].T,
                *shortened * drawn[name][likely].T,
                color=colour,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=width,
                headwidth=3.2,
                label={"score": "score × noise²", "arrows": "r(x) − x"}[name],
            )
        axis.set(
            title=f"{part}: correlation {one['correlation']:.3f}\n"
            f"(arrows at {100 * shortened:g} % of their length)",
            aspect="equal",
            xlim=(-SIDE - 0.5, 7),
            ylim=(-SIDE - 0.5, SIDE + 0.5),
            xticks=[-10, 0],
            yticks=[-10, 0, 10],
        )
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure
