"""What happens to a graph on its way to fast code; importing this registers it with PyTensor."""

from deeptutorial.compile import numba_ops
from deeptutorial.compile.backends import BACKENDS, BackendError, use
from deeptutorial.compile.rewrites import (
    coin_flips_size,
    denoising_step,
    fused_products,
    minibatch_slice,
    shape_asserts,
)

__all__ = [
    "BACKENDS",
    "BackendError",
    "coin_flips_size",
    "denoising_step",
    "fused_products",
    "minibatch_slice",
    "numba_ops",
    "shape_asserts",
    "use",
]
