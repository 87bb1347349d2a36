"""Data files, gzipped or not, that cannot make us unpack more than there may well be in them.

A megabyte of gzip can hold a gigabyte of zeros. Pictures come to five times their packed size, and
as floats of the tutorial's layout to fifteen. What is counted is what is made, not what is read: a
quarter of a gigabyte of any file, and of a large one a hundred times as much as it is large. That
limits the memory to a few times as much, since a byte becomes a float of four.
"""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.damage import damage_refused
from deeptutorial.datasets.errors import DatasetError

__all__ = ["check_unpacked_size", "opened", "reading"]

AT_MOST_TIMES = 100
FREELY = 1 << 28  # bytes, however small the file is

CHUNK = 1 << 20


@contextmanager
def reading(
    path: Path | str, kind: str | None = None, damaged: str | None = None
) -> Iterator[None]:
    """Turn what comes up in reading a file into a refusal, other than a lack of memory.

    Parameters
    ----------
    path : Path or str
        What it is called.
    kind : str, optional
        What it is read as, where its reader was chosen by its name.
    damaged : str, optional
        What to say of a file that is damaged; None says no more than where the system fails.

    Raises
    ------
    DatasetError
    MemoryError
    """
    unread = f"cannot be read as {kind}" if kind else "cannot be read"
    try:
        with damage_refused(path, DatasetError, damaged or unread):
            yield
    except OSError as error:
        raise DatasetError(f"{path}: {unread} ({error.strerror})") from error


@contextmanager
def opened(path: Path) -> Iterator:
    """Open a file for reading, through gzip where it is gzipped.

    Yields
    ------
    file
        With `read` and `readline`.

    Raises
    ------
    DatasetError
        If it is called ``.gz`` and is not, if it is no regular file, or, while it is read, if it
        turns out to be far larger than it may be.
    OSError
        If it cannot be opened.
    """
    try:
        packed = open_regular(path)
    except ArchiveError as error:
        raise DatasetError(str(error)) from error
    with packed:
        is_gzip = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        if path.suffix == ".gz" and not is_gzip:
            raise DatasetError(f"{path}: not a gzip file, in spite of its name")
        if is_gzip:
            with gzip.GzipFile(fileobj=packed) as unpacked:
                yield _Measured(unpacked, path, os.fstat(packed.fileno()).st_size)
        else:
            yield packed


def check_unpacked_size(path: Path, size: int, packed: int) -> None:
    """Refuse what claims to be, or is, out of proportion to the files that it comes from.

    Parameters
    ----------
    path : Path
        For the message: the file, or the folder of the files.
    size : int
        Bytes that are made, all of them together; of pictures, values.
    packed : int
        Bytes of the files.

    Raises
    ------
    DatasetError
    """
    if size > max(FREELY, AT_MOST_TIMES * packed):
        raise DatasetError(
            f"{path}: more than {AT_MOST_TIMES} times as large when unpacked; no data set is, and "
            "if this one is after all, store it without compression"
        )


class _Measured:
    """Reads from a stream, and counts."""

    def __init__(self, file, path: Path, packed: int):
        self._file, self._path, self._packed = file, path, packed
        self._size = 0

    def read(self, size: int = -1) -> bytes | bytearray:
        if 0 <= size <= CHUNK:
            return self._counted(self._file.read(size))
        content = bytearray()
        while size < 0 or len(content) < size:
            wanted = CHUNK if size < 0 else min(CHUNK, size - len(content))
            chunk = self._counted(self._file.read(wanted))
            if not chunk:
                break
            content += chunk
        return content

    def readline(self) -> bytes:
        return self._counted(self._file.readline(CHUNK))

    def _counted(self, content: bytes) -> bytes:
        self._size += len(content)
        check_unpacked_size(self._path, self._size, self._packed)
        return content
