"""Pickled data sets in the tutorial's layout, read without running what a pickle can run.

A pickle is a small program: `pickle.load` on a file from elsewhere does whatever its author
wanted. Here every name that a pickle asks for is looked up in a table of five stand-ins, which
rebuild plain numeric arrays from bytes, and any other name is refused before it is even imported.
"""

import gzip
import pickle
import re
import struct
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.pickled_layouts import MOST_NUMBERS, read_layout
from deeptutorial.datasets.unpacking import opened, reading
from deeptutorial.texts import printable

__all__ = ["read_pickled", "unpickle"]


def read_pickled(path: Path) -> Dataset | Examples:
    """Read ``((train_x, train_y), (valid_x, valid_y), (test_x, test_y))``, gzipped or not.

    Parameters
    ----------
    path : Path
        Written by any Python and any NumPy, in this layout or in another that `read_layout` knows.

    Returns
    -------
    Dataset or Examples

    Raises
    ------
    DatasetError
        If the file cannot be read, is not such a pickle, or asks for anything but arrays.
    """
    return read_layout(str(path), unpickle(path))


def unpickle(path: Path) -> object:
    """Return what a pickle holds: plain values, lists, tuples, dictionaries, and arrays.

    An array is the attribute `array` of what stands for it, and None where it was never filled.

    Raises
    ------
    DatasetError
        If the file cannot be read, is no pickle, or asks for anything else.
    """
    with reading(path, damaged="not a whole pickle of arrays"), opened(path) as file:
        try:
            content: object = _ArraysOnlyUnpickler(_Reader(file)).load()
            while file.read(1 << 20):  # to the end, where gzip keeps its checksum
                pass
        except _RefusedError as refused:
            raise DatasetError(
                f"{path}: refused: the pickle asks for {refused}, and only NumPy arrays are read "
                "from a pickle (any other name in it could run code); "
                f"{_in_place_of(str(refused))}"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DatasetError(f"{path}: damaged gzip data ({printable(error, 300)})") from error

    return content


def _in_place_of(refused: str) -> str:
    """Say what would do in the place of a pickle of something else."""
    if refused.startswith("pandas."):
        return "save a table by its to_parquet or to_csv"
    if "sparse" in refused:
        return "save a sparse matrix by scipy.sparse.save_npz"
    return "save the arrays by numpy.savez"


class _Reader:
    """Reads from a file; memory is taken for what is there, not for what a pickle claims."""

    CHUNK = 1 << 20

    def __init__(self, file):
        self.file = file
        self.size = 0

    def read(self, size: int) -> bytes | bytearray:
        if size <= self.CHUNK:
            return self._counted(self.file.read(size))
        content = bytearray()
        while chunk := self._counted(self.file.read(min(self.CHUNK, size - len(content)))):
            content += chunk
        return content

    def readline(self) -> bytes:
        return self._counted(self.file.readline())

    def _counted(self, content: bytes) -> bytes:
        self.size += len(content)
        return content


class _RefusedError(Exception):
    """Names what a pickle asked for."""


def _named(value) -> str:
    """Describe a value for a message; tuples within tuples could make it endless."""
    return repr(value[:60]) if isinstance(value, str) else type(value).__name__


class _PickledType:
    """Stands in for `numpy.dtype`: plain numbers only."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and re.fullmatch(r"[<>|=]?[biuf]\d{1,2}", code)):
            raise _RefusedError(f"an array of type {_named(code)}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        _version, byte_order, *_ = state
        if byte_order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(byte_order)


class _PickledArray:
    """Stands in for `numpy.ndarray`: takes the pickled state apart itself."""

    array: np.ndarray | None = None

    def __setstate__(self, state):
        _version, shape, pickled_type, is_fortran, values = state
        self.array = _array_from(values, pickled_type, shape, "F" if is_fortran else "C")


def _array_from(values, pickled_type: _PickledType, shape, order: Literal["C", "F"]) -> np.ndarray:
    # A number would make as many bytes, and a text times a number as long a text.
    if not isinstance(values, str | bytes | bytearray):
        raise ValueError(f"the values of an array must be bytes, not {type(values).__name__}")
    if not (isinstance(shape, tuple) and all(type(size) is int for size in shape)):
        raise ValueError("the shape of an array must be whole numbers")
    # A bytearray, so that the array can be written to without another copy.
    data = bytearray(values, "latin1") if isinstance(values, str) else bytearray(values)
    dtype = pickled_type.dtype
    if prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shape} and type {dtype} has {len(data)} bytes")
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order=order)
    return np.asarray(array, dtype=dtype.newbyteorder("="), order="C")


def _reconstruct(*_) -> _PickledArray:
    """Stand in for NumPy's function of this name: makes an array that is yet to be filled."""
    return _PickledArray()


def _frombuffer(values, pickled_type: _PickledType, shape, order, axes=None) -> _PickledArray:
    """Stand in for NumPy's function of this name, which newer pickles use."""
    filled = _PickledArray()
    if order == "K" and axes is not None:  # neither C nor Fortran order, but axes exchanged
        stored = _array_from(values, pickled_type, shape, "C")
        filled.array = np.asarray(stored.transpose(axes), order="C")
    else:
        filled.array = _array_from(values, pickled_type, shape, order)
    return filled


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for `codecs.encode`, by which Python 3 puts bytes into a pickle for Python 2."""
    if encoding != "latin1":
        raise _RefusedError(f"the encoding {_named(encoding)}")
    return bytes(text, "latin1")


_STAND_INS = {
    ("numpy", "dtype"): _PickledType,
    ("numpy", "ndarray"): _PickledArray,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}


class _Steps(dict):
    """What to do for which opcode, for so many of them: six arrays take about a hundred.

    Numbers in lists have a limit of their own, since there are so many: one takes an opcode, and
    in the oldest protocol another that appends it.
    """

    NUMBERS: ClassVar = frozenset(
        code[0]
        for code in (
            *(pickle.FLOAT, pickle.BINFLOAT, pickle.INT, pickle.BININT, pickle.BININT1),
            *(pickle.BININT2, pickle.NEWTRUE, pickle.NEWFALSE, pickle.APPEND),
        )
    )

    left, numbers_left = 100_000, 2 * MOST_NUMBERS

    def __getitem__(self, opcode: int):
        if opcode in self.NUMBERS:
            self.numbers_left -= 1
        else:
            self.left -= 1
        if self.left < 0 or self.numbers_left < 0:
            raise _RefusedError(f"more than {_Steps.left} steps or {MOST_NUMBERS} numbers in lists")
        return super().__getitem__(opcode)


class _ArraysOnlyUnpickler(pickle._Unpickler):
    """The unpickler written in Python; the one in C takes memory for whatever a pickle claims."""

    dispatch: ClassVar[dict[int, Callable]] = pickle._Unpickler.dispatch.copy()
    # These are made by `load`.
    read: Callable[[int], bytes]
    append: Callable[[object], None]
    stack: list

    def __init__(self, reader: _Reader):
        super().__init__(reader, encoding="latin1")  # type: ignore[arg-type]
        self._reader, self._made = reader, 0
        # Each counts its own steps.
        self.dispatch = _Steps(type(self).dispatch)  # type: ignore[misc]

    def _make(self, values) -> None:
        """Count values that arrays are to be made of.

        A pickle may ask for the same bytes a thousand times. But an honest one holds those of each
        array, as bytes, or as a text that becomes bytes that become an array.
        """
        self._made += len(values) if isinstance(values, str | bytes | bytearray) else 0
        if self._made > 2 * self._reader.size:
            raise ValueError("its arrays are larger than the pickle")

    def _encode(self, text: str, encoding: str) -> bytes:
        self._make(text)
        return _encode(text, encoding)

    def _frombuffer(self, values, *arguments) -> _PickledArray:
        self._make(values)
        return _frombuffer(values, *arguments)

    def load_bytearray8(self):
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def load_build(self):
        """Hand a state to a stand-in for an object; functions and classes stay as they are."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _PickledType | _PickledArray):
            raise _RefusedError(f"a change to {_named(target)}")
        if isinstance(target, _PickledArray):
            self._make(state[-1])
        target.__setstate__(state)

    dispatch[pickle.BUILD[0]] = load_build

    def get_extension(self, code: int):
        raise _RefusedError(f"the extension code {code}")

    def find_class(self, module: str, name: str):
        try:
            stand_in = _STAND_INS[module, name]
        except KeyError:
            raise _RefusedError(f"{module[:60]}.{name[:60]}") from None
        if stand_in is _encode:
            return self._encode
        return self._frombuffer if stand_in is _frombuffer else stand_in

    def persistent_load(self, pid):
        raise _RefusedError(f"a persistent object ({_named(pid)})")
