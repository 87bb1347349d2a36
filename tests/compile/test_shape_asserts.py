"""Assertions for JAX and PyTorch: what PyTensor asserts goes, what a user asserts stays."""

from importlib.util import find_spec

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.raise_op import Assert

import deeptutorial

X = pt.matrix("X", dtype="float64")
OWN = Assert("ten columns are needed")(X, pt.eq(X.shape[1], 10)).sum()


@pytest.fixture
def on():
    before = pytensor.config.mode
    yield deeptutorial.use
    pytensor.config.mode = before


@pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed")
def test_pytorch_checks_what_a_user_asserts(on):
    on("pytorch")
    function = pytensor.function([X], OWN)
    assert function(np.ones((2, 10))) == 20
    with pytest.raises(AssertionError, match="ten columns are needed"):
        function(np.ones((2, 3)))


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_jax_says_what_it_cannot_check(on):
    on("jax")
    with pytest.warns(UserWarning, match="ten columns are needed"):
        pytensor.function([X], OWN)


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_nothing_is_said_of_what_pytensor_asserts(on):
    on("jax")
    v, w = pt.vector("v"), pt.vector("w")
    size = pytensor.function([v, w], (v + w).shape[0])  # a warning would be an error
    assert size(np.ones(3), np.ones(3)) == 3
