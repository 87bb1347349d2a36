"""Theano's random streams: the distributions, fresh draws, seeds, and scans that move them on."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano
from deeptutorial.theano.sandbox.rng_mrg import MRG_RandomStreams
from deeptutorial.theano.tensor.shared_randomstreams import RandomStreams

N = 20_000


@pytest.fixture(params=[RandomStreams, MRG_RandomStreams])
def streams(request):
    return request.param(seed=7)


@pytest.fixture
def draw():
    def drawn(graph):
        return theano.function([], graph, mode="FAST_COMPILE")()

    return drawn


def close(value, expected, deviation, n=N):
    """Compare a mean of n draws, with five times its deviation."""
    np.testing.assert_allclose(value, expected, atol=5 * deviation / np.sqrt(n))


def test_uniform(streams, draw):
    x = draw(streams.uniform((N,), low=-1, high=3, dtype="float32"))
    assert x.dtype == "float32"
    assert x.min() >= -1
    assert x.max() < 3
    close(x.mean(), 1, 4 / np.sqrt(12))


def test_normal(streams, draw):
    x = draw(streams.normal(size=(N // 2, 2), avg=3.0, std=0.5))
    assert x.shape == (N // 2, 2)
    close(x.mean(), 3, 0.5)
    close(x.std(), 0.5, 0.5)


def test_binomial(streams, draw):
    coins = draw(streams.binomial(size=(N,), n=1, p=0.3))
    assert coins.dtype == "int64"
    assert set(np.unique(coins)) == {0, 1}
    close(coins.mean(), 0.3, 0.5)
    several = draw(streams.binomial((N,), 4, 0.5, dtype="float32"))
    assert several.dtype == "float32"
    assert several.max() <= 4
    close(several.mean(), 2, 1)


def test_binomial_of_many_probabilities(streams, draw):
    p = np.array([0.0, 0.2, 0.9, 1.0])
    rows = T.alloc(p, N, 4)
    x = draw(streams.binomial(size=rows.shape, n=1, p=rows, dtype="float64"))
    assert x.dtype == "float64"
    close(x.mean(0), p, 0.5)


def test_multinomial(streams, draw):
    p = np.array([[0.1, 0.2, 0.7], [1, 0, 0]])
    one = draw(streams.multinomial(pvals=T.alloc(p, N, 2, 3).reshape((2 * N, 3))))
    np.testing.assert_array_equal(one.sum(1), 1)
    close(one.reshape(N, 2, 3).mean(0), p, 0.5)
    several = draw(streams.multinomial(size=(N,), n=5, pvals=p[0]))
    np.testing.assert_array_equal(several.sum(1), 5)
    close(several.mean(0), 5 * p[0], 1.1)


def test_choice(streams, draw):
    close(draw(streams.choice((N,), a=4)).mean(), 1.5, 1.2)
    among = draw(streams.choice((N,), a=np.array([10.0, 20, 30]), p=[0.5, 0, 0.5], dtype="float64"))
    assert set(np.unique(among)) == {10, 30}
    close(among.mean(), 20, 10)
    different = draw(streams.choice((5,), a=5, replace=False))
    assert sorted(different) == [0, 1, 2, 3, 4]


def test_choice_without_replacement_of_rows(draw):
    p = np.tile([0.0, 0.5, 0.25, 0.25], (N, 1))
    rows = draw(MRG_RandomStreams(3).multinomial_wo_replacement(n=2, pvals=p))
    assert rows.shape == (N, 2)
    assert (rows[:, 0] != rows[:, 1]).all()
    assert (rows > 0).all()
    close((rows[:, 0] == 1).mean(), 0.5, 0.5)


def test_permutations(streams, draw):
    assert sorted(draw(streams.permutation(n=6))) == list(range(6))
    rows = draw(streams.permutation(size=(N,), n=3))
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile([0, 1, 2], (N, 1)))
    close(rows.mean(0), [1, 1, 1], 0.9)


def test_shuffled_rows(streams, draw):
    x = np.arange(12.0).reshape(3, 4)
    rows = draw(streams.shuffle_row_elements(T.as_tensor_variable(x)))
    np.testing.assert_array_equal(np.sort(rows, axis=1), x)
    assert sorted(draw(streams.shuffle_row_elements(T.as_tensor_variable(x[0])))) == list(x[0])


def test_random_integers_include_the_highest(streams, draw):
    x = draw(streams.random_integers((N,), low=2, high=4))
    assert set(np.unique(x)) == {2, 3, 4}


def test_poisson(streams, draw):
    close(draw(streams.poisson((N,), lam=3.0)).mean(), 3, np.sqrt(3))


def test_draws_are_fresh_and_the_same_for_the_same_seed(streams):
    def two(streams):
        f = theano.function([], streams.uniform((3,)), mode="FAST_COMPILE")
        return f(), f()

    first, second = two(streams)
    assert (first != second).all()
    np.testing.assert_array_equal(two(type(streams)(seed=7)), [first, second])


def test_seed_starts_anew(streams):
    f = theano.function([], streams.normal((3,)), mode="FAST_COMPILE")
    streams.seed(9)
    first = f()
    f()
    streams.seed(9)
    np.testing.assert_array_equal(f(), first)


def test_seeds_of_six_numbers_and_none():
    MRG_RandomStreams([1, 2, 3, 4, 5, 6])
    RandomStreams()


def test_a_draw_knows_its_generator(streams):
    drawn = streams.uniform((2,))
    f = theano.function([], drawn, mode="FAST_COMPILE")
    before = drawn.rng.get_value()
    first = f()
    drawn.rng.set_value(before)
    np.testing.assert_array_equal(f(), first)
    assert streams.updates()[0] == drawn.update
    assert streams.state_updates[0][0] is drawn.rng


@pytest.mark.parametrize("kind", ["coins", "coins of a vector", "uniform"])
def test_streams_move_on_within_a_scan_and_from_call_to_call(streams, kind):
    def step(total):
        if kind == "uniform":
            return streams.uniform(total.shape)
        p = 0.5 if kind == "coins" else 0.5 + 0 * total
        return streams.binomial(size=total.shape, n=1, p=p, dtype=total.dtype)

    out, updates = theano.scan(step, outputs_info=[T.zeros((40,))], n_steps=3)
    f = theano.function([], out, updates=updates, mode="FAST_COMPILE")
    draws = [*f(), *f()]
    assert len(np.unique(draws, axis=0)) == 6
