"""PyTensor's Numba backend, compiling faster."""

from importlib.metadata import version

from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.backends.devices import refuse_gpu
from deeptutorial.compile.backends.numba.modes import quick_mode

__all__ = ["choose"]


def choose(device: str) -> tuple[Mode, str]:
    """Return the mode to compile with, and what runs where, for people."""
    refuse_gpu("numba", device)
    return quick_mode(predefined_modes["NUMBA"]), f"Numba {version('numba')} on the CPU"
