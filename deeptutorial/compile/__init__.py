"""What happens to a graph on its way to fast code; importing this registers it with PyTensor."""

from deeptutorial.compile.backends import BACKENDS, BackendError, use
from deeptutorial.compile.backends.numba import dispatch
from deeptutorial.compile.rewrites import (
    denoising_step,
    draw_size,
    fused_products,
    minibatch_slice,
    outer_products,
    shape_asserts,
)

__all__ = [
    "BACKENDS",
    "BackendError",
    "denoising_step",
    "dispatch",
    "draw_size",
    "fused_products",
    "minibatch_slice",
    "outer_products",
    "shape_asserts",
    "use",
]
