"""Models as symbolic graphs."""

from deeptutorial.models.da import dA

__all__ = ["dA"]
