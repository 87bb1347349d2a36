"""Pooling: the largest, the sum or the mean of each window of a picture."""

import math

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.theano.tensor.nnet._convolution import windows

__all__ = ["max_pool_2d", "pool_2d"]


def pool_2d(
    input,
    ws=None,
    ignore_border=None,
    stride=None,
    pad=(0, 0),
    mode="max",
    ds=None,
    st=None,
    padding=None,
) -> TensorVariable:
    """Pool the last two axes.

    Parameters
    ----------
    input : symbolic
    ws : pair of int
        Rows and columns of a window; `ds` is its older name.
    ignore_border : bool
        Leave out windows that do not lie inside as a whole; False, as in Theano where it is not
        given, keeps what of them is inside.
    stride : pair of int, optional
        Steps from one window to the next, those of `ws` where None; `st` is its older name.
    pad : pair of int
        Rows and columns to put around; only (0, 0) here. `padding` is its older name.
    mode : {"max", "sum", "average_inc_pad", "average_exc_pad"}

    Returns
    -------
    TensorVariable
    """
    size = tuple(ws if ws is not None else ds)
    step = stride if stride is not None else st
    step = size if step is None else tuple(step)
    if tuple(padding or pad) != (0, 0):
        raise NotImplementedError(
            "theano.tensor.signal.pool is to be had here with pad=(0, 0) only"
        )
    if mode not in ("max", "sum", "average_inc_pad", "average_exc_pad"):
        raise ValueError(f"mode must be max, sum or average_…, got {mode!r}")
    input = pt.as_tensor_variable(input)
    if ignore_border:
        return _reduced(windows(input, size, step), mode)

    floating = input.dtype.startswith("float")
    lowest = -math.inf if floating else np.iinfo(input.dtype).min
    completed = _completed(input, size, step, lowest if mode == "max" else 0)
    pooled = _reduced(windows(completed, size, step), "max" if mode == "max" else "sum")
    if mode.startswith("average"):
        inside = _completed(pt.ones_like(input), size, step, 0)
        pooled /= _reduced(windows(inside, size, step), "sum")
    return pooled


def max_pool_2d(input, ds, ignore_border=None, st=None, padding=(0, 0), mode="max"):
    """`pool_2d`, by its older name."""
    return pool_2d(input, ds, ignore_border, st, padding, mode)


def _reduced(cut: TensorVariable, mode: str) -> TensorVariable:
    if mode == "max":
        return pt.max(cut, axis=(0, 1))
    return pt.sum(cut, axis=(0, 1)) if mode == "sum" else pt.mean(cut, axis=(0, 1))


def _completed(input, size, step, filler) -> TensorVariable:
    """Put rows and columns at the end, so that the last windows lie inside."""
    sides = []
    for length, window, stride in zip((input.shape[-2], input.shape[-1]), size, step, strict=True):
        # As in Theano, a window begins at each stride up to the end, unless an earlier one that
        # is longer than the stride reaches the end already.
        beyond = pt.maximum(length - window, 0) if window > stride else pt.maximum(length - 1, 0)
        count = (beyond + stride - 1) // stride + 1 if window > stride else beyond // stride + 1
        sides.append(pt.maximum((count - 1) * stride + window, length))
    shape = [*(input.shape[i] for i in range(input.ndim - 2)), *sides]
    larger = pt.alloc(pt.constant(filler, dtype=input.dtype), *shape)
    return pt.set_subtensor(larger[..., : input.shape[-2], : input.shape[-1]], input)
