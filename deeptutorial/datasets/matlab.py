"""MATLAB's ``.mat`` files: up to version 7 by SciPy, from 7.3 on, which are HDF5, by h5py."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.archives import open_regular
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.hdf5 import read_hdf5
from deeptutorial.datasets.named_arrays import choose
from deeptutorial.datasets.sparse import check_dense_size, dense
from deeptutorial.datasets.unpacking import check_unpacked_size

__all__ = ["read_mat"]

HDF5 = b"MATLAB 7.3"

BYTES = {"double": 8, "single": 4, "int64": 8, "uint64": 8, "int32": 4, "uint32": 4} | {
    "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "logical": 1, "sparse": 8
}  # fmt: skip
"""Of a number, by its class; arrays of all other classes are no numbers."""


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
    reading: dict[str, Any] = {
        "member": member,
        "transpose": transpose,
        "label_column": label_column,
        "impute": impute,
    }
    from scipy import io

    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about variables that are there twice, say
            if file.read(len(HDF5)) == HDF5:
                return read_hdf5(path, **reading)
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            found = {name: (shape, kind) for name, shape, kind in io.whosmat(file)}
            shapes = {name: shape for name, (shape, kind) in found.items() if kind in BYTES}

            def read(name: str) -> np.ndarray:
                kind = found[name][1]
                if kind == "sparse":
                    check_dense_size(str(path), shapes[name], BYTES[kind], size)
                else:
                    n_bytes = int(np.prod(shapes[name], dtype=object)) * BYTES[kind]
                    check_unpacked_size(path, n_bytes, size)
                file.seek(0)
                array = io.loadmat(file, variable_names=[name])[name]
                return dense(array) if kind == "sparse" else array

            if found and not shapes:
                kinds = ", ".join(f"{name} ({kind})" for name, (_, kind) in found.items())
                raise DatasetError(f"{path}: holds no array of numbers, but {kinds:.300}")
            return choose(str(path), shapes, read, **reading)
    except DatasetError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DatasetError(f"{path}: cannot be read as .mat ({error!s:.200})") from error
