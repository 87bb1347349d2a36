"""A symbolic variable is true, and a comparison of them is neither, as in Theano."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano


def test_variables_are_true():
    W = theano.shared(np.zeros(2))
    assert W
    assert T.matrix()
    assert T.matrix() * 2
    assert W


def test_a_comparison_raises():
    x = T.scalar()
    for comparison in (x < 1, x <= 1, x > 1, x >= 1):
        with pytest.raises(TypeError, match="switch"):
            bool(comparison)


def test_equality_is_identity():
    x, y = T.scalar(), T.scalar()
    assert x == x
    assert not x == y  # noqa: SIM201
    assert x is not None
