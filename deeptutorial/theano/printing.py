"""Graphs and values on the screen: PyTensor's `printing`."""

from deeptutorial.theano._names import lookup


def __getattr__(name):
    return lookup(name, "theano.printing", "pytensor.printing")
