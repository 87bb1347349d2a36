"""Files that are there whole or not at all: how results are written, to pipes and devices too."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["replacing", "save_png", "sweep", "take_lock", "writing"]

_MARK, _ENDING = ".deeptutorial-", ".part"
"""The name of a file of ours that is not whole yet, 16 digits between them."""

_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)

_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path to write to, renamed to `path` at the end and removed on failure.

    The content is on the disk before the name is, and the name before this returns: after a power
    cut too there is the old file or the new one, never half of one.

    A new file has the permissions that the process gives to its files; one that was there keeps
    its own. Where `path` is a symbolic link, the file takes the place of the link, and what that
    led to stays as it is.

    Raises
    ------
    OSError
        Where the folder or the disk does not let it, where `path` may not be written to, or where
        it is a folder, a device or a pipe; it is then what it was before. The message names it.
    """
    path = Path(path)
    before = _replaceable(path)
    with _naming(path):
        mode = 0o666 if before is None else (before.st_mode & 0o777) | 0o600
        lock, temporary = _create(path.parent, mode)
        try:
            yield temporary
            if before is not None:
                _give_mode_and_owner(temporary, before)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            with suppress(OSError):  # it has its name by now; or the folder is gone
                temporary.unlink()
            if lock is not None:
                os.close(lock)


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Give a file to write bytes to, for a path that somebody asked for by its name.

    A pipe or a device (``/dev/stdout``, ``/dev/null``, a FIFO) gets the bytes as they come. All
    else is as with `replacing`.

    Raises
    ------
    OSError
        As with `replacing`.
    """
    stream = _stream(path)
    if stream is None:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            yield file
    else:
        with _naming(path), open(stream, "wb") as file:
            yield file


def save_png(picture: Image.Image, path: str | os.PathLike) -> None:
    """Save a picture as PNG, whatever the name, whole or not at all.

    Raises
    ------
    OSError
        As with `replacing`.
    """
    with replacing(path) as temporary:
        picture.save(temporary, "PNG")


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes of this project have left in a folder.

    Whoever writes one holds a lock on it, which ends with his process, however that ends.
    """
    for left_behind in folder.glob(f"{_MARK}{'[0-9a-f]' * 16}{_ENDING}"):
        with suppress(OSError):
            if stat.S_ISREG(os.lstat(left_behind).st_mode):
                handle = os.open(left_behind, os.O_RDWR)
                try:
                    if take_lock(handle):
                        left_behind.unlink()
                finally:
                    os.close(handle)


def take_lock(handle: int) -> bool | None:
    """Lock an open file or folder until it is closed, which it is when its process ends.

    Returns
    -------
    bool or None
        False where another process, or another opening of it in this one, has the lock; None where
        the system or the disk knows of no such locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _replaceable(path: Path) -> os.stat_result | None:
    """Return what is known of a regular file; None if a new one takes the place of nothing."""
    try:
        found = os.lstat(path)
    except OSError:  # there is none; what else is wrong is found when a file is made there
        return None
    if stat.S_ISLNK(found.st_mode):
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(
            errno.EEXIST, "is no regular file, but a pipe or a device: remove it", str(path)
        )
    # Root may write to every file, and a folder lets its owner replace what he may not write to.
    if not found.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(
            errno.EACCES,
            f"may not be written to (its mode is {found.st_mode & 0o777:o}): permit it, or remove "
            "the file",
            str(path),
        )
    return found


def _create(folder: Path, mode: int) -> tuple[int | None, Path]:
    """Make a file for ourselves; its mode is what umask leaves of `mode`.

    Returns
    -------
    lock : int or None
        To be closed when the file is whole; None where the system or the disk knows of no locks.
    temporary : Path
    """
    while True:
        temporary = folder / f"{_MARK}{secrets.token_hex(8)}{_ENDING}"
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        is_locked = take_lock(handle)
        if is_locked and os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)
        if is_locked is None:
            return None, temporary
        # Somebody swept it up before we had the lock.


def _give_mode_and_owner(path: Path, before: os.stat_result):
    with suppress(OSError, AttributeError):  # only root may give files away; Windows cannot
        os.chown(path, before.st_uid, before.st_gid)
    path.chmod(before.st_mode & 0o777)


def _stream(path: str | os.PathLike) -> int | str | os.PathLike | None:
    """Return what to open for a path that is written to as it is; None for one to be replaced.

    What this process has open already is not opened anew, which would begin a file from its start.
    """
    name = os.fspath(path)
    own = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d+)", name)
    if own or name in _STANDARD:
        with _naming(path):
            return os.dup(int(own[1]) if own else _STANDARD[name])
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    return path if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) else None


@contextmanager
def _naming(path: str | os.PathLike) -> Iterator[None]:
    """Let errors name the file that was asked for.

    Nobody knows of the temporary name; and a full disk, or what is not open, has none to tell.
    """
    try:
        yield
    except OSError as error:
        if _MARK in str(error.filename) or (
            error.filename is None and error.errno in (*_DISK_FAULTS, errno.EBADF)
        ):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _sync_folder(folder: Path):
    with suppress(OSError):  # Windows and some network disks do not know of this
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
