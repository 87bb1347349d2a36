"""From the name of a data set to shared variables."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.datasets import download
from deeptutorial.datasets.arrays import Dataset
from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.idx import IDX_NAMES, find_idx_files, read_idx_folder
from deeptutorial.datasets.pickled import read_pickled
from deeptutorial.datasets.pictures import read_npz, read_picture_folder
from deeptutorial.datasets.storage import data_folders, writable_folder
from deeptutorial.datasets.stored_digits import read_digits
from deeptutorial.texts import printable

__all__ = ["load_data", "read_dataset"]

PICKLED_MNIST = "mnist.pkl.gz"

READERS: dict[str, Callable[[Path], Dataset]] = {".npz": read_npz}
"""Of a file, by its suffix; where it has no such suffix, its content tells."""

SharedPart = tuple[SharedVariable, TensorVariable]


def load_data(dataset: str | os.PathLike = PICKLED_MNIST) -> list[SharedPart]:
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
        - a path: to a pickle in the tutorial's layout (``.pkl``, ``.pkl.gz``), to an ``.npz``, to a
          folder with the four IDX files, or to a folder of pictures. A name without a folder is
          looked for in the folders above too, and ``"mnist.pkl.gz"`` that is nowhere means
          ``"mnist"``.

    Returns
    -------
    [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        Images, one a row, in [0, 1], as shared variables in floatX, so that a minibatch is cut out
        of them inside a compiled function; labels as their integer values (kept in floatX, cast to
        int32), -1 where there are none. The shape of one image is kept as
        ``train_set_x.tag.image_shape``, and what the data are as ``train_set_x.tag.source``.

    Raises
    ------
    DatasetNotFoundError
        If there is no such data set, and it cannot be fetched.
    DatasetError
        If there is one, but it cannot be used.
    """
    data = read_dataset(dataset)
    return [
        _shared_part(*part, data.image_shape, data.source)
        for part in (data.train, data.valid, data.test)
    ]


def read_dataset(dataset: str | os.PathLike) -> Dataset:
    """Read a data set into NumPy arrays; takes the same names as `load_data`."""
    name = os.fspath(dataset)
    if name == "digits":
        return read_digits()
    if name == "mnist":
        return _read_mnist()
    if name == "auto":
        return _read_mnist_or_digits()

    path = Path(name)
    if not os.path.exists(path) and path.name == name:
        path = next((f / name for f in data_folders() if os.path.exists(f / name)), path)
    if os.path.isdir(path):
        read_folder = read_idx_folder if find_idx_files(path) else read_picture_folder
        return replace(read_folder(path), source=name)
    if os.path.exists(path):  # unlike Path.exists, False where a folder may not be looked into
        return replace(_read_file(path), source=name)
    if name == PICKLED_MNIST:
        return _read_mnist()
    raise DatasetNotFoundError(
        f"{name}: no such file or folder, and it is none of the names mnist, digits and auto"
    )


def _read_file(path: Path) -> Dataset:
    try:
        with open_regular(path) as file:
            is_zip = file.read(2) == b"PK"
    except ArchiveError as error:
        raise DatasetError(str(error)) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    read = READERS.get(path.suffix.lower(), read_npz if is_zip else read_pickled)
    return read(path)


def _read_mnist() -> Dataset:
    for folder in data_folders():
        if len(find_idx_files(folder)) == len(IDX_NAMES):
            return replace(read_idx_folder(folder), source="MNIST")
        if os.path.isfile(folder / PICKLED_MNIST):
            return replace(read_pickled(folder / PICKLED_MNIST), source="MNIST")
    target = writable_folder()
    if target is None:
        searched = ", ".join(map(str, data_folders()))
        raise DatasetNotFoundError(f"MNIST is in none of {searched}, and none can be written to")
    download.download_mnist(target)
    return replace(read_idx_folder(target), source="MNIST")


def _read_mnist_or_digits() -> Dataset:
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


def _shared_part(
    images: np.ndarray, labels: np.ndarray, image_shape: tuple[int, ...], source: str
) -> SharedPart:
    floatX = pytensor.config.floatX
    shared_x = pytensor.shared(np.ascontiguousarray(images, dtype=floatX), borrow=True)
    shared_x.tag.image_shape, shared_x.tag.source = image_shape, source
    shared_y = pytensor.shared(np.asarray(labels, dtype=floatX), borrow=True)
    return shared_x, pt.cast(shared_y, "int32")
