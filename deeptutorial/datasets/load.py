"""From the name of a data set to shared variables."""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.datasets import download
from deeptutorial.datasets.arrays import Dataset, Examples, divided, scaled
from deeptutorial.datasets.cifar import is_cifar_folder, read_cifar_folder
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.idx import (
    IDX_NAMES,
    find_idx_files,
    find_idx_sets,
    is_idx_name,
    read_idx_examples,
    read_idx_folder,
    read_idx_set,
)
from deeptutorial.datasets.pickled import read_pickled
from deeptutorial.datasets.picture_folders import read_picture_file, read_picture_folder
from deeptutorial.datasets.pictures import is_picture, read_npz
from deeptutorial.datasets.storage import data_folders, writable_folder
from deeptutorial.datasets.stored_digits import read_digits

__all__ = ["load_data", "read_dataset", "read_undivided"]

PICKLED_MNIST = "mnist.pkl.gz"

Reader = Callable[..., Dataset | Examples]

READERS: dict[str, Reader] = {".npz": read_npz}
"""Of a file, by its suffix; where it has no such suffix, its content tells.

What can be said about how to read such a file are a reader's keyword arguments.
"""

SharedPart = tuple[SharedVariable, TensorVariable]


def load_data(
    dataset: str | os.PathLike = PICKLED_MNIST, scale: str = "none", **reading: Any
) -> list[SharedPart]:
    """Load a data set into shared variables.

    Parameters
    ----------
    dataset : str or path
        One of

        - ``"mnist"``: the four IDX files or ``mnist.pkl.gz``, wherever they are found (the folder
          that the environment variable ``DEEPTUTORIAL_DATA`` names, ``data/`` of a clone, the
          user's cache folder), or else fetched from a mirror;
        - ``"digits"``: the built-in digits, MNIST's size, drawn by this project;
        - ``"auto"``: MNIST, or the built-in digits where there is no way to get it;
        - a path: to a pickle in the tutorial's layout (``.pkl``, ``.pkl.gz``) or of arrays, to an
          ``.npz``, to a folder with the four IDX files of MNIST or of a relative, or to one of
          these, to a folder of CIFAR's pickles, to a folder of pictures, or to a TIFF of several
          pages. A name without a folder is looked for in the folders above too, and
          ``"mnist.pkl.gz"`` that is nowhere means ``"mnist"``.
    scale : {"none", "minmax", "max", "standardize"}
        What is done to values that do not lie in [0, 1]: each column is brought there, or all by
        one factor, or (for ``reconstruction_cost="squared-error"``) each to mean 0 and standard
        deviation 1. The training set decides on the factors.
    **reading
        How to read it, where its kind leaves that open: of pictures ``resize=(height, width)``,
        ``grey=True``, and ``skip_damaged=True`` to leave out, and list, what cannot be read.

    Returns
    -------
    [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        Images, one a row, in [0, 1], as shared variables in floatX, so that a minibatch is cut out
        of them inside a compiled function; labels as their integer values (kept in floatX, cast to
        int32), -1 where there are none. The shape of one image is kept as
        ``train_set_x.tag.image_shape``, what the data are as ``train_set_x.tag.source``, and what
        their values and classes are as ``train_set_x.tag.data``, a `Description`.

    Raises
    ------
    DatasetNotFoundError
        If there is no such data set, and it cannot be fetched.
    DatasetError
        If there is one, but it cannot be used.
    """
    data = read_dataset(dataset, scale, **reading)
    return [_shared_part(*part, data) for part in (data.train, data.valid, data.test)]


def read_dataset(dataset: str | os.PathLike, scale: str = "none", **reading: Any) -> Dataset:
    """Read a data set into NumPy arrays; takes the same arguments as `load_data`."""
    found = read_undivided(dataset, **reading)
    return scaled(divided(found) if isinstance(found, Examples) else found, scale)


def read_undivided(dataset: str | os.PathLike, **reading: Any) -> Dataset | Examples:
    """Read a data set as it is: in its parts if it has any, else all of it in its order."""
    for option in set(reading) - _options(read_picture_folder, *READERS.values()):
        raise TypeError(f"unexpected keyword argument {option!r}: no kind of data is read so")
    name = os.fspath(dataset)
    if name in NAMED:
        return _read(NAMED[name], name, reading)

    path = Path(name)
    if not os.path.exists(path) and path.name == name:
        path = next((f / name for f in data_folders() if os.path.exists(f / name)), path)
    if os.path.isdir(path):
        return replace(_read(_reader_of_folder(path), path, reading), source=name)
    if os.path.exists(path):  # unlike Path.exists, False where a folder may not be looked into
        return replace(_read(_reader_of(path), path, reading), source=name)
    if name == PICKLED_MNIST:
        return _read(NAMED["mnist"], name, reading)
    raise DatasetNotFoundError(
        f"{name}: no such file or folder, and it is none of the names mnist, digits and auto"
    )


def _read(read: Reader, what: Any, reading: dict[str, Any]) -> Dataset | Examples:
    """Call a reader with what is said about how to read, if that means something to it."""
    for option in reading:
        if option not in _options(read):
            taken = " and ".join(f"`{taken}`" for taken in sorted(_options(read)))
            raise DatasetError(
                f"{what}: `{option}` means nothing for this kind of data"
                + (f"; it takes {taken}" if taken else "")
            )
    return read(what, **reading)


def _options(*readers: Reader) -> set[str]:
    given = (
        parameter for read in readers for parameter in inspect.signature(read).parameters.values()
    )
    return {parameter.name for parameter in given if parameter.kind is parameter.KEYWORD_ONLY}


def _reader_of_folder(path: Path) -> Reader:
    if find_idx_sets(path):
        return read_idx_folder
    return read_cifar_folder if is_cifar_folder(path) else read_picture_folder


def _reader_of(path: Path) -> Reader:
    try:
        with open_regular(path) as file:
            begin = file.read(16)
    except ArchiveError as error:
        raise DatasetError(str(error)) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    if is_idx_name(path.name):
        return read_idx_set
    suffix = path.suffix.lower()
    if suffix in READERS:
        return READERS[suffix]
    if is_picture(path):
        return read_picture_file
    if begin.startswith(b"\0\0"):
        return read_idx_examples
    return read_npz if begin.startswith(b"PK") else read_pickled


def _read_mnist(_name: str = "mnist") -> Dataset | Examples:
    for folder in data_folders():
        found = find_idx_files(folder)
        if len(found) == len(IDX_NAMES):
            return replace(read_idx_set(found[IDX_NAMES[0]]), source="MNIST")
        if os.path.isfile(folder / PICKLED_MNIST):
            return replace(read_pickled(folder / PICKLED_MNIST), source="MNIST")
    target = writable_folder()
    if target is None:
        searched = ", ".join(map(str, data_folders()))
        raise DatasetNotFoundError(f"MNIST is in none of {searched}, and none can be written to")
    download.download_mnist(target)
    return replace(read_idx_set(target / f"{IDX_NAMES[0]}.gz"), source="MNIST")


def _read_mnist_or_digits(_name: str) -> Dataset | Examples:
    try:
        return _read_mnist()
    except DatasetNotFoundError as error:
        print(f"No MNIST: {error}.", file=sys.stderr)
        print(
            "Taking the built-in digits instead; for MNIST, put its four files or mnist.pkl.gz "
            f"into {data_folders()[0]} (or name their folder as the data set).",
            file=sys.stderr,
        )
        return read_digits()


def _read_digits(_name: str) -> Dataset:
    return read_digits()


NAMED: dict[str, Reader] = {
    "digits": _read_digits,
    "mnist": _read_mnist,
    "auto": _read_mnist_or_digits,
}
"""What has a name and is no path."""


def _shared_part(images: np.ndarray, labels: np.ndarray, of: Dataset) -> SharedPart:
    floatX = pytensor.config.floatX
    shared_x = pytensor.shared(np.ascontiguousarray(images, dtype=floatX), borrow=True)
    shared_x.tag.image_shape, shared_x.tag.source = of.image_shape, of.source
    shared_x.tag.data = Description(of.columns, of.class_names, of.scaling)
    shared_y = pytensor.shared(np.asarray(labels, dtype=floatX), borrow=True)
    return shared_x, pt.cast(shared_y, "int32")
