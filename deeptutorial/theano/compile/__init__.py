"""Modes and what else belongs to compiling: PyTensor's `compile`."""

from pytensor.compile.mode import Mode
from pytensor.compile.ops import wrap_py

from deeptutorial.compile.backends.numba.modes import quick_mode
from deeptutorial.theano._function import In, Out, Param, function, mode_of
from deeptutorial.theano._names import lookup
from deeptutorial.theano._shared import shared

__all__ = [
    "FAST_COMPILE",
    "FAST_RUN",
    "In",
    "Mode",
    "Out",
    "Param",
    "as_op",
    "function",
    "get_default_mode",
    "get_mode",
    "pfunc",
    "shared",
]

FAST_RUN = mode_of("FAST_RUN")
FAST_COMPILE = mode_of("FAST_COMPILE")

pfunc = function
"""Theano's inner name of it."""

as_op = wrap_py
"""The same, under another name now."""


def get_default_mode() -> Mode:
    """Return the mode that `function` takes where it is given none."""
    return quick_mode()


def get_mode(name=None) -> Mode:
    """Return a mode by its name in Theano."""
    return mode_of(name)


def __getattr__(name):
    return lookup(
        name, "theano.compile", "pytensor.compile", "pytensor.compile.mode", "pytensor.compile.ops"
    )
