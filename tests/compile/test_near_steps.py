"""A training step that is nearly a dA's is no `DenoisingStep`, and nothing is said about it."""

import logging
import math

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from deeptutorial.compile.ops.denoising_step import DenoisingStep

V, H, N, RATE = 20, 7, 12, 0.1

# Numba's rewrites, the functions run in Python: quickly compiled, and float16 is possible.
MODE = Mode("py", pytensor.get_mode("NUMBA").provided_optimizer)


@pytest.fixture(autouse=True)
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


def examples(largest=1.0):
    return np.random.default_rng(0).uniform(size=(N, V)) * largest


def one_missing():
    x = examples()
    x[3, 4] = np.nan
    return x


def train(
    x,
    b_prime=0.0,
    code=lambda y: y,
    scores=lambda a: a,
    logarithms=lambda z: (pt.log(z), pt.log(1 - z)),
    target=lambda x: x,
    gradient=lambda g: g,
    weights=lambda W: W,
    bias_rate=RATE,
    mode=MODE,
    n_steps=2,
):
    """Train a dA, some part of it changed; return (function, costs, parameters)."""
    rng = np.random.default_rng(1)
    W, b = pytensor.shared(rng.normal(size=(V, H))), pytensor.shared(np.zeros(H))
    b_prime = pytensor.shared(np.full(V, b_prime))
    inputs = pt.matrix()
    y = code(pt.sigmoid(pt.dot(inputs, W) + b))
    log_z, log_rest = logarithms(pt.sigmoid(scores(pt.dot(y, W.T) + b_prime)))
    cost = -pt.sum(target(inputs) * log_z + (1 - target(inputs)) * log_rest)
    gW, gb, gb_prime = map(gradient, pytensor.grad(cost, [W, b, b_prime]))
    updates = [
        (W, weights(W - RATE * gW)),
        (b, b - bias_rate * gb),
        (b_prime, b_prime - RATE * gb_prime),
    ]
    function = pytensor.function([inputs], cost, updates=updates, mode=mode)
    with np.errstate(invalid="ignore"):
        costs = [float(function(x)) for _ in range(n_steps)]
    return function, costs, [p.get_value() for p in (W, b, b_prime)]


def is_fused(function):
    return any(isinstance(n.op, DenoisingStep) for n in function.maker.fgraph.apply_nodes)


def logs_of_at_least(least):
    return lambda z: (pt.log(pt.maximum(z, least)), pt.log(pt.maximum(1 - z, least)))


def logs_beyond(epsilon):
    return lambda z: (pt.log(z + epsilon), pt.log(1 - z + epsilon))


def clipped_logs(z):
    z = pt.clip(z, 1e-7, 1 - 1e-7)
    return pt.log(z), pt.log(1 - z)


def guarded(g):
    return pt.switch(pt.isnan(g) | pt.isinf(g), 0, g)


NEAR = {
    "gradients clipped": {"gradient": lambda g: pt.clip(g, -5, 5)},
    "large gradients left out": {"gradient": lambda g: pt.switch(pt.abs(g) > 5, 0, g)},
    "gradients guarded": {"gradient": guarded, "x": one_missing()},
    "gradients in float16": {"gradient": lambda g: pt.cast(pt.cast(g, "float16"), "float64")},
    "logarithms of a maximum": {"logarithms": logs_of_at_least(1e-7), "b_prime": -40.0},
    "logarithms of a sum": {"logarithms": logs_beyond(1e-10), "b_prime": -40.0},
    "logarithms of a clip": {"logarithms": clipped_logs, "b_prime": -40.0},
    "another last bit": {
        "logarithms": lambda z: (pt.log(z), pt.log(math.nextafter(1, 2) - z)),
        "b_prime": 60.0,
    },
    "targets of at most 3": {"target": lambda x: pt.minimum(x, 3), "x": examples(5)},
    "scores clipped": {"scores": lambda a: pt.clip(a, -30, 30), "b_prime": -40.0},
    "weights clipped": {"weights": lambda W: pt.clip(W, -1.5, 1.5)},
    "code in float16": {"code": lambda y: pt.cast(pt.cast(y, "float16"), "float64")},
}


@pytest.mark.parametrize("what", NEAR)
def test_the_change_is_not_lost(what, caplog):
    arguments = {"x": examples()} | NEAR[what]
    function, *got = train(**arguments)
    assert not is_fused(function)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    _, *expected = train(**arguments, mode=MODE.excluding("deeptutorial"))
    for result, same in zip(flat(got), flat(expected), strict=True):
        np.testing.assert_allclose(result, same, rtol=1e-12)

    fused, *unchanged = train(arguments["x"], arguments.get("b_prime", 0.0))
    assert is_fused(fused)
    pairs = zip(flat(got), flat(unchanged), strict=True)
    assert not all(np.allclose(result, other, rtol=1e-6) for result, other in pairs)


def flat(costs_and_parameters):
    costs, parameters = costs_and_parameters
    return [*costs, *parameters]


def forward_in_numpy(x, b_prime):
    W = np.random.default_rng(1).normal(size=(V, H))
    y = 1 / (1 + np.exp(-x @ W))
    return W, y, 1 / (1 + np.exp(-(y @ W.T + b_prime)))


def test_clipped_gradients_are_those_of_numpy():
    x = examples()
    W, y, z = forward_in_numpy(x, 0)
    dy = ((z - x) @ W) * y * (1 - y)
    gradients = [x.T @ dy + (z - x).T @ y, dy.sum(axis=0), (z - x).sum(axis=0)]
    assert any(np.abs(g).max() > 5 for g in gradients)
    _, _, updated = train(x, **NEAR["gradients clipped"], n_steps=1)
    for new, old, g in zip(updated, (W, 0, 0), gradients, strict=True):
        np.testing.assert_allclose(new, old - RATE * np.clip(g, -5, 5), rtol=1e-9)


def test_logarithms_of_a_maximum_are_those_of_numpy():
    x = examples()
    _, _, z = forward_in_numpy(x, -40)
    assert z.min() < 1e-7
    z, rest = np.maximum(z, 1e-7), np.maximum(1 - z, 1e-7)
    _, costs, _ = train(x, **NEAR["logarithms of a maximum"])
    np.testing.assert_allclose(costs[0], -np.sum(x * np.log(z) + (1 - x) * np.log(rest)))


def test_a_rate_that_differs_in_its_last_bit_is_another_rate():
    function, _, _ = train(examples(), bias_rate=math.nextafter(RATE, 1))
    assert not is_fused(function)
