"""Data files, gzipped or not, that cannot make us unpack more than there may well be in them.

A megabyte of gzip can hold a gigabyte of zeros. Pictures come to five times their packed size, and
as floats of the tutorial's layout to fifteen.
"""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.datasets.errors import DatasetError

__all__ = ["check_unpacked_size", "opened"]

AT_MOST_TIMES = 100
FREELY = 1 << 28  # bytes, however small the file is

CHUNK = 1 << 20


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
    """Refuse what claims to be, or is, out of proportion to the file that it comes from.

    Raises
    ------
    DatasetError
    """
    if size > max(FREELY, AT_MOST_TIMES * packed):
        raise DatasetError(
            f"{path}: more than {AT_MOST_TIMES} times as large when unpacked; no data set is, and "
            "if this one is after all, unpack it first"
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
