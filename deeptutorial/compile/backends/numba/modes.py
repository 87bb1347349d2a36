"""Modes to compile a function with, where PyTensor's default is not the best for it."""

from pytensor.compile.mode import Mode, get_default_mode
from pytensor.link.numba.linker import NumbaLinker

from deeptutorial.compile.backends.numba.linker import QuickNumbaLinker

__all__ = ["quick_mode"]


def quick_mode(mode: Mode | None = None) -> Mode:
    """Return a mode, by default the default one, that compiles faster where it is for Numba."""
    mode = get_default_mode() if mode is None else mode
    if type(mode.linker) is NumbaLinker:
        return Mode(QuickNumbaLinker(), mode.provided_optimizer)
    return mode
