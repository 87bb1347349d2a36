"""The files in a folder and in all that it leads to."""

import os
from pathlib import Path

from deeptutorial.datasets.errors import DatasetError

__all__ = ["files_within"]

MOST_FOLDERS = 100_000
"""Links from folder to folder can make more ways than there are folders."""


def files_within(folder: Path) -> list[Path]:
    """Return the files in a folder and in its sub-folders, sorted, hidden ones left out.

    Symbolic links are followed; one to nowhere counts as a file.

    Raises
    ------
    DatasetError
        If one of the folders cannot be read, or leads back to one that it lies in.
    """
    files: list[Path] = []
    waiting: list[tuple[Path, tuple]] = [(folder, ())]
    n_folders = 0
    while waiting:
        here, above = waiting.pop()
        n_folders += 1
        if n_folders > MOST_FOLDERS:
            raise DatasetError(f"{folder}: leads to more than {MOST_FOLDERS} folders")
        try:
            state = os.stat(here)
            with os.scandir(here) as entries:
                found = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise DatasetError(
                f"{here}: this folder cannot be read ({error.strerror}); make it readable, or move "
                "it elsewhere"
            ) from error
        identity = (state.st_dev, state.st_ino)
        if identity in above:
            raise DatasetError(
                f"{here}: a symbolic link that leads back to a folder in which it lies; remove it"
            )
        for entry in found:
            path = here / entry.name
            if os.path.isdir(path):
                waiting.append((path, (*above, identity)))
            else:
                files.append(path)
    return sorted(files)
