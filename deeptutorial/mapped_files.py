"""Arrays that lie in a file: the system brings in what is looked at, and may drop it again."""

import math
import mmap
import os
import platform
import sys
import tempfile
from typing import BinaryIO

import numpy as np

__all__ = ["is_mapped", "map_array", "map_temporary_array"]

HAS_GENERIC_FLAGS = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")

NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if HAS_GENERIC_FLAGS else 0)
"""Without it Linux wants as much memory as the file is large, in case that all of it is written
to; Python has its name from 3.13 on."""


def map_array(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, offset: int) -> np.ndarray:
    """Map what lies in a file, copy on write: the array may be written to, the file stays as it is.

    A map that is only for reading would do, but its array is of another type to Numba.

    Parameters
    ----------
    file : binary file, open for reading
        May be closed afterwards; if it is made shorter, looking at what is missing ends the
        process.
    shape : tuple of int
    dtype : dtype
    offset : int
        Bytes before the first value.

    Returns
    -------
    ndarray of this shape and type

    Raises
    ------
    OSError
        If the system does not map it.
    """
    size = math.prod(shape)
    length = offset + size * dtype.itemsize
    if hasattr(mmap, "MAP_PRIVATE"):
        private, both = mmap.MAP_PRIVATE | NO_RESERVE, mmap.PROT_READ | mmap.PROT_WRITE
        content = mmap.mmap(file.fileno(), length, flags=private, prot=both)
    else:
        content = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY)
    return np.frombuffer(content, dtype, size, offset).reshape(shape)


def map_temporary_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of zeros in a file that has no name, and is gone with the array.

    It lies where ``TMPDIR`` says, or else in ``/var/tmp``, since ``/tmp`` often is memory.

    Raises
    ------
    OSError
        If there is no room for it: better now than when it is written to, which ends the process.
    """
    size = math.prod(shape) * dtype.itemsize
    has_own = not os.environ.get("TMPDIR") and os.access("/var/tmp", os.W_OK)
    folder = "/var/tmp" if has_own else tempfile.gettempdir()
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{folder}: no room for {size / 1e9:.1f} GB of rows ({error.strerror}); let TMPDIR "
                "name another folder",
            ) from error
        content = mmap.mmap(file.fileno(), size)
    return np.frombuffer(content, dtype).reshape(shape)


def is_mapped(array: object) -> bool:
    """Tell whether an array, or what it is a part of, lies in a file."""
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return isinstance(array, mmap.mmap)
