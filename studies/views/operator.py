"""The stochastic operator: corrupt and reconstruct, again and again.

One such step takes a point to a random place near the data: "denoising is learning the operator
p(X | corrupted X)". So whoever starts far away comes nearer with each step, if the dA has learned
to denoise, and stays where he is if it has learned to copy.
"""

import numpy as np
import pytensor

N_STEPS, N_STARTS = 30, 200
LEVEL = 0.3
"""Of the masking in each step."""


def steps_of(da, starts: np.ndarray, n_steps: int) -> list[np.ndarray]:
    """Return the starts, and where they are after each step."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.get_corrupted_input(da.x, LEVEL)))
    step = pytensor.function([da.x], z)
    places = [starts.astype(da.W.dtype)]
    for _ in range(n_steps):
        places.append(step(places[-1]))
    return places


def distance_to_data(places: np.ndarray, data: np.ndarray) -> float:
    """Return the mean Euclidean distance to the nearest example."""
    square = (places**2).sum(axis=1)[:, None] - 2 * places @ data.T + (data**2).sum(axis=1)
    return float(np.sqrt(np.maximum(square.min(axis=1), 0)).mean())


def noisy_starts(digits: np.ndarray) -> np.ndarray:
    """Spoil digits until little is left of them: half of the pixels to black or white."""
    rng = np.random.default_rng(0)
    hit, salt = rng.random(digits.shape) < 0.5, rng.random(digits.shape) < 0.5
    return np.where(hit, salt, digits)


def study(dAs: dict, train_x: np.ndarray, test_x: np.ndarray, report) -> dict:
    """Let each dA walk from the same starts."""
    starts = noisy_starts(test_x[:N_STARTS])
    figures, shown = {}, {}
    for name, da in dAs.items():
        places = steps_of(da, starts, N_STEPS)
        figures[name] = [distance_to_data(where, train_x) for where in places]
        shown[name] = [where[:8] for where in places[:: N_STEPS // 6]]
        report(
            f"operator, {name}: distance to the nearest training digit {figures[name][0]:.2f} "
            f"at the start, {figures[name][1]:.2f} after one step, {figures[name][-1]:.2f} "
            f"after {N_STEPS}"
        )
    figures["test digits as they are"] = [distance_to_data(test_x[:N_STARTS], train_x)]
    report(f"operator, test digits as they are: {figures['test digits as they are'][0]:.2f}")
    return {"figures": figures, "shown": shown}


def draw(result: dict, plt):
    """Draw the distances by step, and some digits on their way."""
    figures, shown = result["figures"], result["shown"]
    figure, axes = plt.subplots(1, 1 + len(shown), figsize=(12, 4), width_ratios=[1.5, 1, 1])
    for name in shown:
        axes[0].plot(figures[name], label=name)
    axes[0].axhline(figures["test digits as they are"][0], color="0.6", linestyle=":")
    axes[0].set(xlabel="steps", ylabel="distance to the nearest training digit", ylim=(0, None))
    axes[0].legend(frameon=False)
    for axis, (name, places) in zip(axes[1:], shown.items(), strict=True):
        rows = [np.hstack([digit.reshape(28, 28) for digit in where]) for where in places]
        axis.imshow(np.vstack(rows), cmap="gray", vmin=0, vmax=1)
        axis.set(title=name, xticks=[], yticks=[], ylabel="steps: 0 at the top, 30 at the bottom")
    return figure
