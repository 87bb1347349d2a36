"""Packages that are needed for some kinds of files only."""

from pathlib import Path
from types import ModuleType

from deeptutorial.datasets.errors import DatasetError
from deeptutorial.held_signals import import_whole

__all__ = ["needed"]


def needed(module: str, path: Path) -> ModuleType:
    """Import a module that the extra ``tables`` brings.

    Raises
    ------
    DatasetError
        If it is not installed; the message says how it would be.
    """
    try:
        return import_whole(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DatasetError(
            f"{path}: to read this kind of file install {package}: pip install "
            f"'deeptutorial[tables]' (or pip install {package})"
        ) from error
