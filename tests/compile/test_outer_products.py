"""Sums over outer products are those of the outer products."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from tests.compile.modes import quick_mode

# Unfused, so that each array that is made stands in the graph.
MODE = quick_mode().excluding("fusion")

B, V, H = 4, 6, 5

D, W = (np.random.default_rng(k).normal(size=shape) for k, shape in enumerate([(B, H), (V, H)]))
C = np.random.default_rng(2).normal(size=(B, V))

SUMS = {
    "all": lambda d, w, c: ((d * w) ** 2).sum(),
    "a product of itself": lambda d, w, c: (d * w * d * w).sum(),
    "absolute values": lambda d, w, c: abs(d * w).sum(),
    "an axis that one has": lambda d, w, c: ((d * w) ** 2).sum(axis=1),
    "an axis that both have": lambda d, w, c: ((d * w) ** 2).sum(axis=2),
    "two axes": lambda d, w, c: ((d * w) ** 2).sum(axis=(0, 2)),
    "an axis of one": lambda d, w, c: (d.sum(2, keepdims=True) * c).sum(axis=(0, 2)),
    "three factors": lambda d, w, c: ((d * w * c) ** 2).sum(axis=(0, 1)),
    "more than a product": lambda d, w, c: ((d * w + 1) ** 2).sum(),
    "no outer product": lambda d, w, c: ((d * w) * (d + w)).sum(),
}

LARGER = {"an axis that both have", "three factors", "more than a product", "no outer product"}
"""Those for which an array of all axes has to be made."""


def compiled(total, dtype, mode):
    """Return a function that trains, so that it is looked at, with d, w and c of three axes."""
    d, w, c, x = (pt.matrix(dtype=dtype) for _ in range(4))
    result = total(d[:, None, :], w[None, :, :], c[:, :, None])
    parameter = pytensor.shared(np.zeros((B, B), dtype))
    return pytensor.function(
        [d, w, c, x],
        result,
        updates=[(parameter, parameter + x @ x.T)],
        on_unused_input="ignore",
        mode=mode,
    )


def largest_array(function):
    return max(v.ndim - sum(v.broadcastable) for n in function.maker.fgraph.apply_nodes
               for v in n.outputs if v.dtype.startswith("float"))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SUMS)
def test_sums(name, dtype):
    function = compiled(SUMS[name], dtype, MODE)
    arguments = [a.astype(dtype) for a in (D, W, C)]
    got = function(*arguments, np.ones((B, 3), dtype))
    d, w, c = (a.astype("float64") for a in arguments)
    expected = SUMS[name](d[:, None, :], w[None, :, :], c[:, :, None])
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5 if dtype == "float32" else 1e-12)
    as_written = compiled(SUMS[name], dtype, MODE.excluding("deeptutorial"))
    is_larger = name in LARGER
    if name != "a product of itself":  # for which PyTensor 3.3 does the same
        assert largest_array(as_written) == (2 if name == "an axis of one" else 3)
    assert largest_array(function) == (3 if is_larger else 2)


def test_a_function_that_does_not_train_is_left_alone():
    d, w = pt.matrix(), pt.matrix()
    function = pytensor.function([d, w], ((d[:, None, :] * w[None]) ** 2).sum(), mode=MODE)
    assert largest_array(function) == 3


def test_the_contractive_penalty_of_a_minibatch():
    """Cost and gradient are those of the Jacobians, one an example."""
    rng = np.random.default_rng(0)
    x, weights = rng.random((B, V)), rng.normal(size=(V, H))
    X, W = pt.dmatrix(), pytensor.shared(weights)
    y = pt.sigmoid(X @ W)
    J = pt.reshape(y * (1 - y), (B, 1, H)) * pt.reshape(W, (1, V, H))
    penalty = pt.sum(J**2) / B
    step = pytensor.function([X], penalty, updates=[(W, W - pt.grad(penalty, W))], mode=MODE)

    def numpy_penalty(weights):
        y = 1 / (1 + np.exp(-x @ weights))
        return sum(((weights * (c * (1 - c))) ** 2).sum() for c in y) / B

    np.testing.assert_allclose(step(x), numpy_penalty(weights), rtol=1e-12)
    gradient = weights - W.get_value()
    for place in [(0, 0), (2, 3), (5, 4)]:
        shift = np.zeros((V, H))
        shift[place] = 1e-6
        slope = (numpy_penalty(weights + shift) - numpy_penalty(weights - shift)) / 2e-6
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-6)
