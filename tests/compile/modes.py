"""A mode to test rewrites with: what they make is run, but not compiled."""

from pytensor.compile.mode import Mode, predefined_modes
from pytensor.link.basic import PerformLinker
from pytensor.link.numba.linker import NumbaLinker

import deeptutorial  # noqa: F401 (registers the rewrites)


class NumbasRewritesInPython(PerformLinker):
    """Runs what Numba would compile: the same graph, the same kernels, no compilation."""

    required_rewrites = NumbaLinker.required_rewrites
    incompatible_rewrites = NumbaLinker.incompatible_rewrites


def quick_mode():
    return Mode(NumbasRewritesInPython(), predefined_modes["NUMBA"].provided_optimizer)
