"""The older `conv2d`, which had other names for its shapes' arguments."""

from deeptutorial.theano.tensor import nnet

__all__ = ["conv2d"]


def conv2d(
    input, filters, image_shape=None, filter_shape=None, border_mode="valid", subsample=(1, 1), **_
):
    """`theano.tensor.nnet.conv2d`; arguments for the making of C code have no meaning any more."""
    return nnet.conv2d(
        input,
        filters,
        filter_shape=filter_shape,
        border_mode=border_mode,
        subsample=subsample,
    )
