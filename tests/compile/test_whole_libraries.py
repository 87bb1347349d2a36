"""What is optimised as a whole, beside what is not."""

import gc
import subprocess
import sys
from inspect import cleandoc

import pytensor.link.numba  # noqa: F401  # Numba's settings
import pytest
from numba import cfunc, njit, types

from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole

HELPED = cleandoc(
    """
    import numpy as np
    import pytensor.link.numba
    from numba import njit
    from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole

    @njit
    def helper(x, a):  # too long to become a part of what calls it
        total = 0.0
        for i in range(len(x)):
            for k in range(int(a) + 3):
                total += np.sin(x[i] * a + k) + np.cos(x[i] + a) * np.log(x[i] + 2 + k)
        for i in range(len(x)):
            total += np.tan(x[i] * total + a) + np.arctan2(x[i], total + a)
        for i in range(len(x) - 1):
            total += np.hypot(x[i], x[i + 1]) + np.arcsin(x[i] / 2) * a
        return total

    @njit
    def whole(x):  # where `a` is always 1, so that LLVM need not hand it on
        return helper(x, 1.0) + helper(x + 0.1, 1.0)

    @njit
    def ordinary(x):
        return (
            helper(x * 0.10, 2.0) + helper(x * 0.15, 3.0) + helper(x * 0.20, 4.0)
            + helper(x * 0.25, 5.0) + helper(x * 0.30, 6.0) + helper(x * 0.35, 7.0)
            + helper(x * 0.40, 8.0) + helper(x * 0.45, 9.0) + helper(x * 0.50, 10.0)
        )

    x = np.linspace(0.1, 0.9, 5)
    with optimised_as_a_whole():
        found = whole(x)
    np.testing.assert_allclose(found, whole.py_func(x))
    python = helper.py_func
    expected = sum(python(x * (0.05 * k), float(k)) for k in range(2, 11))
    np.testing.assert_allclose(ordinary(x), expected)
    """
)


def test_another_library_does_not_call_what_was_fitted_to_others_arguments():
    """It did, and crashed: so this is a process of its own."""
    done = subprocess.run([sys.executable, "-c", HELPED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@njit
def doubled(x):
    return 2.0 * x


RECURSIVE = cleandoc(
    """
    import pytensor.link.numba
    from numba import njit
    from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole

    @njit
    def factorial(n):
        if n <= 1:
            return 1
        return n * factorial(n - 1)

    @njit
    def whole(x):
        return x * factorial(5)

    with optimised_as_a_whole():
        print(whole(2))
    """
)


def test_a_function_that_calls_itself():
    """In a new process, where Numba has compiled nothing for itself yet, it crashed."""
    done = subprocess.run([sys.executable, "-c", RECURSIVE], capture_output=True, text=True)
    assert done.stdout == "240\n", done.stderr


SIGNATURE = types.float64(types.float64)


@njit(types.float64(types.FunctionType(SIGNATURE), types.float64))
def applied(function, x):  # by its address for C
    return function(x)


def test_what_was_compiled_within_can_be_called_in_every_way():
    with optimised_as_a_whole():
        for_c = cfunc(SIGNATURE)(lambda x: doubled(x) + 1.0)
    assert for_c.ctypes(4.0) == 9.0
    assert doubled(4.0) == 8.0
    assert applied(doubled, 4.0) == 8.0


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_is_looked_for_again_afterwards(is_enabled):
    before = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        with optimised_as_a_whole():
            assert not gc.isenabled()
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if before else gc.disable)()
