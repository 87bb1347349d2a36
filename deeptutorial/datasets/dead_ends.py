"""What would do in the place of a folder that is no data set: one within it, or a file in it."""

import os
from pathlib import Path

from deeptutorial.datasets.cifar import is_cifar_folder
from deeptutorial.datasets.idx import IDX_NAMES, find_idx_sets

__all__ = ["what_would_do"]

AT_MOST = 200
"""Names that are looked at."""


def what_would_do(folder: Path) -> str:
    """Say which folder or file to name instead, or nothing; to be put behind a message."""
    names = _names(folder)
    inner = [name for name in names if os.path.isdir(folder / name)]
    deeper = [os.path.join(name, own) for name in inner for own in _names(folder / name)]
    for name in (inner + deeper)[:AT_MOST]:
        if find_idx_sets(folder / name) or is_cifar_folder(folder / name):
            return f"; name the folder {folder / name}"
    files = [name for name in names if name not in inner]
    for name in files:
        if "idx" in name.lower() or "ubyte" in name.lower():
            return (
                f"; {name} looks like one of MNIST's files, but these are called "
                f"{', '.join(IDX_NAMES)} (with .gz or without), or so with the name of a data set "
                "before it"
            )
    return f"; if {files[0]} is the data set, name that file" if files else ""


def _names(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))[:AT_MOST]
