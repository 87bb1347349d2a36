"""Subclasses of `dA` that were written for the tutorial's class, and know nothing of this one's."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams, dA


class Old(dA):
    """Sets the tutorial's attributes, and calls no other constructor."""

    def __init__(self, n_visible, n_hidden):
        rng = np.random.RandomState(5)
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.W = pytensor.shared(rng.uniform(-1, 1, (n_visible, n_hidden)))
        self.b, self.b_prime = (
            pytensor.shared(np.zeros(n_hidden)),
            pytensor.shared(np.zeros(n_visible)),
        )
        self.W_prime = self.W.T
        self.theano_rng = RandomStreams(rng.randint(2**30))
        self.x = pt.matrix("x")
        self.params = [self.W, self.b, self.b_prime]


class OnlyParameters(Old):
    def get_cost_updates(self, corruption_level, learning_rate):
        cost, updates = super().get_cost_updates(corruption_level, learning_rate)
        return cost, updates[:3]


@pytest.fixture(autouse=True)
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


def test_inherited_methods_need_the_tutorials_attributes_only(tmp_path):
    da = Old(4, 3)
    x = np.random.default_rng(0).random((5, 4))
    W = da.W.get_value()
    y = 1 / (1 + np.exp(-(x @ W)))
    z = 1 / (1 + np.exp(-(y @ W.T)))
    expected = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(1).mean()

    cost, updates = da.get_cost_updates(0.0, 0.1)
    assert [param for param, _ in updates] == da.params
    value = pytensor.function([da.x], cost, mode="FAST_COMPILE")(x)
    np.testing.assert_allclose(value, expected)

    da.save(tmp_path / "old.npz")
    with np.load(tmp_path / "old.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["W"], W)


def test_noise_is_fresh_though_only_the_parameters_updates_are_returned():
    da = OnlyParameters(4, 3)
    cost, updates = da.get_cost_updates(0.5, 0.0)
    step = pytensor.function([da.x], cost, updates=updates, mode="FAST_COMPILE")
    x = np.random.default_rng(0).random((5, 4))
    assert len({float(step(x)) for _ in range(5)}) == 5
