"""The checkpoints of a run, in its folder: the last two, each whole or not there at all."""

import os
import sys
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from deeptutorial.archives import ArchiveError, read_archive, write_archive
from deeptutorial.files import TEMPORARY
from deeptutorial.texts import printable
from deeptutorial.training.headers import check_header

__all__ = ["Checkpoints", "RunFolderError"]

FORMAT = "deeptutorial checkpoint"
VERSION = 1

NAMES = ("checkpoint_0.npz", "checkpoint_1.npz")
"""Written in turn, so that the one before is still there whatever happens to the newest."""

LOCK = ".run.lock"
"""The file stays; the lock on it is gone as soon as its process is."""


class RunFolderError(ValueError):
    """A folder in which a run cannot start, or not go on; the message names the way out."""


class Checkpoints:
    """A folder that belongs to this run alone as long as it lasts, and the checkpoints in it.

    Parameters
    ----------
    folder : Path
        Made if there is none.

    Raises
    ------
    RunFolderError
        If another process is at work there.
    OSError
        If it cannot be written to.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._count = 0
        self._lock()
        for left_behind in folder.glob(f".*{TEMPORARY}"):
            left_behind.unlink(missing_ok=True)

    def exist(self) -> bool:
        """Tell whether there are checkpoints, of a run that has not come to its end."""
        return any(os.path.lexists(self.folder / name) for name in NAMES)

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
        """Remove the checkpoints, the newest last."""
        for count in (self._count + 1, self._count):
            (self.folder / NAMES[count % 2]).unlink(missing_ok=True)

    def lock_again_if_removed(self) -> None:
        """Make the folder again if somebody removed it: the run may still end well.

        Raises
        ------
        OSError, RunFolderError
            If it cannot be made, or another process is at work there by now.
        """
        if _identity(self.folder / LOCK) != self._identity:
            self.release()
            self._lock()

    def release(self) -> None:
        """Let others work in the folder."""
        self._held.release(force=True)

    def _lock(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LOCK
        # A singleton: where a run of this very thread failed, the next one takes its lock over.
        self._held = FileLock(path, timeout=0, is_singleton=True)
        try:
            self._held.acquire()
        except Timeout:
            raise RunFolderError(
                f"another run is at work in {self.folder}: wait for its end, or choose another "
                "`output_folder`"
            ) from None
        self._identity = _identity(path)


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    header, arrays = read_archive(path, FORMAT, VERSION)
    try:
        check_header(header, arrays)
    except ValueError as error:
        raise ArchiveError(f"{path}: not a checkpoint of a run ({error})") from error
    return header, arrays


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
