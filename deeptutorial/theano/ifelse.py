"""`ifelse`, which is a module in Theano."""

from pytensor import ifelse

__all__ = ["ifelse"]
