"""Sparse matrices, which are made dense: a data set is rows of numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.unpacking import AT_MOST_TIMES, FREELY
from deeptutorial.held_signals import import_whole

__all__ = ["SPARSE_MEMBERS", "dense", "dense_of_members"]

SPARSE_MEMBERS = frozenset(("data", "indices", "indptr", "format", "shape"))
"""What `scipy.sparse.save_npz` calls the arrays of a matrix of compressed rows or columns."""


def dense_of_members(path: Path, arrays: Mapping[str, np.ndarray], packed: int) -> np.ndarray:
    """Make a dense array of what `scipy.sparse.save_npz` wrote into a file of so many bytes.

    Raises
    ------
    DatasetError, ValueError, TypeError
        If it is no such matrix, or one that is far larger than its file.
    """
    sparse = import_whole("scipy.sparse")

    shape = tuple(int(side) for side in arrays["shape"].ravel())
    kinds = {b"csr": sparse.csr_matrix, b"csc": sparse.csc_matrix}
    kind = arrays["format"].astype("S").tobytes().rstrip(b"\0")
    if kind not in kinds or len(shape) != 2:
        raise DatasetError(
            f"{path}: a sparse matrix of the format {kind.decode('latin-1')!r:.20}; save its "
            ".tocsr()"
        )
    data, indices, indptr = (arrays[name] for name in ("data", "indices", "indptr"))
    if (
        data.dtype.kind not in "biuf"
        or indices.dtype.kind not in "iu"
        or indptr.dtype.kind not in "iu"
    ):
        raise DatasetError(f"{path}: a damaged sparse matrix")
    check_dense_size(str(path), shape, data.itemsize, packed)
    matrix = kinds[kind]((data, indices, indptr), shape=shape)
    matrix.check_format(full_check=True)
    return dense(matrix)


def check_dense_size(source: str, shape: tuple[int, ...], itemsize: int, packed: int) -> None:
    """Refuse a sparse matrix that would be far larger than its file when it is made dense.

    Raises
    ------
    DatasetError
    """
    if min(shape) < 0 or shape[0] * shape[1] * itemsize > max(FREELY, AT_MOST_TIMES * packed):
        raise DatasetError(
            f"{source}: a sparse matrix of {shape[0]} x {shape[1]} values, which would take more "
            f"than {AT_MOST_TIMES} times the memory of the file when it is made dense; take fewer "
            "columns, those that are seldom 0"
        )


def dense(matrix: Any) -> np.ndarray:
    """Return a SciPy matrix or array as a plain one."""
    return np.asarray(matrix.toarray())
