"""The project itself."""

import numpy as np

import deeptutorial
from benchmarks.peers import Train
from benchmarks.peers.variants import pytensor_rows
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Compile the row."""
    return pytensor_rows.prepare(deeptutorial, train_x, params, setting)
