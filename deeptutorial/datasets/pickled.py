"""Pickled data sets in the tutorial's layout, read without running what a pickle can run.

A pickle is a small program: `pickle.load` on a file from elsewhere does whatever its author
wanted. Here every name that a pickle asks for is looked up in a table of five stand-ins, which
rebuild plain numeric arrays from bytes, and any other name is refused before it is even imported.
"""

import gzip
import pickle
import zlib
from math import prod
from pathlib import Path

import numpy as np

from deeptutorial.datasets.arrays import Dataset, checked_part, square_shape
from deeptutorial.datasets.errors import DatasetError

__all__ = ["read_pickled"]


def read_pickled(path: Path) -> Dataset:
    """Read ``((train_x, train_y), (valid_x, valid_y), (test_x, test_y))``, gzipped or not.

    Parameters
    ----------
    path : Path
        Written by any Python and any NumPy.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If the file cannot be read, is not such a pickle, or asks for anything but arrays.
    """
    try:
        with _opened(path) as file:
            content = _ArraysOnlyUnpickler(file, encoding="latin1").load()
    except _RefusedError as refused:
        raise DatasetError(
            f"{path}: refused: the pickle asks for {refused}, and only NumPy arrays are read from "
            "a pickle (any other name in it could run code)"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path}: damaged gzip data ({error})") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DatasetError(
            f"{path}: not a whole pickle of arrays ({type(error).__name__}: {error})"
        ) from error

    wanted = "expected ((train_x, train_y), (valid_x, valid_y), (test_x, test_y))"
    if not (_is_sequence(content, 3) and all(_is_sequence(part, 2) for part in content)):
        raise DatasetError(f"{path}: {wanted}, got {type(content).__name__}")
    parts = []
    for name, part in zip(("training", "validation", "test"), content, strict=True):
        if not all(isinstance(member, _PickledArray) for member in part):
            raise DatasetError(f"{path}: {name} set: {wanted}, all of them arrays")
        images, labels = (member.array for member in part)
        parts.append(checked_part(str(path), name, images, labels))

    n_pixels = parts[0][0].shape[1]
    if any(images.shape[1] != n_pixels for images, _ in parts):
        sizes = [images.shape[1] for images, _ in parts]
        raise DatasetError(f"{path}: the three sets have images of different sizes: {sizes}")
    return Dataset(*parts, image_shape=square_shape(n_pixels))


def _opened(path: Path):
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    if path.suffix == ".gz" and not is_gzip:
        raise DatasetError(f"{path}: not a gzip file, in spite of its name")
    return gzip.open(path) if is_gzip else open(path, "rb")


def _is_sequence(value, length: int) -> bool:
    return isinstance(value, tuple | list) and len(value) == length


class _RefusedError(Exception):
    """Names what a pickle asked for."""


class _PickledType:
    """Stands in for `numpy.dtype`: plain numbers only."""

    def __init__(self, code, *_):
        dtype = np.dtype(code) if isinstance(code, str) else None
        if dtype is None or dtype.kind not in "biuf":
            raise _RefusedError(f"an array of type {code!r}")
        self.dtype = dtype

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


def _array_from(values, pickled_type: _PickledType, shape, order: str) -> np.ndarray:
    # A bytearray, so that the array can be written to without another copy.
    data = bytearray(values, "latin1") if isinstance(values, str) else bytearray(values)
    dtype = pickled_type.dtype
    if prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shape} and type {dtype} has {len(data)} bytes")
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order=order)
    return np.ascontiguousarray(array, dtype=dtype.newbyteorder("="))


def _reconstruct(*_) -> _PickledArray:
    """Stand in for NumPy's function of this name: makes an array that is yet to be filled."""
    return _PickledArray()


def _frombuffer(values, pickled_type: _PickledType, shape, order: str) -> _PickledArray:
    """Stand in for NumPy's function of this name, which newer pickles use."""
    filled = _PickledArray()
    filled.array = _array_from(values, pickled_type, shape, order)
    return filled


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for `codecs.encode`, by which Python 3 puts bytes into a pickle for Python 2."""
    if encoding != "latin1":
        raise _RefusedError(f"the encoding {encoding!r}")
    return bytearray(text, "latin1")


_STAND_INS = {
    ("numpy", "dtype"): _PickledType,
    ("numpy", "ndarray"): _PickledArray,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}


class _ArraysOnlyUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid):
        raise _RefusedError(f"a persistent object ({pid!r})")
