"""What the façade's tests share: graphs are run by PyTensor's own Python code, at once."""

import numpy as np
import pytest

from deeptutorial import theano


@pytest.fixture
def value():
    """Return a function that computes a graph's value, given the values of its inputs."""

    def compute(graph, given=None):
        given = given or {}
        compiled = theano.function(list(given), graph, mode="FAST_COMPILE")
        return compiled(*given.values())

    return compute


@pytest.fixture
def rng():
    return np.random.default_rng(0)
