"""MATLAB's ``.mat`` files: version 5 to 7 here, 4 by SciPy, from 7.3 on (HDF5) by h5py.

The format of version 5 is told in "MAT-File Format", MathWorks. SciPy reads it too, but a damaged
file can lead its compiled code beyond the end of an array.
"""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deeptutorial.archives import open_regular
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.hdf5 import read_hdf5
from deeptutorial.datasets.named_arrays import choose
from deeptutorial.datasets.sparse import check_dense_size, dense
from deeptutorial.datasets.unpacking import AT_MOST_TIMES, FREELY, check_unpacked_size, reading
from deeptutorial.held_signals import import_whole

__all__ = ["read_mat"]

HEADER_SIZE = 128
HEAD = 4096  # bytes of a variable that tell its name and its shape

STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
"""Numbers as they are stored, by the type of an element; 14 is a matrix, 15 something packed."""

CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"} | {
    14: "i8",
    15: "u8",
}
"""Numbers as they are meant, by the class of a matrix, which may be stored in fewer bytes."""

SPARSE = 5
OTHERS = {
    1: "a cell",
    2: "a structure",
    3: "an object",
    4: "text",
    16: "a function",
    17: "an object",
}
COMPLEX = 0x800


def read_mat(
    path: Path,
    *,
    member: str | None = None,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Dataset | Examples:
    """Read the arrays of numbers in a ``.mat`` file, as `read_npz` reads those of an ``.npz``.

    Cells, structures, objects and functions are passed over.

    Parameters
    ----------
    path : Path
    member : str, optional
        The variable that holds the examples.
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    options: dict[str, Any] = {
        "member": member,
        "transpose": transpose,
        "label_column": label_column,
        "impute": impute,
    }
    with reading(path, ".mat"), open_regular(path) as file:
        begin = file.read(HEADER_SIZE)
        if begin.startswith(b"MATLAB 7.3"):
            return read_hdf5(path, **options)
        size = os.fstat(file.fileno()).st_size
        if 0 in begin[:4]:  # the later versions begin with a text
            return _read_version_4(path, file, size, options)
        variables = {variable.name: variable for variable in _variables(file, begin)}
        shapes = {
            name: variable.shape
            for name, variable in variables.items()
            if variable.kind in ("numbers", "sparse")
        }
        if variables and not shapes:
            kinds = ", ".join(f"{v.name} ({v.kind})" for v in variables.values())
            raise DatasetError(f"{path}: holds no array of numbers, but {kinds:.300}")
        return choose(
            str(path), shapes, lambda name: variables[name].read(path, file, size), **options
        )


@dataclass(frozen=True)
class _Variable:
    """A variable of a file, where it is, and what its head tells of it."""

    name: str
    shape: tuple[int, ...]
    kind: str
    matrix_class: int
    order: str  # of the bytes
    position: int
    size: int
    is_packed: bool

    def read(self, path: Path, file: BinaryIO, file_size: int) -> np.ndarray:
        """Return its values."""
        if self.kind == "sparse":
            check_dense_size(str(path), self.shape, 8, file_size)
        file.seek(self.position)
        content = file.read(self.size)
        if self.is_packed:
            most = max(FREELY, AT_MOST_TIMES * file_size)
            content = zlib.decompressobj().decompress(content, most + 1)
            check_unpacked_size(path, len(content), file_size)
        elements = _elements(content, self.order)
        if self.is_packed:
            _, content = next(elements)
            elements = _elements(content, self.order)
        _, _, _, *numbers = (_values(kind, data, self.order) for kind, data in elements)
        if self.kind == "sparse":
            sparse = import_whole("scipy.sparse")

            rows, columns, values = numbers[:3]
            matrix = sparse.csc_matrix((values, rows, columns), shape=self.shape)
            matrix.check_format(full_check=True)
            return dense(matrix)
        values = numbers[0].astype(CLASSES[self.matrix_class])
        return values.reshape(self.shape, order="F")


def _variables(file: BinaryIO, begin: bytes) -> Iterator[_Variable]:
    """Go through the variables of a file, without reading their values."""
    order = {b"IM": "<", b"MI": ">"}[begin[126:128]]
    position = HEADER_SIZE
    while len(tag := file.read(8)) == 8:
        kind, size = struct.unpack(f"{order}II", tag)
        if kind not in (14, 15):
            raise ValueError(f"an element of type {kind} where a variable should be")
        head = file.read(min(size, HEAD))
        if kind == 15:
            head = zlib.decompressobj().decompress(head, HEAD)[8:]
        variable = _head(head, order, position + 8, size, kind == 15)
        if variable.name:
            yield variable
        position += 8 + size
        file.seek(position)
    if tag or file.seek(0, os.SEEK_END) != position:
        raise ValueError("it ends within a variable")


def _head(head: bytes, order: str, position: int, size: int, is_packed: bool) -> _Variable:
    elements = _elements(head, order)
    flags = int(_values(*next(elements), order)[0])
    matrix_class = flags & 0xFF
    if matrix_class in OTHERS:
        shape: tuple[int, ...] = ()
        name, kind = f"variable at {position}", OTHERS[matrix_class]
        if matrix_class != 17:  # its head is another one
            next(elements)
            name = next(elements)[1].decode("latin-1")
    else:
        shape = tuple(int(side) for side in _values(*next(elements), order))
        name = next(elements)[1].decode("latin-1")
        kind = "sparse" if matrix_class == SPARSE else "numbers"
        if matrix_class not in (SPARSE, *CLASSES) or len(shape) < 2 or min(shape) < 0:
            raise ValueError(f"a matrix of class {matrix_class} and shape {shape}")
        if flags & COMPLEX:
            kind = "complex numbers"
    return _Variable(name, shape, kind, matrix_class, order, position, size, is_packed)


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Go through the elements within another one, each a type and its bytes."""
    view, position = memoryview(content), 0
    while position + 8 <= len(view):
        kind, size = struct.unpack_from(f"{order}II", view, position)
        if kind >> 16:  # a small one, that shares its place with its tag
            kind, size = kind & 0xFFFF, kind >> 16
            data = view[position + 4 : position + 4 + min(size, 4)]
            position += 8
        else:
            data = view[position + 8 : position + 8 + size]
            position += 8 + size + -size % 8
        if len(data) != size:
            raise ValueError("an element ends too early")
        yield kind, bytes(data)


def _values(kind: int, data: bytes, order: str) -> np.ndarray:
    if kind not in STORED:
        raise ValueError(f"an element of type {kind} where numbers should be")
    stored = np.frombuffer(data, np.dtype(order + STORED[kind]))
    return stored.astype(stored.dtype.newbyteorder("="))


def _read_version_4(
    path: Path, file: BinaryIO, size: int, options: dict[str, Any]
) -> Dataset | Examples:
    io = import_whole("scipy.io")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about variables that are there twice, say
        file.seek(0)
        found = {name: (shape, kind) for name, shape, kind in io.whosmat(file)}
        shapes = {
            name: shape for name, (shape, kind) in found.items() if kind in ("double", "sparse")
        }

        def read(name: str) -> np.ndarray:
            if found[name][1] == "sparse":
                check_dense_size(str(path), shapes[name], 8, size)
            check_unpacked_size(path, prod(map(int, shapes[name])) * 8, size)
            file.seek(0)
            array = io.loadmat(file, variable_names=[name])[name]
            return dense(array) if found[name][1] == "sparse" else array

        return choose(str(path), shapes, read, **options)
