"""What a `FusedProducts` is to do, written down for compiled code, and how to run it without."""

import ctypes

import numpy as np

from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.backends.numba.kernels.epilogue import compile_epilogue
from deeptutorial.compile.backends.numba.kernels.fused_products import (
    KINDS,
    ROLES,
    WRONG_SHAPES,
    announce,
)
from deeptutorial.compile.ops.fused_products import FusedProducts

__all__ = ["plan_of", "run_in_python"]


def plan_of(op: FusedProducts) -> np.ndarray:
    """Return the plan of a `FusedProducts`; its loop is compiled or read from the cache."""
    axes = [2 if axis is None else axis for _, axis in op.sums]
    numbers = [len(op.products), op.n_results, len(op.roles), len(op.stored), len(axes)]
    kinds, results = [KINDS[kind] for kind, _ in op.products], [r for _, r in op.products]
    roles = [ROLES[role] for role in op.roles]
    loop = compile_epilogue(op.epilogue, 8 * np.dtype(op.dtype).itemsize)
    return np.array([loop, *numbers, *kinds, *results, *roles, *axes], np.int64)


def run_in_python(op: FusedProducts, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Run a `FusedProducts` without compiled code around it."""
    plan, first, places = plan_of(op), 2 * len(op.products), dict(op.inplace)
    inputs = [_by_rows(v) for v in inputs]
    shapes = op.output_shapes(*op.shape([v.shape for v in inputs]))
    outputs = [
        _writeable(inputs[first + places[k]]) if k in places else np.empty(shape, output_type.dtype)
        for k, (shape, output_type) in enumerate(zip(shapes, op.output_types, strict=True))
    ]
    table = np.array([_described(v) for v in (*inputs, *outputs)], np.int64)
    announce(op.dtype)
    drive = threads.published("_drive", op.dtype)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)(drive)
    if call(plan.ctypes.data, table.ctypes.data, None) != 0:
        raise ValueError(WRONG_SHAPES)
    return outputs


def _by_rows(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    size = array.itemsize
    if array.ndim == 0 or (array.strides[-1] == size and array.strides[0] % size == 0):
        return array
    return np.ascontiguousarray(array)


def _writeable(array: np.ndarray) -> np.ndarray:
    return array if array.flags.writeable else array.copy()


def _described(array: np.ndarray) -> list[int]:
    shape, strides = array.shape, array.strides
    if array.ndim < 2:
        shape, strides = (shape or (1,)) * 2, (strides or (0,)) * 2
    return [array.ctypes.data, *shape, *strides]
