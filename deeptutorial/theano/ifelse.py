"""`ifelse`, which is a module in Theano."""

from pytensor.ifelse import IfElse, ifelse

__all__ = ["IfElse", "ifelse"]
