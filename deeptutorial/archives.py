"""Arrays and a description of them in one file that is safe to open: the format of saved models and
of checkpoints.

Such a file is an ``.npz``: a zip of ``.npy`` members, not compressed, so that `numpy.load` opens it
too, with ``allow_pickle=False``. One more member, ``header.json``, tells what the arrays are, and
holds a SHA-256 over itself and all of them. Nothing in it can run, and nothing has to be installed
to read it in ten years. (safetensors would be as safe, but is one more package to depend on, keeps
texts only beside the arrays, and has no checksum.) The same content gives the same bytes: no member
carries a date.
"""

import hashlib
import io
import json
import math
import os
import stat
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from deeptutorial.damage import damage_refused, is_damage
from deeptutorial.files import replacing

__all__ = [
    "ArchiveError",
    "open_regular",
    "read_archive",
    "read_npy",
    "read_npy_header",
    "read_npy_place",
    "write_archive",
]

HEADER = "header.json"

CHUNK = 1 << 20

DEEPEST = 50
"""Lists in lists of a header; Python itself cannot print many more."""


class ArchiveError(ValueError):
    """A file that is not what it should be; the message names it and what is wrong."""


def write_archive(
    path: str | os.PathLike, header: Mapping, arrays: Mapping[str, np.ndarray]
) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : str or path
        Taken as it is; no suffix is added.
    header : mapping
        What JSON can hold; ``format`` (a text) and ``version`` (a whole number) among it.
    arrays : mapping of str to ndarray
        Numbers of any kind and shape.

    Raises
    ------
    TypeError
        If the header has something in it that JSON cannot hold.
    OSError
        If the file cannot be written; what was there before is still there.
    """
    members = {f"{name}.npy": _as_npy(array) for name, array in arrays.items()}
    header = {**header, "sha256": _digest(header, members)}
    text = json.dumps(header, indent=1)
    with replacing(Path(path)) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, content in {HEADER: text.encode(), **members}.items():
            file.writestr(_member(name), content)


def read_archive(
    path: str | os.PathLike, format: str, version: int
) -> tuple[dict, dict[str, np.ndarray]]:
    """Read a file that `write_archive` wrote.

    Memory is taken for what is in it, whatever it claims.

    Parameters
    ----------
    path : str or path
    format : str
        What its header must say.
    version : int
        The latest that the caller knows.

    Returns
    -------
    header : dict
    arrays : dict of str to ndarray

    Raises
    ------
    ArchiveError
        If it is something else, of a later version, truncated or altered.
    OSError
        If it cannot be read.
    """
    with (
        damage_refused(path, ArchiveError, f"not a {format}, or a damaged one"),
        open_regular(path) as file,
    ):
        header, members = _read_members(file)

    if header.get("format") != format:
        raise ArchiveError(f"{path}: not a {format} (its header says {_short(header, 'format')})")
    found = header.get("version")
    if type(found) is not int or found < 1:
        raise ArchiveError(f"{path}: a damaged {format} (version {_short(header, 'version')})")
    if found > version:
        raise ArchiveError(
            f"{path}: written by a later version of deeptutorial ({format} version {found}; this "
            f"one reads up to {version}): update deeptutorial"
        )
    if header.pop("sha256", None) != _digest(header, members):
        raise ArchiveError(f"{path}: a damaged {format}: its content is not what was written")
    with damage_refused(path, ArchiveError, f"a damaged {format}"):
        return header, {
            name.removesuffix(".npy"): _read_npy(io.BytesIO(content))
            for name, content in members.items()
        }


def open_regular(path: str | os.PathLike) -> io.BufferedReader:
    """Open a file for reading, unless it is a pipe or a device, which would keep us waiting.

    Raises
    ------
    ArchiveError
        If it is one.
    OSError
        If it cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
        raise ArchiveError(f"{path}: not a regular file")
    return _Watched(open(path, "rb", buffering=0))


class _Watched(io.BufferedReader):
    """A file that remembers that it could not be read, and takes no memory for what is not in it.

    Libraries take a failure for an end of the file or a wrong beginning (zipfile), and raise
    something else. At its end this raises what it was. And they ask for as many bytes as a file
    claims to hold, for which Python would make room before it looks.
    """

    failure: Exception | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            if size is not None and size > CHUNK:
                size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
            return super().read(size)
        except (OSError, MemoryError) as error:
            self.failure = error
            raise

    def __exit__(self, kind, error, traceback) -> None:
        super().__exit__(kind, error, traceback)
        if self.failure is not None and isinstance(error, Exception) and is_damage(error):
            if isinstance(self.failure, OSError):
                self.failure.filename = self.failure.filename or str(self.name)
                raise self.failure
            raise MemoryError(f"to read {self.name}") from self.failure


def read_npy(file: IO[bytes], kinds: str = "biuf") -> np.ndarray:
    """Read an array of plain numbers in NumPy's format from a stream that holds nothing else.

    `numpy.load` takes the memory that the header claims before it looks whether there is as much.

    Parameters
    ----------
    file : binary file
    kinds : str
        The kinds of types that are taken, numbers by default; S and U are texts.

    Raises
    ------
    ArchiveError
        If it is no such array.
    """
    try:
        return _read_npy(file, kinds)
    except ValueError as error:
        raise ArchiveError(str(error)) from error


def _read_npy(file: IO[bytes], kinds: str = "biuf") -> np.ndarray:
    shape, is_fortran, dtype = _read_npy_header(file)
    if dtype.kind == "O":
        raise ValueError(
            "an array of objects, not of numbers; np.stack makes one of arrays of the same shape"
        )
    if dtype.kind not in kinds:
        raise ValueError(f"an array of {str(dtype)[:60]}, not of numbers")
    size = math.prod(shape) * dtype.itemsize
    data = bytearray()
    while len(data) <= size and (chunk := file.read(min(CHUNK, size + 1 - len(data)))):
        data += chunk
    if any(side < 0 for side in shape) or len(data) != size:
        raise ValueError(f"the header tells of an array of {shape}, and something else follows")
    try:
        array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")
    except ValueError as error:  # nothing by so much that nobody could count it
        raise ValueError(f"the header tells of an impossible array: {error}") from error
    array = np.asarray(array, dtype=dtype.newbyteorder("="), order="C")
    if dtype.kind == "U" and array.size and array.view(np.uint32).max() > sys.maxunicode:
        raise ValueError("texts of characters that there are not")
    return array


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read what comes before the values of an array in NumPy's format.

    Returns
    -------
    shape : tuple of int
    is_fortran : bool
        Whether the first index runs fastest.
    dtype : dtype

    Raises
    ------
    ArchiveError
        If there is no such header.
    """
    try:
        return _read_npy_header(file)
    except ValueError as error:
        raise ArchiveError(str(error)) from error


def read_npy_place(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype, int] | None:
    """Find out where the rows of numbers lie in a file on disk that is an array in NumPy's format.

    Returns
    -------
    shape, dtype, offset
        The offset in bytes. None, and the file at its beginning again, where there is no array that
        can be taken from there as it is, one row after the other, or where it is not as long as its
        header says: `read_npy` reads it then, or says what is wrong.

    Raises
    ------
    ArchiveError
        If it has no such header.
    """
    shape, is_fortran, dtype = read_npy_header(file)
    offset, size = file.tell(), os.fstat(file.fileno()).st_size
    is_whole = size == offset + math.prod(shape) * dtype.itemsize and all(s > 0 for s in shape)
    if is_fortran or not is_whole or not shape or dtype.kind not in "biuf":
        file.seek(0)
        return None
    return shape, dtype, offset


def _read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the Python that wrote it
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[np.lib.format.read_magic(file)]
            return read_header(file)
    except Exception as error:  # the header is a Python expression
        if not is_damage(error) and not _is_nested_too_deeply(error):
            raise
        raise ValueError(f"no array in NumPy's format: {error}") from error


def _is_nested_too_deeply(error: Exception) -> bool:
    """Tell whether it was Python's parser that complained: it calls that a lack of memory too."""
    if not isinstance(error, MemoryError):
        return False
    try:
        return bool(bytearray(CHUNK))
    except MemoryError:
        return False


def _read_members(file: BinaryIO) -> tuple[dict, dict[str, bytes]]:
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if HEADER not in names:
            raise ValueError(f"there is no {HEADER} in it")
        if len(set(names)) != len(names):
            raise ValueError("a member is there twice")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ValueError("a member is compressed")
        if sum(info.file_size for info in infos) > size:
            raise ValueError("it claims to hold more than it is large")
        members = {name: archive.read(name) for name in names}
    header = json.loads(members.pop(HEADER))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    if _is_deeper(header, DEEPEST):
        raise ValueError("its header is nested too deeply")
    return header, members


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _digest(header: Mapping, members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(members):
        digest.update(f"\n{name} {len(members[name])}\n".encode())
        digest.update(members[name])
    return digest.hexdigest()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # dated 1980
    info.external_attr = 0o644 << 16
    return info


def _short(header: dict, field: str) -> str:
    return f"{field} {header[field]!r:.60}" if field in header else f"no {field}"
