"""Arrays as `numpy.savez` and `scipy.sparse.save_npz` write them."""

import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from deeptutorial.archives import ArchiveError, open_regular, read_npy, read_npy_header
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.named_arrays import choose, examples_of
from deeptutorial.datasets.sparse import SPARSE_MEMBERS, dense_of_members
from deeptutorial.datasets.unpacking import check_unpacked_size, reading

__all__ = ["read_npz"]


def read_npz(
    path: Path,
    *,
    member: str | None = None,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Dataset | Examples:
    """Read arrays saved by ``numpy.savez``, or a sparse matrix saved by ``scipy.sparse.save_npz``.

    Either ``x`` (and ``y``, if there are labels) in one piece, or a single array or pair of other
    names; or ``x_train``, ``x_test`` and, if there is one, ``x_valid`` (with ``y_train``,
    ``y_test``, ``y_valid``), where a missing validation set is made from the last sixth of the
    training set. Images have the shape (n, pixels), (n, height, width) or (n, height, width, 3).

    Parameters
    ----------
    path : Path
    member : str, optional
        The array that holds the examples, where it has another name.
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    with (
        reading(path, ".npz"),
        # Not by `numpy.load`, which takes the memory that a header claims before it looks.
        open_regular(path) as packed,
        zipfile.ZipFile(packed) as file,
    ):
        members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        size = sum(info.file_size for info in file.infolist())
        packed_size = os.fstat(packed.fileno()).st_size
        check_unpacked_size(path, size, packed_size)

        def read(name: str) -> np.ndarray:
            with file.open(members[name]) as content:
                return read_npy(content, "biufSU")

        options: dict[str, Any] = {
            "transpose": transpose,
            "label_column": label_column,
            "impute": impute,
        }
        if set(members) >= SPARSE_MEMBERS:
            arrays = {name: read(name) for name in SPARSE_MEMBERS}
            return examples_of(
                str(path), dense_of_members(path, arrays, packed_size), None, **options
            )
        shapes = {}
        for name, info in members.items():
            with file.open(info) as content:
                shapes[name] = _shape(content)
        return choose(str(path), shapes, read, member, **options)


def _shape(content: IO[bytes]) -> tuple[int, ...]:
    """Return the shape of an array in NumPy's format; what is none has no dimension."""
    try:
        return read_npy_header(content)[0]
    except ArchiveError:
        return ()
