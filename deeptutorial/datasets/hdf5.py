"""HDF5: the arrays of a file, and nothing that lies outside it."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.named_arrays import choose
from deeptutorial.datasets.optional import needed
from deeptutorial.datasets.unpacking import check_unpacked_size, opened_regular, reading

__all__ = ["read_hdf5"]

FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
"""deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf: none that has to be loaded first."""

MOST_ARRAYS = 1000
DEEPEST = 8


def read_hdf5(
    path: Path,
    *,
    member: str | None = None,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Dataset | Examples:
    """Read the arrays in an HDF5 file, as `read_npz` reads those of an ``.npz``.

    Only what lies in the file itself is read: links into other files, data sets that other files
    hold, and what only a plugin can unpack, are refused.

    Parameters
    ----------
    path : Path
    member : str, optional
        The data set that holds the examples, by its path in the file.
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    h5py = needed("h5py", path)
    options: dict[str, Any] = {
        "transpose": transpose,
        "label_column": label_column,
        "impute": impute,
    }
    with reading(path, "HDF5"):
        with opened_regular(path) as regular:
            size = os.fstat(regular.fileno()).st_size
        with h5py.File(path, "r", locking=False) as file:
            is_matlab = file.userblock_size >= 512  # where the columns of a matrix come first
            arrays = _Arrays(h5py, path)
            arrays.look_into(file)
            member = member and member.strip("/")
            arrays.refuse_if_outside(member)

            def read(name: str) -> np.ndarray:
                array = _values(path, arrays.found[name], size)
                return array.T if is_matlab else array

            shapes = {name: dataset.shape for name, dataset in arrays.found.items()}
            if is_matlab:
                shapes = {name: shape[::-1] for name, shape in shapes.items()}
            return choose(str(path), shapes, read, member, **options)


class _Arrays:
    """The data sets of a file that are arrays of numbers or texts, by their paths in it."""

    def __init__(self, h5py, path: Path):
        self.found: dict[str, Any] = {}
        self._outside: dict[str, str] = {}
        self._h5py, self._path = h5py, path
        self._looked_at: set[bytes] = set()

    def look_into(self, group, depth: int = 0):
        """Take note of what is in a group, and in the groups in it."""
        h5py = self._h5py
        for name in group:
            full = f"{group.name}/{name}".lstrip("/")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                self._outside[full] = f"a link into another file ({link.filename!r:.100})"
            if not isinstance(link, h5py.HardLink) or full.startswith("#refs#"):
                continue  # what a soft link leads to is found where it is, or nowhere
            if len(self.found) + len(self._looked_at) > MOST_ARRAYS:
                raise DatasetError(
                    f"{self._path}: more than {MOST_ARRAYS} arrays; name one of them"
                )
            there = group[name]
            if isinstance(there, h5py.Group):
                key = h5py.h5o.get_info(there.id).addr
                if depth < DEEPEST and key not in self._looked_at:
                    self._looked_at.add(key)
                    self.look_into(there, depth + 1)
            elif isinstance(there, h5py.Dataset):
                outside = self._reaches_outside(there)
                if outside:
                    self._outside[full] = outside
                elif there.shape and (
                    there.dtype.kind in "biufS" or h5py.check_string_dtype(there.dtype)
                ):
                    self.found[full] = there

    def _reaches_outside(self, dataset) -> str:
        if dataset.is_virtual:
            return "a virtual data set, whose values lie in other files"
        if dataset.external:
            return f"a data set whose values lie in another file ({dataset.external[0][0]!r:.100})"
        plist = dataset.id.get_create_plist()
        for place in range(plist.get_nfilters()):
            code = plist.get_filter(place)[0]
            if code not in FILTERS:
                return f"packed by a filter that is a plugin (number {code})"
        return ""

    def refuse_if_outside(self, member: str | None):
        """Say why a data set is not read, the only one if none is named, where that is so."""
        if member is None and not self.found:
            member = next(iter(self._outside), None)
        if member in self._outside:
            raise DatasetError(
                f"{self._path}::{member}: {self._outside[member]}, and only what the file itself "
                "holds is read"
            )


def _values(path: Path, dataset: Any, size: int) -> np.ndarray:
    n_values = int(np.prod(dataset.shape, dtype=object))
    if dataset.dtype.kind not in "biuf":
        check_unpacked_size(path, max(8, dataset.dtype.itemsize) * n_values, size)
        texts = np.ravel(dataset[()]).tolist()
        decoded = [t.decode("utf-8", "replace") if isinstance(t, bytes) else str(t) for t in texts]
        return np.array(decoded, dtype=object).reshape(dataset.shape)
    check_unpacked_size(path, n_values * dataset.dtype.itemsize, size)
    array = dataset[()]
    return np.asarray(array, dtype=array.dtype.newbyteorder("="))
