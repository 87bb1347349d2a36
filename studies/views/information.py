"""Information: what the code of an input says about it, at least.

The mutual information of input X and code Y is H(X) - H(X | Y). No decoder can do better than the
true p(X | Y), so H(X | Y) is at most the mean cost L of the reconstruction, in nats, and

    I(X; Y) >= H(X) - L.

H(X), of MNIST's digits, nobody knows; but it is the same for every dA. So the bound rises by as
much as the cost falls, and dAs can be compared by it. Y may be the code of X itself or that of a
corrupted X, whose bound is the one that training raises [1]_.

.. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol: Stacked denoising
   autoencoders. JMLR 11, 2010, section 3.1.
"""

import numpy as np
import pytensor

from studies.views.digits import RATE, new_dA, train_epoch, trainer

LEVELS = (0.0, 0.1, 0.3, 0.5)
N_HIDDEN = 500


def test_cost(da, level: float):
    """Compile the mean cost of examples whose code is that of a corrupted input."""
    y = da.get_hidden_values(da.get_corrupted_input(da.x, level))
    L = da.get_reconstruction_costs(da.x, da.get_reconstructed_input(y))
    return pytensor.function([da.x], L.mean())


def of_marginals(train_x: np.ndarray, test_x: np.ndarray) -> float:
    """Return the cost of a decoder that knows nothing of the code: the mean image."""
    p = train_x.mean(axis=0, dtype="float64").clip(1e-4, 1 - 1e-4)
    return float(-(test_x * np.log(p) + (1 - test_x) * np.log(1 - p)).sum(axis=1).mean())


def study(set_x, train_x: np.ndarray, test_x: np.ndarray, epochs: int, report) -> dict:
    """Train a dA for each level, and measure the cost on test digits after each epoch."""
    without_code = of_marginals(train_x, test_x)
    figures = {"without a code": without_code}
    report(f"information, cost of the mean image {without_code:.1f} nats")
    for level in LEVELS:
        da = new_dA(N_HIDDEN)
        train = trainer(da, *da.get_cost_updates(level, RATE), set_x)
        clean, corrupted = test_cost(da, 0.0), test_cost(da, level)
        curve = []
        for _ in range(epochs):
            train_epoch(train, set_x)
            curve.append((float(clean(test_x)), float(corrupted(test_x))))
        figures[f"{level:g}"] = curve
        report(
            f"information, trained with {100 * level:g} %: the bound is {without_code:.1f} - "
            f"{curve[-1][0]:.1f} = {without_code - curve[-1][0]:.1f} nats above that of the mean "
            f"image for digits as they are, {without_code - curve[-1][1]:.1f} for corrupted ones"
        )
    return {"figures": figures}


def draw(result: dict, plt):
    """Draw the bounds, less that of the mean image, by epoch."""
    figures = result["figures"]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    titles = ("code of the digit", "code of the digit, corrupted as in training")
    for k, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        for level in LEVELS:
            gain = [figures["without a code"] - costs[k] for costs in figures[f"{level:g}"]]
            axis.plot(range(1, len(gain) + 1), gain, label=f"trained with {100 * level:g} %")
        axis.set(title=title, xlabel="epoch")
    axes[0].set_ylabel("nats that the bound has risen\nabove that of the mean image")
    axes[1].legend(frameon=False)
    return figure
