"""A page on which one draws, and watches what a trained model makes of it."""

from deeptutorial.playground.page import write_playground

__all__ = ["write_playground"]
