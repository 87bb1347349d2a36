"""`theano.tensor.signal`: pooling, and convolution of single pictures."""

from deeptutorial.theano._names import lookup
from deeptutorial.theano.tensor.signal import conv, pool

__all__ = ["conv", "downsample", "pool"]

downsample = pool
"""Its older name."""


def __getattr__(name):
    return lookup(name, "theano.tensor.signal", "pytensor.tensor.signal")
