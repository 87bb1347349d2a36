"""The engines that run compiled functions: a folder each, and the choice among them."""

from deeptutorial.compile.backends.choice import BACKENDS, use
from deeptutorial.compile.backends.devices import BackendError

__all__ = ["BACKENDS", "BackendError", "use"]
