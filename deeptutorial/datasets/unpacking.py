"""Data files, packed or not, that cannot make us unpack more than there may well be in them.

A megabyte of gzip can hold a gigabyte of zeros. Pictures come to five times their packed size, and
as floats of the tutorial's layout to fifteen. What is counted is what is made, not what is read: a
quarter of a gigabyte of any file, and of a large one a hundred times as much as it is large. That
limits the memory to a few times as much, since a byte becomes a float of four.
"""

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.damage import damage_refused
from deeptutorial.datasets.errors import DatasetError

__all__ = ["PACKED", "check_unpacked_size", "opened", "opened_regular", "reading"]

AT_MOST_TIMES = 100
FREELY = 1 << 28  # bytes, however small the file is

CHUNK = 1 << 20

XZ_MEMORY = 1 << 27  # bytes that unpacking may need: twice as many as the highest preset asks for


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


def opened_regular(path: Path) -> BinaryIO:
    """Open a file as it is, if it is a regular one.

    Raises
    ------
    DatasetError
        If it is something else.
    OSError
    """
    try:
        return open_regular(path)
    except ArchiveError as error:
        raise DatasetError(str(error)) from error


@contextmanager
def opened(path: Path) -> Iterator:
    """Open a file for reading, through gzip, bzip2 or xz where it is packed by one of them.

    Yields
    ------
    file
        With `read` and `readline`.

    Raises
    ------
    DatasetError
        If it is called ``.gz``, ``.bz2`` or ``.xz`` and is not, if it is no regular file, or,
        while it is read, if it turns out to be far larger than it may be.
    OSError
        If it cannot be opened.
    """
    packed = opened_regular(path)
    with packed:
        begin = packed.read(6)
        packed.seek(0)
        for suffix, name, magic, unpacker in PACKERS:
            if begin.startswith(magic):
                with unpacker(packed) as unpacked:
                    yield _Measured(unpacked, path, os.fstat(packed.fileno()).st_size)
                return
            if path.suffix.lower() == suffix:
                raise DatasetError(f"{path}: not {name} file, in spite of its name")
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


class _Unxz(io.RawIOBase):
    """Unpacks xz, with no more memory than it may well need, whatever the file claims to."""

    def __init__(self, packed: BinaryIO):
        self._packed = packed
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        """Fill a buffer, if there is as much."""
        while True:
            if self._stream.eof:  # another one may follow
                begin = (self._stream.unused_data or self._packed.read(CHUNK)).lstrip(b"\0")
                if not begin:
                    return 0
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            else:
                begin = self._packed.read(CHUNK) if self._stream.needs_input else b""
                if not begin and self._stream.needs_input:
                    raise EOFError("it ends too early")
            content = self._stream.decompress(begin, len(buffer))
            if content:
                buffer[: len(content)] = content
                return len(content)


PACKERS: tuple[tuple[str, str, bytes, Callable], ...] = (
    (".gz", "a gzip", b"\x1f\x8b", lambda packed: gzip.GzipFile(fileobj=packed)),
    (".bz2", "a bzip2", b"BZh", bz2.BZ2File),
    (".xz", "an xz", b"\xfd7zXZ\0", lambda packed: io.BufferedReader(_Unxz(packed), CHUNK)),
)

PACKED = tuple(magic for _, _, magic, _ in PACKERS)
"""What packed files begin with."""


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
