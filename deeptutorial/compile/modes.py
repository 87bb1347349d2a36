"""Modes to compile a function with, where PyTensor's default is not the best for it."""

from pytensor.compile.mode import Mode, get_default_mode
from pytensor.link.numba.linker import NumbaLinker

__all__ = ["layer_step_mode"]


def layer_step_mode() -> Mode:
    """Return the default mode, with the rewrite `layer_step` where it is for that backend."""
    mode = get_default_mode()
    return mode.including("layer_step") if isinstance(mode.linker, NumbaLinker) else mode
