"""From the name of a data set to shared variables."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
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
from deeptutorial.datasets.arrays import (
    NO_LABEL,
    PART_NAMES,
    Dataset,
    Examples,
    divided,
    scaled,
)
from deeptutorial.datasets.cifar import is_cifar_folder, read_cifar_folder
from deeptutorial.datasets.class_names import numbered
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.hdf5 import read_hdf5
from deeptutorial.datasets.idx import (
    IDX_NAMES,
    find_idx_files,
    find_idx_sets,
    is_idx_name,
    read_idx_examples,
    read_idx_folder,
    read_idx_set,
)
from deeptutorial.datasets.in_memory import read_arrays
from deeptutorial.datasets.matlab import read_mat
from deeptutorial.datasets.npy import npy_in_blocks, read_npy_rows
from deeptutorial.datasets.npz import read_npz
from deeptutorial.datasets.parquet import parquet_in_blocks, read_parquet
from deeptutorial.datasets.pickled import read_pickled
from deeptutorial.datasets.picture_folders import read_picture_file, read_picture_folder
from deeptutorial.datasets.pictures import is_picture
from deeptutorial.datasets.scaling import Scaling
from deeptutorial.datasets.storage import data_folders, writable_folder
from deeptutorial.datasets.stored_digits import read_digits
from deeptutorial.datasets.text_tables import (
    amat_in_blocks,
    read_amat,
    read_text_table,
    refuse_spreadsheet,
    text_table_in_blocks,
)
from deeptutorial.texts import printable

__all__ = ["load_data", "read_dataset", "read_in_blocks", "read_undivided"]

PICKLED_MNIST = "mnist.pkl.gz"

Reader = Callable[..., Dataset | Examples]

READERS: dict[str, Reader] = {
    ".npz": read_npz,
    ".npy": read_npy_rows,
    ".mat": read_mat,
    ".amat": read_amat,
    **dict.fromkeys((".h5", ".hdf5"), read_hdf5),
    **dict.fromkeys((".parquet", ".pq"), read_parquet),
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".pcl"), read_text_table),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), refuse_spreadsheet),
}
"""Of a file, by its suffix; where it has no such suffix, its content tells.

What can be said about how to read such a file are a reader's keyword arguments.
"""

IN_BLOCKS: dict[Reader, Callable[..., Iterator[Examples]]] = {
    read_amat: amat_in_blocks,
    read_npy_rows: npy_in_blocks,
    read_parquet: parquet_in_blocks,
    read_text_table: text_table_in_blocks,
}
"""What reads some examples at a time, in the place of a reader that returns all of them."""

UNPACKING = frozenset((read_amat, read_npy_rows, read_text_table))
"""What reads ``.gz``, ``.bz2`` and ``.xz`` of its kind."""

BEGINNINGS: tuple[tuple[bytes, Reader], ...] = (
    (b"PK", read_npz),
    (b"\x93NUMPY", read_npy_rows),
    (b"\x89HDF", read_hdf5),
    (b"PAR1", read_parquet),
    (b"MATLAB ", read_mat),
    (b"\0\0", read_idx_examples),
)
"""Content that tells what it is; all else is a pickle, or by its name, if it has one, a text."""

SharedPart = tuple[SharedVariable, TensorVariable]


def load_data(
    dataset: Any = PICKLED_MNIST,
    scale: str | Scaling = "none",
    any_range: bool = False,
    **reading: Any,
) -> list[SharedPart]:
    """Load a data set into shared variables.

    Parameters
    ----------
    dataset : str, path, array, DataFrame, sparse matrix, or a pair of these
        One of

        - ``"mnist"``: the four IDX files or ``mnist.pkl.gz``, wherever they are found (the folder
          that the environment variable ``DEEPTUTORIAL_DATA`` names, ``data/`` of a clone, the
          user's cache folder), or else fetched from a mirror;
        - ``"digits"``: the built-in digits, MNIST's size, drawn by this project;
        - ``"auto"``: MNIST, or the built-in digits where there is no way to get it;
        - a path: to a pickle in the tutorial's layout (``.pkl``, ``.pkl.gz``) or of arrays, to a
          folder with the four IDX files of MNIST or of a relative, or to one of these, to a folder
          of CIFAR's pickles, to a folder of pictures, or to a TIFF of several pages. A name
          without a folder is looked for in the folders above too, and ``"mnist.pkl.gz"`` that is
          nowhere means ``"mnist"``;
        - a path to a table: ``.csv``, ``.tsv``, ``.txt``, ``.pcl`` (``.gz``, ``.bz2``, ``.xz`` of
          them), ``.parquet``, ``.amat``; or to arrays: ``.npz``, ``.npy``, ``.mat``, ``.h5``, where
          ``"FILE::NAME"`` names one of several; a ``.npy`` of floatX is not read but mapped, so
          that it may be larger than the memory, and is divided in its order;
        - what is in memory: rows of examples ``X``, a pair ``(X, y)``, or three of these.
    scale : {"none", "minmax", "max", "standardize"} or Scaling
        What is done to values that do not lie in [0, 1]: each column is brought there, or all by
        one factor, or (with `any_range`) each to mean 0 and standard deviation 1. The training set
        decides on the factors, unless they are given: ``model.data.scaling`` of a trained model.
    any_range : bool
        Take values that are not in [0, 1] after that, too, for a model with
        ``reconstruction_cost="squared-error"``. Else they are refused.
    **reading
        How to read it, where its kind leaves that open. Of tables and arrays: ``transpose=True``
        takes the columns for the examples, ``label_column`` is where the classes are (by name, by
        number from 1 on, or -1 for the last), ``impute=True`` puts the mean of its column in the
        place of a missing value. Of pictures: ``resize=(height, width)``, ``grey=True``, and
        ``skip_damaged=True`` to leave out, and list, what cannot be read.

    Returns
    -------
    [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        Images, one a row, in [0, 1] (unless `any_range`), as shared variables in floatX, so that a
        minibatch is cut out of them inside a compiled function; labels as their integer values
        (kept in floatX, cast to int32), -1 where there are none. The shape of one image is kept as
        ``train_set_x.tag.image_shape``, what the data are as ``train_set_x.tag.source``, and what
        their values and classes are as ``train_set_x.tag.data``, a `Description`.

    Raises
    ------
    DatasetNotFoundError
        If there is no such data set, and it cannot be fetched.
    DatasetError
        If there is one, but it cannot be used; or if it needs a package that is not installed
        (``pip install 'deeptutorial[tables]'``).
    TypeError
        If `reading` has something in it that no kind of data knows.
    """
    data = read_dataset(dataset, scale, any_range, **reading)
    return [_shared_part(*part, data) for part in (data.train, data.valid, data.test)]


def read_dataset(
    dataset: Any, scale: str | Scaling = "none", any_range: bool = False, **reading: Any
) -> Dataset:
    """Read a data set into NumPy arrays; takes the same arguments as `load_data`."""
    found = read_undivided(dataset, **reading)
    return scaled(divided(found) if isinstance(found, Examples) else found, scale, any_range)


def read_undivided(dataset: Any, **reading: Any) -> Dataset | Examples:
    """Read a data set as it is: in its parts if it has any, else all of it in its order."""
    for option in set(reading) - _options(read_arrays, read_picture_folder, *READERS.values()):
        raise TypeError(f"unexpected keyword argument {option!r}: no kind of data is read so")
    found = _read_undivided(dataset, reading)
    if isinstance(found, Dataset):
        return found if found.class_names else _with_numbered_classes(found)
    (labels,), class_names = numbered([found.labels])
    return replace(found, labels=labels, class_names=class_names or found.class_names)


def _with_numbered_classes(dataset: Dataset) -> Dataset:
    """Number the classes of a data set whose labels are numbers already: from 0 on."""
    parts = (dataset.train, dataset.valid, dataset.test)
    labels, class_names = numbered([labels for _, labels in parts])
    if not class_names:
        return dataset
    train, valid, test = (
        (images, np.asarray(own, dtype=np.int32))
        for (images, _), own in zip(parts, labels, strict=True)
    )
    return replace(dataset, train=train, valid=valid, test=test, class_names=class_names)


def read_in_blocks(
    dataset: str | os.PathLike, part: str | None = None, **reading: Any
) -> Iterator[Examples]:
    """Read examples in one piece, some at a time where their kind allows it.

    Labels are as the file has them, and what is to be imputed may still be NaN.

    Raises
    ------
    DatasetError
        Where they are divided into parts and none is named, or the other way round, too.
    """
    path = Path(dataset)
    if os.path.isfile(path):
        read = _reader_of(path)
        if read in IN_BLOCKS and part is None:
            _check_options(read, path, reading)
            yield from IN_BLOCKS[read](path, **reading)
            return
    found = read_undivided(dataset, **reading)
    if isinstance(found, Dataset):
        if part is None:
            raise DatasetError(
                f"{found.source}: has a training and a test set, and rows are one piece; choose "
                "one by `part`"
            )
        found = _as_examples(found, part)
    elif part is not None:
        raise DatasetError(f"{found.source}: has no parts; leave `part` out")
    yield found


def _as_examples(dataset: Dataset, part: str) -> Examples:
    """Take a part by itself; its classes have their names, since some may be missing in it."""
    parts = (dataset.train, dataset.valid, dataset.test)
    images, labels = dict(zip(PART_NAMES, parts, strict=True))[part]
    known: np.ndarray | None = labels
    if (labels == NO_LABEL).all():
        known = None
    elif dataset.class_names:
        names = dict(enumerate(dataset.class_names))
        known = np.array([names.get(label, "") for label in labels.tolist()], dtype=object)
    return Examples(
        *(images, known, dataset.image_shape),
        columns=dataset.columns,
        source=dataset.source,
        scaling=dataset.scaling,
        doubt=dataset.doubt,
    )


def _read_undivided(dataset: Any, reading: dict[str, Any]) -> Dataset | Examples:
    if not isinstance(dataset, str | os.PathLike):
        return _read(read_arrays, dataset, reading)
    name = os.fspath(dataset)
    if name in NAMED:
        return _read(NAMED[name], name, reading)

    path = Path(name)
    if not os.path.exists(path) and "::" in name:
        of_file, _, reading["member"] = name.partition("::")
        path = Path(of_file)
    if not os.path.exists(path) and path.name == str(path):
        path = next((f / path for f in data_folders() if os.path.exists(f / path)), path)
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
    _check_options(read, what, reading)
    return read(what, **reading)


def _check_options(read: Reader, what: Any, reading: dict[str, Any]):
    source = what if isinstance(what, str | Path) else "data in memory"
    if "member" in reading and "member" not in _options(read):
        raise DatasetError(f"{source}::{reading['member']}: no kind of file that has named arrays")
    for option in reading:
        if option not in _options(read):
            taken = " and ".join(f"`{taken}`" for taken in sorted(_options(read) - {"member"}))
            raise DatasetError(
                f"{source}: `{option}` means nothing for this kind of data"
                + (f"; it takes {taken}" if taken else "")
            )


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
    suffix = _suffix(path)
    if suffix in READERS:
        read = READERS[suffix]
        if suffix != path.suffix.lower() and read not in UNPACKING:
            raise DatasetError(f"{path}: unpack it first; tables of text and .npy are read packed")
        return read
    if is_picture(path):
        return read_picture_file
    for content, read in BEGINNINGS:
        if begin.startswith(content):
            return read
    if suffix in TEXTS and not begin.startswith(b"\x80"):
        return read_text_table
    return read_pickled


TEXTS = (".dat", ".data", ".asc")
"""What tables of text are called too, among other things."""


def _suffix(path: Path) -> str:
    """Return what the name ends with, in small letters, where it is packed without that of .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] in ([".gz"], [".bz2"], [".xz"]):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


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
        print(f"No MNIST: {printable(error)}.", file=sys.stderr)
        print(
            "Taking the built-in digits instead; for MNIST, put its four files or mnist.pkl.gz "
            f"into {printable(data_folders()[0])} (or name their folder as the data set).",
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
    with np.errstate(over="ignore"):
        rows = np.require(
            images, floatX, ["C", "W", "E"]
        )  # Numba has another type for what is fixed
    if rows.dtype != images.dtype and not np.isfinite(rows).all():
        raise DatasetError(
            f"{of.source}: values from {images.min():g} to {images.max():g} do not fit {floatX}; "
            "take --scale standardize (scale='standardize' in Python)"
        )
    shared_x = pytensor.shared(rows, borrow=True)
    shared_x.tag.image_shape, shared_x.tag.source = of.image_shape, of.source
    shared_x.tag.data = Description(of.columns, of.class_names, of.scaling)
    shared_y = pytensor.shared(np.asarray(labels, dtype=floatX), borrow=True)
    return shared_x, pt.cast(shared_y, "int32")
