"""The random streams: right distribution, fresh at each call, the same from the same seed."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams
from deeptutorial.compile.ops.draws import CoinFlips, flip_coins, splitmix

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
def test_seeding_anew_is_as_if_from_the_start(kind):
    streams, fresh = RandomStreams(1), RandomStreams(2)
    first, second = DRAWS[kind](streams), DRAWS[kind](streams)
    draw = pytensor.function([], [first, second])
    draw()
    streams.seed(2)
    expected = [DRAWS[kind](fresh) for _ in range(2)]
    np.testing.assert_array_equal(draw(), pytensor.function([], expected)())
    again = [DRAWS[kind](streams).eval(), DRAWS[kind](fresh).eval()]
    np.testing.assert_array_equal(*again)


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


def test_coins_keep_their_share_and_are_not_related():
    states = [np.array([1, count], dtype="uint64") for count in range(20)]
    masks = np.stack([flip_coins(state, (100, 784), 0.7) for state in states]).astype(float)
    spread = np.sqrt(0.7 * 0.3)
    assert abs(masks.mean() - 0.7) < 5 * spread / np.sqrt(masks.size)
    assert np.abs(masks.mean(axis=(0, 1)) - 0.7).max() < 5 * spread / np.sqrt(2000)
    assert np.abs(masks.mean(axis=(0, 2)) - 0.7).max() < 5 * spread / np.sqrt(20 * 784)
    for axis in range(3):
        neighbours = np.take(masks, range(1, masks.shape[axis]), axis=axis)
        own = np.take(masks, range(masks.shape[axis] - 1), axis=axis)
        correlation = np.corrcoef(own.ravel(), neighbours.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(own.size)


def test_coins_of_the_extremes():
    state = np.array([1, 0], dtype="uint64")
    assert flip_coins(state, (50, 60), 1.0).all()
    assert not flip_coins(state, (50, 60), 0.0).any()


def test_coins_are_splitmix64():
    """The first numbers of SplitMix64 with the seed 1234567, as published with the algorithm."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    got = splitmix(np.uint64(1234567), np.arange(1, 4, dtype="uint64"))
    assert got.tolist() == published


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (0, 4)])
def test_every_backend_flips_the_same_coins(mode, shape):
    state = np.array([3, 9], dtype="uint64")
    flips = CoinFlips("int8")(pt.constant(state), shape, 0.4)
    after, draw = pytensor.function([], flips, mode=mode)()
    np.testing.assert_array_equal(draw, flip_coins(state, shape, 0.4))
    np.testing.assert_array_equal(after, [3, 10])
    assert draw.dtype == "int8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((pt.vector(), (2,), 0.5), "state must be a vector of uint64"),
        ((pt.vector(dtype="uint64"), (2,), pt.vector()), "p must be a scalar"),
    ],
)
def test_wrong_inputs_of_coins(arguments, message):
    with pytest.raises(TypeError, match=message):
        CoinFlips()(*arguments)
