"""What happens to a graph on its way to fast code; importing this registers it with PyTensor."""

from deeptutorial.compile import numba_ops
from deeptutorial.compile.rewrites import denoising_step, layer_step

__all__ = ["denoising_step", "layer_step", "numba_ops"]
