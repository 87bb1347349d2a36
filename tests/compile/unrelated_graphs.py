"""A dozen graphs that have nothing to do with a dA; run as a script, prints what became of them.

``python unrelated_graphs.py guest`` imports deeptutorial first.
"""

import json
import re
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytensor.tensor.special

if "guest" in sys.argv:
    import deeptutorial

rng = np.random.default_rng(0)
A, B = rng.normal(size=(2, 6, 6))
v = rng.normal(size=6)


def shared(value):
    return pytensor.shared(np.array(value, dtype="float64"))


def logistic_regression():
    w, b = shared(v), shared(0.1)
    p = pt.sigmoid(A @ w + b)
    y = (v > 0).astype("float64")
    cost = -(y * pt.log(p) + (1 - y) * pt.log(1 - p)).mean() + 0.01 * (w**2).sum()
    return cost, [(q, q - 0.1 * pytensor.grad(cost, q)) for q in (w, b)]


def linear_autoencoder():
    """It tells which way the matrix should go, and goes the mean of it: no matrix is trained."""
    W, mean = shared(A), shared(0.0)
    x = pt.as_tensor_variable(B)
    cost = ((x @ W @ W.T - x) ** 2).sum()
    gradient = pytensor.grad(cost, W)
    return cost + 0 * gradient.sum(), [(mean, gradient.mean())]


def two_layers():
    W, U, b = shared(A), shared(B), shared(v)
    y = pt.special.softmax(pt.tanh(A @ W + b) @ U, axis=1)
    cost = -pt.log(y[:, 0]).mean()
    return cost, [(b, b - 0.1 * pytensor.grad(cost, b))]  # what is below and above is kept


def momentum():
    w, m = shared(v), shared(0 * v)
    cost = ((A @ w - v) ** 2).sum()
    step = 0.9 * m - 0.01 * pytensor.grad(cost, w)
    return cost, [(m, step), (w, w + step)]


def normal_draws():
    generator = pt.random.shared_rng(np.random.default_rng(3))
    following, draw = generator.normal(0, 1, size=(3, 4))
    return draw, [(generator, following)]


def masked_by_bernoulli():
    generator = pt.random.shared_rng(np.random.default_rng(3))
    following, draw = generator.bernoulli(0.3, size=(6, 6))
    return draw * A, [(generator, following)]


GRAPHS = {
    "sum": lambda: (pt.as_tensor_variable(A).sum(axis=0), []),
    "elementwise": lambda: (pt.exp(shared(A)) * 2 + pt.log1p(shared(A) ** 2), []),
    "product": lambda: (shared(A) @ shared(B), []),
    "solve": lambda: (pt.linalg.solve(shared(A), shared(v)), []),
    "indexing": lambda: (shared(A)[1:4, ::2].T + 1, []),
    "counter": lambda: ((n := shared(1.0)), [(n, n + 1)]),
    "logistic regression": logistic_regression,
    "linear autoencoder": linear_autoencoder,
    "two layers": two_layers,
    "momentum": momentum,
    "normal draws": normal_draws,
    "masked by Bernoulli": masked_by_bernoulli,
}


def main():
    found = {}
    if "guest" in sys.argv:
        # Where the rewrites begin to look closely; what comes before is one walk over the graph.
        found["closer looks"] = 0
        rewrites = deeptutorial.compile.rewrites

        def counting(look):
            def counted(*arguments):
                found["closer looks"] += 1
                return look(*arguments)

            return counted

        for module, name in (
            (rewrites.denoising_step, "elementwise_leaves"),
            (rewrites.fused_products, "_Cluster"),
        ):
            setattr(module, name, counting(getattr(module, name)))
    for name, build in GRAPHS.items():
        output, updates = build()
        function = pytensor.function([], output, updates=updates)
        text = pytensor.dprint(function, file="str")
        results = [np.asarray(function()).tolist() for _ in range(3)]
        final = [
            np.asarray(target.get_value()).tolist()
            for target, _ in updates
            if hasattr(target, "ndim")
        ]
        found[name] = [re.sub("0x[0-9A-Fa-f]+", "", text), results, final]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
