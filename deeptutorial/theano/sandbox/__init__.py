"""Theano's sandbox: the other random streams are what is left of it."""

from deeptutorial.theano._names import lookup
from deeptutorial.theano.sandbox import rng_mrg

__all__ = ["rng_mrg"]


def __getattr__(name):
    return lookup(name, "theano.sandbox")
