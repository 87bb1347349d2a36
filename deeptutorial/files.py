"""Files that are there whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["TEMPORARY", "replacing"]

TEMPORARY = ".part"
"""How the name of a file ends that is not whole yet; a process that was killed leaves it behind."""

_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, renamed to `path` at the end and removed on failure.

    The content is on the disk before the name is, and the name before this returns: after a power
    cut too there is the old file or the new one, never half of one.

    Raises
    ------
    OSError
        Where the folder or the disk does not let it; `path` is then what it was before.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        # Nobody knows of the temporary name; and a full disk has none to tell.
        if TEMPORARY in str(error.filename) or error.errno in _DISK_FAULTS:
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if temporary is not None:
            with suppress(OSError):  # the folder may be gone, or not writable any more
                temporary.unlink()


def _sync_folder(folder: Path):
    with suppress(OSError):  # Windows and some network disks do not know of this
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
