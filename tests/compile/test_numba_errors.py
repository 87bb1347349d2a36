"""What compiled code raises: the numbers in it, and the memory that it leaves behind."""

import tracemalloc

import numpy as np
import pytest
from numba import njit

from deeptutorial.compile.backends.numba.errors import (
    NoSuchClassError,
    NoSuchCoinError,
    NoSuchMinibatchError,
    note,
)


@njit
def refuse(which, number):
    note(0, number)
    note(1, 40)
    note(0, 1.5)
    if which == 0:
        raise NoSuchMinibatchError(20)
    if which == 1:
        raise NoSuchClassError(10)
    raise NoSuchCoinError


def refused(which, number):
    with pytest.raises((IndexError, ValueError)) as caught:
        refuse(which, np.int64(number))
    return str(caught.value)


def test_the_numbers_are_those_of_the_call():
    assert refused(0, 2**62) == (
        f"there is no minibatch {2**62}: 40 rows make 2 minibatches of 20, numbered from 0"
    )
    assert refused(1, -(2**63)).startswith(f"there is no class {-(2**63)}: the labels of 10 cl")
    assert refused(2, 0).startswith("a coin cannot fall with probability 1.5")


def test_nothing_is_left_of_an_error():
    def refuse_often():
        for which in range(3000):
            with pytest.raises((IndexError, ValueError)):
                refuse(which % 3, 10**6)

    refuse_often()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        refuse_often()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000  # with arguments that are no constants it is a megabyte
