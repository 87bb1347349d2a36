"""The random streams: right distribution, fresh at each call, the same from the same seed."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.debug.nanguardmode import NanGuardMode
from scipy import stats

from deeptutorial import RandomStreams
from deeptutorial.compile.ops.box_muller import RADIUS_UNIT, radius_and_angle
from deeptutorial.compile.ops.draws import (
    CoinFlips,
    NormalNumbers,
    NoSuchCoinError,
    UniformNumbers,
    flip_coins,
    normal_numbers,
    splitmix,
    uniform_numbers,
)

DRAWS = {
    "coin": lambda streams: streams.binomial(size=(200, 300), n=1, p=0.7),
    "binomial": lambda streams: streams.binomial(size=(200, 300), n=5, p=0.3),
    "uniform": lambda streams: streams.uniform(size=(200, 300), low=-1.0, high=3.0),
    "normal": lambda streams: streams.normal(size=(200, 300), avg=2.0, std=0.5),
    "uniform by entry": lambda streams: streams.uniform(low=np.full((200, 300), -1.0), high=3.0),
    "normal by entry": lambda streams: streams.normal(avg=np.full((200, 300), 2.0), std=0.5),
}
MOMENTS = {  # mean and variance, by formula
    "coin": (0.7, 0.7 * 0.3),
    "binomial": (5 * 0.3, 5 * 0.3 * 0.7),
    "uniform": (1.0, 4**2 / 12),
    "normal": (2.0, 0.25),
}
MOMENTS |= {f"{kind} by entry": MOMENTS[kind] for kind in ("uniform", "normal")}


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


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_a_negative_size_is_refused(mode):
    n = pt.lscalar()
    draw = pytensor.function([n], RandomStreams(1).uniform(size=(n, 2)), mode=mode)
    assert draw(0).shape == (0, 2)
    with pytest.raises(ValueError, match=r"negative|shape"):
        draw(-1)


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


def test_the_formula_of_normal_numbers():
    """Beside NumPy's own logarithm, cosine and sine, at the ends of its ranges and in between."""
    powers = 2 ** np.arange(32)
    ends = np.concatenate([powers, powers - 1, 2**32 - powers, 2**31 + powers - 1])
    random = np.random.default_rng(1).integers(0, 2**32, size=(2, 100_000))
    all_ends = np.reshape(np.meshgrid(ends, ends), (2, -1))
    high, low = np.concatenate([random, all_ends], axis=1)
    squared_radius, *angle = radius_and_angle(high, low)

    u = (high | 1) / 2.0**32
    log_u = np.where(u < 0.5, np.log(u), np.log1p(-(2**32 - (high | 1)) / 2.0**32))
    theta = np.pi / 4 * ((low % 2**30) * 2 + 1) / 2.0**31
    is_exchanged = low >= 2**31
    cosine = np.where(is_exchanged, np.sin(theta), np.cos(theta)) * (1 - 2 * (high % 2))
    sine = np.where(is_exchanged, np.cos(theta), np.sin(theta)) * (1 - 2 * (low // 2**30 % 2))
    radius = np.sqrt(squared_radius.astype(float)) * RADIUS_UNIT
    for side, expected in zip(angle, (cosine, sine), strict=True):
        np.testing.assert_allclose(radius * side, np.sqrt(-2 * log_u) * expected, rtol=3e-9)
    assert 6.66 < np.abs([radius * side for side in angle]).max() < 6.661


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_and_uniform_numbers_have_their_distributions(dtype):
    n = 2_000_000
    state = np.array([17, 4], dtype="uint64")
    normal, uniform = (draw(state, (n,), dtype) for draw in (normal_numbers, uniform_numbers))
    assert normal.dtype == uniform.dtype == dtype
    assert stats.kstest(normal.astype(float), "norm").pvalue > 1e-3
    assert stats.kstest(uniform.astype(float), "uniform").pvalue > 1e-3
    assert uniform.min() >= 0
    assert uniform.max() < 1
    moments = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96), 6: (15, 10_170)}
    for power, (mean, variance) in moments.items():  # by formula: E z^k and the variance of z^k
        found = (normal.astype(float) ** power).mean()
        assert abs(found - mean) < 5 * np.sqrt(variance / n)


def test_tails_of_normal_numbers():
    """As many beyond each limit as there should be: Poisson, five deviations."""
    states = [np.array([3, count], dtype="uint64") for count in range(8)]
    normal = np.concatenate([normal_numbers(state, (10**6,), "float32") for state in states])
    for limit in (2, 3, 4, 4.5, 5):
        expected = normal.size * stats.norm.sf(limit)
        for count in ((normal > limit).sum(), (normal < -limit).sum()):
            assert abs(count - expected) < 5 * np.sqrt(expected) + 1


def test_normal_numbers_are_not_related():
    """Pairs, neighbours, draws and generators: neither they themselves nor their sizes."""
    n = 200_000

    def numbers(seed, count):
        return normal_numbers(np.array([seed, count], dtype="uint64"), (n,), "float64")

    base = numbers(1, 0)
    others = [base[::2], base[:-1], base[:-2], base, base, base]
    to = [base[1::2], base[1:], base[2:], numbers(1, 1), numbers(2, 0), numbers(1, 2**40)]
    for a, b in zip(others, to, strict=True):
        for measure in (np.asarray, np.abs, np.square):
            correlation = np.corrcoef(measure(a), measure(b))[0, 1]
            assert abs(correlation) < 5 / np.sqrt(len(a))


def test_float32_has_the_normal_numbers_of_float64_rounded():
    state = np.array([8, 8], dtype="uint64")
    exact, rounded = (normal_numbers(state, (999,), f"float{bits}") for bits in (64, 32))
    np.testing.assert_array_equal(rounded, exact.astype("float32"))


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (2, 3, 4), (0, 4), (101, 103)])
def test_every_backend_draws_the_same_numbers(mode, shape):
    state = np.array([3, 9], dtype="uint64")
    draws = {
        CoinFlips("int8"): flip_coins(state, shape, 0.4),
        CoinFlips("bool"): flip_coins(state, shape, 0.4),
        CoinFlips("float32"): flip_coins(state, shape, 0.4),
    }
    for dtype in ("float32", "float64"):
        draws[UniformNumbers(dtype)] = uniform_numbers(state, shape, dtype)
        draws[NormalNumbers(dtype)] = normal_numbers(state, shape, dtype)
    given = pt.vector(dtype="uint64")  # of a constant, the compiler itself would draw, by NumPy
    nodes = [op(given, shape, *([0.4] if isinstance(op, CoinFlips) else [])) for op in draws]
    outputs = pytensor.function([given], [v for node in nodes for v in node], mode=mode)(state)
    for (op, expected), draw in zip(draws.items(), outputs[1::2], strict=True):
        np.testing.assert_array_equal(draw, expected)
        assert draw.dtype == op.dtype
    np.testing.assert_array_equal(outputs[::2], [[3, 10]] * len(draws))


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


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_a_coin_of_no_probability_is_an_error(mode):
    p = pt.scalar("p", dtype="float64")
    coins = pytensor.function([p], RandomStreams(1).binomial(size=(50,), p=p), mode=mode)
    assert coins(1.0).all()
    for wrong in (1 + 1e-6, -1e-6, np.nan, np.inf):
        with pytest.raises(NoSuchCoinError, match=f"probability {wrong:g}: it must be in"):
            coins(wrong)


def test_NanGuardMode_takes_no_state_for_a_number():
    streams = RandomStreams(7)
    x = pt.matrix("x")
    coins = streams.binomial(size=x.shape, p=0.5, dtype=pytensor.config.floatX)
    noise = streams.normal(size=x.shape) + streams.uniform(size=x.shape)
    guard = NanGuardMode(nan_is_error=True, inf_is_error=True, big_is_error=True)
    guarded, free = (
        pytensor.function([x], coins * x + noise, mode=mode) for mode in (guard, "FAST_COMPILE")
    )
    ones = np.ones((3, 4), dtype=pytensor.config.floatX)
    draws = [guarded(ones) for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    streams.seed(7)
    np.testing.assert_allclose(free(ones), draws[0], rtol=1e-6)
    for bad, alarm in ((np.inf, "Inf"), (1e11, "Big value")):
        with pytest.raises(AssertionError, match=f"{alarm} detected"):
            guarded(bad * ones)
