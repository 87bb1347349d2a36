"""The fully connected layer against NumPy."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import HiddenLayer


@pytest.fixture(autouse=True)
def float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


@pytest.mark.parametrize(
    ("activation", "factor", "formula"),
    [
        (pt.tanh, 1, np.tanh),
        (pt.sigmoid, 4, lambda a: 1 / (1 + np.exp(-a))),
        (None, 1, lambda a: a),
    ],
)
def test_weights_and_output(activation, factor, formula):
    bound = factor * np.sqrt(6.0 / (5 + 3))
    expected_W = np.random.RandomState(4).uniform(-bound, bound, size=(5, 3))
    x = pt.matrix("x")
    layer = HiddenLayer(np.random.RandomState(4), x, 5, 3, activation=activation)
    np.testing.assert_allclose(layer.W.get_value(), expected_W, rtol=1e-14)
    assert layer.params == [layer.W, layer.b]
    assert layer.input is x
    assert not layer.b.get_value().any()
    layer.b.set_value(np.array([0.5, -1, 2]))
    rows = np.random.default_rng(0).normal(size=(7, 5))
    got = pytensor.function([x], layer.output)(rows)
    np.testing.assert_allclose(got, formula(rows @ expected_W + [0.5, -1, 2]), rtol=1e-12)


def test_tanh_is_the_default():
    layer = HiddenLayer(np.random.default_rng(0), pt.matrix(), 400, 200)
    assert np.abs(layer.W.get_value()).max() <= np.sqrt(6 / 600)
    assert layer.output.owner.op == pt.tanh


def test_given_parameters_are_used_and_nothing_is_drawn():
    rng = np.random.RandomState(1)
    W, b = pytensor.shared(np.ones((2, 3))), pytensor.shared(np.zeros(3))
    layer = HiddenLayer(rng, pt.matrix(), 2, 3, W, b)
    assert layer.W is W
    assert layer.b is b
    assert rng.randint(1000) == np.random.RandomState(1).randint(1000)


def test_parameters_are_in_floatX():
    with pytensor.config.change_flags(floatX="float32"):
        layer = HiddenLayer(np.random.RandomState(1), pt.matrix(), 2, 3)
        assert layer.W.dtype == layer.b.dtype == layer.output.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rng": 3}, TypeError, "rng must be .* got 3"),
        ({"n_in": 0}, ValueError, "n_in must be at least 1, got 0"),
        ({"n_out": 2.0}, TypeError, "n_out must be an integer, got 2.0"),
        ({"input": pt.vector()}, TypeError, "input must be a matrix, got 1 dim"),
        ({"W": np.ones((4, 3))}, TypeError, "W must be .* wrap it"),
        ({"activation": "tanh"}, TypeError, "activation must be callable or None, got 'tanh'"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    complete = {"rng": np.random.RandomState(0), "input": pt.matrix(), "n_in": 4, "n_out": 3}
    with pytest.raises(error, match=message):
        HiddenLayer(**complete | arguments)


def test_more_weights_than_memory_are_refused():
    """Before anything is drawn: the operating system might promise the memory and regret it."""
    x = pt.matrix()
    with pytest.raises(MemoryError, match=r"1000000 x 1000000 weights need 1\.6e\+04 GB"):
        HiddenLayer(np.random.RandomState(0), input=x, n_in=10**6, n_out=10**6)
