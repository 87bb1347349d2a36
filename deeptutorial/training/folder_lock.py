"""A lock on a folder, which is one run's alone as long as the run lasts."""

import os
import threading
from pathlib import Path
from weakref import WeakValueDictionary

from deeptutorial.files import take_lock

__all__ = ["FolderLock", "RunFolderError"]

NAME = ".run.lock"
"""The file stays; the lock on it is gone as soon as its process is."""


class RunFolderError(ValueError):
    """A folder in which a run cannot start, or not go on; the message names the way out."""


class FolderLock:
    """Keeps other runs out of a folder, those of other processes and other threads.

    What is locked is the folder itself, whatever becomes of the names in it or of its own. A file
    in it is locked besides: some network disks lock files only. A run that failed in this thread
    does not bar the next one there, which takes its lock over.

    Parameters
    ----------
    folder : Path
        Made if there is none.

    Raises
    ------
    RunFolderError
        If another run is at work there.
    OSError
        If the folder cannot be made, or the file in it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._thread = threading.current_thread()
        self._is_released = False
        self._handles: dict[Path, int] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_over()
        self.hold()

    def hold(self) -> None:
        """Make sure that the folder is still this run's; make it again if somebody removed it.

        Raises
        ------
        RunFolderError, OSError
            As at the beginning.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.folder, self.folder / NAME):
            if self._is_released or not (self._has(path) or self._lock(path)):
                raise RunFolderError(
                    f"another run is at work in {self.folder}: wait for its end, or choose another "
                    "`output_folder`"
                )
        _holders[_identity(self.folder)] = self

    def is_held(self) -> bool:
        """Tell whether the folder is this run's, after `hold` has seen to it."""
        try:
            self.hold()
        except (RunFolderError, OSError):
            return False
        return True

    def release(self) -> None:
        """Let others work in the folder; for this run it is lost."""
        self._is_released = True
        while self._handles:
            os.close(self._handles.popitem()[1])

    __del__ = release

    def _take_over(self):
        """End the lock of an earlier run of this thread, or of a thread that is no more."""
        other = _holders.get(_identity(self.folder))
        if other not in (None, self) and (
            other._thread is threading.current_thread() or not other._thread.is_alive()
        ):
            other.release()

    def _has(self, path: Path) -> bool:
        """Tell whether what has this name now is what was locked."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._handles[path]))
        except (KeyError, OSError):
            return False

    def _lock(self, path: Path) -> bool:
        if path == self.folder:
            try:
                handle = os.open(path, os.O_RDONLY)
            except OSError:  # it may be written to, but not read; then the file alone is locked
                return True
        else:
            no_link = getattr(os, "O_NOFOLLOW", 0)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | no_link, 0o666)
        if take_lock(handle) is False:
            os.close(handle)
            return False
        if path in self._handles:
            os.close(self._handles[path])
        self._handles[path] = handle
        return True


_holders: WeakValueDictionary[tuple[int, int], FolderLock] = WeakValueDictionary()
"""The locks of this process, by device and number of their folders."""


def _leave_them_to_the_parent():
    for lock in list(_holders.values()):
        lock.release()


if hasattr(os, "register_at_fork"):
    # A child that outlives this process, a killed one, must not keep its folders locked.
    os.register_at_fork(after_in_child=_leave_them_to_the_parent)


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
