"""Convolution of pictures of one channel."""

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.theano.tensor import nnet

__all__ = ["conv2d"]


def conv2d(
    input, filters, image_shape=None, filter_shape=None, border_mode="valid", subsample=(1, 1), **_
) -> TensorVariable:
    """Convolve a picture, or each of a stack, with a filter, or with each of a stack.

    The result has an axis for each of the two that is a stack.
    """
    input, filters = pt.as_tensor_variable(input), pt.as_tensor_variable(filters)
    pictures = input if input.ndim == 3 else pt.shape_padleft(input)
    stack = filters if filters.ndim == 3 else pt.shape_padleft(filters)
    if filter_shape is None:
        known = filters.get_value(borrow=True).shape if hasattr(filters, "get_value") else None
        filter_shape = known or filters.type.shape
    maps = nnet.conv2d(
        pictures.dimshuffle(0, "x", 1, 2),
        stack.dimshuffle(0, "x", 1, 2),
        filter_shape=(None, None, *filter_shape[-2:]),
        border_mode=border_mode,
        subsample=subsample,
    )
    if filters.ndim == 2:
        maps = maps[:, 0]
    return maps if input.ndim == 3 else maps[0]
