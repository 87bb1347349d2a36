"""The project itself."""

import numpy as np

import deeptutorial
from benchmarks.peers import Train
from benchmarks.peers.variants import pytensor_rows
from benchmarks.setting import Parameters, Setting
from deeptutorial.compile.modes import layer_step_mode

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Compile the row; fine-tuning in the mode that ``SdA`` does it in."""
    mode = layer_step_mode() if setting.row == "fine-tuning" else None
    return pytensor_rows.prepare(deeptutorial, train_x, params, setting, mode)
