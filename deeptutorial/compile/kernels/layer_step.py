"""The products of a layer of a network, and the step of its weights, for the Numba backend.

For a minibatch, a layer's weights W (n_in, n_out) are read twice: forward, and backward together
with their update. Three decisions make it fast:

* **Backward and update are one pass.** A few dozen rows of W are read, send the error below, and
  are moved while they are still in the first caches. As separate steps the gradient of W, as large
  as W itself, is written to memory, read again, multiplied and subtracted.
* **The products are written here and not left to BLAS**, which packs W first, for minibatches so
  thin that this takes as long as multiplying.
* **Every number is made by one thread, always in the same order**, so that the results do not
  depend on how many threads there are.
"""

from functools import cache

import numpy as np
from numba import carray, njit, types
from numba.np.numpy_support import from_dtype

from deeptutorial.compile.kernels import helpers
from deeptutorial.compile.kernels.blocks import pointer, rows_of
from deeptutorial.compile.kernels.caching import compiled
from deeptutorial.compile.kernels.products import dot, dots, multiply
from deeptutorial.compile.kernels.tiles import TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

__all__ = ["descend", "load", "product"]

PANEL = 96  # rows of W whose slice of a tile's width fits the first-level cache
ROWS_AT_ONCE = 16  # rows of W that are moved while a panel of the error stays in that cache
ONE = np.int64(1)  # as a literal it would have the products compiled anew

# What the phases are told: sizes, then addresses, as 64-bit integers.
(_B, _V, _H, _THREADS, _SENDS_BACK, _X, _W, _PRODUCT, _D, _MOVE, _DX, _SIZE) = range(12)


def _product(t, task, like):
    """Make this thread's columns of x W."""
    task = carray(task, _SIZE)
    B, V, H, T = task[_B], task[_V], task[_H], task[_THREADS]
    x = carray(pointer(task[_X], like), (B, V))
    W = carray(pointer(task[_W], like), (V, H))
    out = carray(pointer(task[_PRODUCT], like), (B, H))
    width = _tile_width(W.itemsize)
    tiles = (H + width - 1) // width
    start, stop = tiles * t // T * width, min(H, tiles * (t + 1) // T * width)
    for k in range(B):
        out[k, start:stop] = 0
    for r in range(0, V, PANEL):
        rows = min(PANEL, V - r)
        multiply(out, start, H, B, x, r, V, ONE, W, r * H + start, H, rows, stop - start)


def _descend(t, task, like):
    """Send the error below through this thread's rows of W, and move them."""
    task = carray(task, _SIZE)
    B, V, H, T = task[_B], task[_V], task[_H], task[_THREADS]
    x = carray(pointer(task[_X], like), (B, V))
    W = carray(pointer(task[_W], like), (V, H))
    d = carray(pointer(task[_D], like), (B, H))
    move = carray(pointer(task[_MOVE], like), (B, H))
    dx = carray(pointer(task[_DX], like), (B, V))
    start, stop = rows_of(t, T, V)
    for r in range(start, stop, PANEL):
        end = min(r + PANEL, stop)
        if task[_SENDS_BACK]:
            whole = (end - r) // TILE_ROWS * TILE_ROWS
            dots(dx, r, V, W, r * H, H, whole, d, H, B, H)
            for q in range(r + whole, end):
                for k in range(B):
                    dx[k, q] = dot(W[q], d[k])
        for q in range(r, end, ROWS_AT_ONCE):
            rows = min(ROWS_AT_ONCE, end - q)
            for k in range(0, B, PANEL):
                depth = min(PANEL, B - k)
                multiply(W, q * H, H, rows, x, k * V + q, ONE, V, move, k * H, H, depth, H)


@njit
def _tile_width(itemsize):
    return TILE_VECTORS * VECTOR_BYTES // itemsize


@cache
def load(dtype: str) -> None:
    """Compile for a float type, or read from Numba's cache, what the two functions below run."""
    dtype = np.dtype(dtype)
    signature = types.void(
        types.int64, types.CPointer(types.int64), types.CPointer(from_dtype(dtype))
    )
    for first, phase in ((helpers.LAYER_PRODUCT, _product), (helpers.LAYER_STEP, _descend)):
        helpers.register(_slot(first, dtype.itemsize), [compiled(signature, phase)])


@njit
def _slot(first, itemsize):
    return first + (itemsize == 8)


@njit
def _threads(B, V, H, most):
    # A product of some ten microseconds is over before two threads have met.
    return max(1, min(helpers.thread_count(), most)) if B * V * H >= 50_000 else 1


@njit(error_model="numpy")
def product(x, W):
    """Return x W.

    Parameters
    ----------
    x, W : array, (B, n_in) and (n_in, n_out)
        C-contiguous and of one type, float32 or float64.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    (B, V), H = x.shape, W.shape[1]
    if W.shape[0] != V:
        raise ValueError(WRONG_SHAPES)
    out = np.empty((B, H), W.dtype)
    tiles = (H - 1) // _tile_width(W.itemsize) + 1
    task = np.empty(_SIZE, np.int64)
    task[_B], task[_V], task[_H], task[_THREADS] = B, V, H, _threads(B, V, H, tiles)
    task[_X], task[_W], task[_PRODUCT] = x.ctypes.data, W.ctypes.data, out.ctypes.data
    helpers.run(_slot(helpers.LAYER_PRODUCT, W.itemsize), 1, task[_THREADS], task.ctypes.data)
    _keep_alive(x, W, task)
    return out


@njit(error_model="numpy")
def descend(x, d, rate, W, sends_back):
    """Subtract ``rate x.T d`` from W, in place, and return ``d W.T`` with W as it was.

    Parameters
    ----------
    x, d : array, (B, n_in) and (B, n_out)
        What came into the layer, and the error of its product. All arrays are C-contiguous and of
        one type, float32 or float64.
    rate : float
    W : array, (n_in, n_out)
    sends_back : bool
        Without it, what is returned has no rows.

    Raises
    ------
    ValueError
        If the shapes do not fit together. Nothing is written then.
    """
    (B, V), H = x.shape, W.shape[1]
    # What follows works on addresses, and would not notice.
    if W.shape[0] != V or d.shape[0] != B or d.shape[1] != H:
        raise ValueError(WRONG_SHAPES)
    move = np.empty((B, H), W.dtype)
    for k in range(B):
        for j in range(H):
            move[k, j] = -rate * d[k, j]
    dx = np.empty((B if sends_back else 0, V), W.dtype)
    task = np.empty(_SIZE, np.int64)
    task[_B], task[_V], task[_H] = B, V, H
    task[_THREADS] = _threads(B, V, H, V // 16)
    task[_SENDS_BACK] = sends_back
    task[_X], task[_W], task[_D] = x.ctypes.data, W.ctypes.data, d.ctypes.data
    task[_MOVE], task[_DX] = move.ctypes.data, dx.ctypes.data
    helpers.run(_slot(helpers.LAYER_STEP, W.itemsize), 1, task[_THREADS], task.ctypes.data)
    _keep_alive(x, d, task)
    _keep_alive(move, W, dx)
    return dx


WRONG_SHAPES = (
    "the shapes do not fit together: expected (n, n_in) of a layer's input, (n, n_out) of its "
    "error and (n_in, n_out) of its weights"
)


@njit(inline="never")
def _keep_alive(a, b, c):
    # The phases saw addresses only; what they lay in must not be freed before.
    return a.size + b.size + c.size
