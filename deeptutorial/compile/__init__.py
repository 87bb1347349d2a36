"""What happens to a graph on its way to fast code; importing this registers it with PyTensor."""

from deeptutorial.compile.backends import BACKENDS, BackendError, use
from deeptutorial.compile.backends.numba import dispatch  # noqa: F401  as below, it registers
from deeptutorial.compile.rewrites import (  # noqa: F401
    denoising_step,
    draw_size,
    fused_products,
    minibatch_slice,
    outer_products,
    shape_asserts,
)

__all__ = ["BACKENDS", "BackendError", "use"]
