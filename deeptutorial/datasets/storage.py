"""Where data sets lie on this machine, and who may write there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from deeptutorial.files import sweep

__all__ = ["data_folders", "locked", "writable_folder"]

_CLONE = Path(__file__).parents[2]


def data_folders() -> list[Path]:
    """Return the folders that are searched for data sets, first the most particular.

    The one that the environment variable ``DEEPTUTORIAL_DATA`` names, ``data/`` where the package
    lies in a clone of its repository, and the user's cache folder. Some may not exist.
    """
    named = os.environ.get("DEEPTUTORIAL_DATA")
    return ([Path(named)] if named else []) + _own_folders()


def writable_folder() -> Path | None:
    """Return the folder that downloads and drawn digits go to; None where all are read-only.

    ``DEEPTUTORIAL_DATA`` is only ever read.
    """
    for folder in _own_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _own_folders() -> list[Path]:
    is_clone = (_CLONE / "setup.py").is_file() and (_CLONE / "data" / "README.md").is_file()
    return ([_CLONE / "data"] if is_clone else []) + [user_cache_path("deeptutorial")]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes that make the same file waiting; a dead one does not hold the lock.

    What dead ones left half written is removed.
    """
    with FileLock(path.with_name(f".{path.name}.lock")):
        sweep(path.parent)
        yield
