"""Modes to compile a function with, where PyTensor's default is not the best for it."""

from pytensor.compile.mode import Mode, get_default_mode
from pytensor.link.numba.linker import NumbaLinker

from deeptutorial.compile.backends.numba.linker import QuickNumbaLinker

__all__ = ["own_products_mode", "quick_mode"]


def quick_mode(mode: Mode | None = None) -> Mode:
    """Return a mode, by default the default one, that compiles faster where it is for Numba."""
    mode = get_default_mode() if mode is None else mode
    if type(mode.linker) is NumbaLinker:
        return Mode(QuickNumbaLinker(), mode.provided_optimizer)
    return mode


def own_products_mode() -> Mode:
    """Return `quick_mode()` with every product a `FusedProducts`, where it is for Numba.

    PyTensor's own are BLAS's, whose last bits depend on where in memory an array happens to lie.
    """
    mode = quick_mode()
    return mode.including("fuse_every_product") if isinstance(mode.linker, NumbaLinker) else mode
