"""The random streams: right distribution, fresh at each call, the same from the same seed."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams

DRAWS = {
    "coin": lambda streams: streams.binomial(size=(200, 300), n=1, p=0.7),
    "binomial": lambda streams: streams.binomial(size=(200, 300), n=5, p=0.3),
    "uniform": lambda streams: streams.uniform(size=(200, 300), low=-1.0, high=3.0),
    "normal": lambda streams: streams.normal(size=(200, 300), avg=2.0, std=0.5),
}
MOMENTS = {  # mean and variance, by formula
    "coin": (0.7, 0.7 * 0.3),
    "binomial": (5 * 0.3, 5 * 0.3 * 0.7),
    "uniform": (1.0, 4**2 / 12),
    "normal": (2.0, 0.25),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_distribution(kind):
    values = pytensor.function([], DRAWS[kind](RandomStreams(1)))().astype("float64")
    mean, variance = MOMENTS[kind]
    assert values.shape == (200, 300)
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / values.size)
    assert abs(values.var() / variance - 1) < 0.05
    if kind in ("coin", "binomial"):
        assert set(np.unique(values)) == set(range(2 if kind == "coin" else 6))
    # Neighbours know nothing of each other.
    for shifted in (values[:, 1:], values[1:]):
        own = values[: shifted.shape[0], : shifted.shape[1]]
        assert abs(np.corrcoef(own.ravel(), shifted.ravel())[0, 1]) < 5 / np.sqrt(own.size)


@pytest.mark.parametrize("kind", DRAWS)
def test_fresh_at_each_call_and_reproducible(kind):
    throw = pytensor.function([], DRAWS[kind](RandomStreams(5)))
    again = pytensor.function([], DRAWS[kind](RandomStreams(5)))
    other = pytensor.function([], DRAWS[kind](RandomStreams(6)))
    first, second = throw(), throw()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again())
    np.testing.assert_array_equal(second, again())
    assert not np.array_equal(first, other())


def test_two_draws_of_one_stream_differ():
    streams = RandomStreams(9)
    one, two = streams.uniform(size=(50,)), streams.uniform(size=(50,))
    a, b = pytensor.function([], [one, two])()
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_dtypes(floatX):
    with pytensor.config.change_flags(floatX=floatX):
        streams = RandomStreams(0)
        assert streams.uniform(size=(2,)).dtype == floatX
        assert streams.normal(size=(2,)).dtype == floatX
        assert streams.binomial(size=(2,)).dtype == "int64"
        assert streams.binomial(size=(2,), dtype=floatX).dtype == floatX
        assert streams.uniform(size=(2,), dtype="float64").dtype == "float64"


def test_symbolic_size_and_probability():
    x, p = pt.matrix("x"), pt.dscalar("p")
    throw = pytensor.function([x, p], RandomStreams(3).binomial(size=x.shape, n=1, p=p))
    ones = np.zeros((40, 50), dtype=pytensor.config.floatX)
    assert throw(ones, 1.0).all()
    assert not throw(ones, 0.0).any()
    assert throw(ones[:3], 0.5).shape == (3, 50)


@pytest.mark.parametrize("seed", [1.5, "123", None, True])
def test_seed_of_the_wrong_kind(seed):
    with pytest.raises(TypeError, match="seed"):
        RandomStreams(seed)


def test_negative_seed():
    with pytest.raises(ValueError, match="-3"):
        RandomStreams(-3)


def test_numpy_integers_are_seeds():
    draw = [
        pytensor.function([], RandomStreams(seed).uniform(size=(3,)))() for seed in (7, np.int64(7))
    ]
    np.testing.assert_array_equal(*draw)
