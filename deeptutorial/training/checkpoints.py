"""The checkpoints of a run, in its folder: the last two, each whole or not there at all."""

import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from deeptutorial.archives import ArchiveError, read_archive, write_archive
from deeptutorial.files import sweep
from deeptutorial.texts import printable
from deeptutorial.training.folder_lock import FolderLock, RunFolderError
from deeptutorial.training.headers import check_header
from deeptutorial.training.printing import print_line

__all__ = ["Checkpoints"]

FORMAT = "deeptutorial checkpoint"
VERSION = 1

NAMES = ("checkpoint_0.npz", "checkpoint_1.npz")
"""Written in turn, so that the one before is still there whatever happens to the newest."""


class Checkpoints:
    """A folder that belongs to this run alone as long as it lasts, and the checkpoints in it.

    Parameters
    ----------
    folder : Path
        Made if there is none.

    Attributes
    ----------
    folder : Path
        Another one from the moment on when this one was lost to another run.

    Raises
    ------
    RunFolderError
        If another process is at work there.
    OSError
        If it cannot be written to.
    """

    def __init__(self, folder: Path):
        self._count = 0
        self._lock = FolderLock(folder)
        sweep(folder)

    @property
    def folder(self) -> Path:
        return self._lock.folder

    def exist(self) -> bool:
        """Tell whether there are checkpoints of this run, or of one that it can go on with."""
        return self._lock.is_held() and any(os.path.lexists(self.folder / name) for name in NAMES)

    def secure(self) -> None:
        """Make sure that the folder is this run's, or move to another and say so.

        A folder that was removed is made again. One that another run has taken meanwhile, which is
        possible where it was removed, or where the disk does not lock folders, is left to that one.

        Raises
        ------
        OSError
            If no folder can be had.
        """
        try:
            self._lock.hold()
        except RunFolderError:
            lost = self.folder
            self._lock = FolderLock(_new_folder_beside(lost))
            print_line(
                f"This run goes on in {self.folder}: another run is at work in {lost} by now",
                file=sys.stderr,
            )

    def read_newest(self) -> tuple[dict, dict[str, np.ndarray]] | None:
        """Return header and arrays of the newest checkpoint that is whole; None if there is none.

        Raises
        ------
        RunFolderError
            If there are checkpoints, but none that is whole, or one that cannot be read: it may be
            whole all the same.
        """
        found, failures = [], []
        for name in NAMES:
            path = self.folder / name
            if os.path.lexists(path):
                try:
                    found.append(_read(path))
                except ArchiveError as error:
                    failures.append(str(error))
                except OSError as error:
                    raise RunFolderError(
                        f"{path} cannot be read ({error.strerror}): resume once it can be, or move "
                        "it elsewhere to go on without it"
                    ) from error
        if failures and not found:
            raise RunFolderError(
                f"no checkpoint can be used ({'; '.join(failures)}); remove "
                f"{self.folder / 'checkpoint_*.npz'} to start from the beginning"
            )
        for failure in failures:
            print(f"{printable(failure)}; taking the other checkpoint", file=sys.stderr)
        if not found:
            return None
        header, arrays = max(found, key=lambda checkpoint: checkpoint[0]["count"])
        self._count = header["count"]
        return header, arrays

    def misfit(self, reason: object) -> RunFolderError:
        """Return what is to be raised where the checkpoint is whole, and not of this run."""
        return RunFolderError(
            f"the checkpoint in {self.folder} does not fit this run ({reason}): remove "
            f"{self.folder / 'checkpoint_*.npz'} to start from the beginning"
        )

    def write(self, header: dict, arrays: dict[str, np.ndarray]) -> None:
        """Write a checkpoint in the place of the last but one.

        Raises
        ------
        OSError
            If it cannot be written; the last one is still there.
        """
        count = self._count + 1
        header = {"format": FORMAT, "version": VERSION, "count": count, **header}
        write_archive(self.folder / NAMES[count % 2], header, arrays)
        self._count = count

    def remove(self) -> None:
        """Remove the checkpoints, the newest last, unless the folder is another run's by now."""
        if not self._lock.is_held():
            return
        for count in (self._count + 1, self._count):
            (self.folder / NAMES[count % 2]).unlink(missing_ok=True)

    def release(self) -> None:
        """Let others work in the folder."""
        self._lock.release()


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    header, arrays = read_archive(path, FORMAT, VERSION)
    try:
        check_header(header, arrays)
    except ValueError as error:
        raise ArchiveError(f"{path}: not a checkpoint of a run ({error})") from error
    return header, arrays


def _new_folder_beside(folder: Path) -> Path:
    """Make a folder that is nobody's yet."""
    folder = folder if folder.name.strip(".") else folder.resolve()
    for number in itertools.count(2):
        other = Path(f"{folder}-{number}")
        with suppress(FileExistsError):
            other.mkdir(parents=True)
            break
    return other
