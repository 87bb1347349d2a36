"""The same lines on PyTensor as it comes, in its default mode."""

import numpy as np
from pytensor.compile.mode import get_default_mode

from benchmarks.peers import Train
from benchmarks.peers.variants import plain_classes, pytensor_rows
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Compile the row without this project, which may have been imported by somebody else."""
    mode = get_default_mode().excluding("deeptutorial")
    return pytensor_rows.prepare(plain_classes, train_x, params, setting, mode)
