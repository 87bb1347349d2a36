"""The project on JAX: the same lines after one more."""

import numpy as np

from benchmarks.peers import Train, deeptutorial
from benchmarks.setting import Parameters, Setting
from deeptutorial import use

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Choose the backend, and compile ``train_da``."""
    use("jax", setting.device)
    return deeptutorial.prepare(train_x, params, setting)
