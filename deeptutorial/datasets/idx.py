"""IDX, the file format that MNIST is published in."""

import os
import struct
from math import prod
from pathlib import Path

import numpy as np

from deeptutorial.datasets.arrays import Dataset, checked_part, without_last_sixth
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.unpacking import opened, reading

__all__ = ["IDX_NAMES", "find_idx_files", "read_idx", "read_idx_folder"]

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def find_idx_files(folder: Path) -> dict[str, Path]:
    """Return which of the four files are in a folder, by their plain names; ``.gz`` may follow."""
    found = {}
    for name in IDX_NAMES:
        for path in (folder / name, folder / f"{name}.gz"):
            if os.path.isfile(path):  # unlike Path.is_file, False where one may not look
                found[name] = path
                break
    return found


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes, gzipped or not.

    Returns
    -------
    ndarray of uint8
        In the shape that the header tells.

    Raises
    ------
    DatasetError
    """
    with reading(path, damaged="damaged gzip data"), opened(path) as file:
        content = file.read()

    # Header: two zero bytes, the type (8: unsigned bytes), the number of dimensions, their sizes.
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DatasetError(f"{path}: not an IDX file of bytes (it begins with {content[:4].hex()})")
    n_dimensions = content[3]
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise DatasetError(f"{path}: the file ends within its header")
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    if len(content) - start != prod(shape):
        raise DatasetError(
            f"{path}: the header tells of {' x '.join(map(str, shape[:4]))}"
            f"{' x ...' if n_dimensions > 4 else ''} bytes, "
            f"but {len(content) - start} follow"
        )
    try:
        return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
    except ValueError as error:
        raise DatasetError(f"{path}: the header tells of an impossible array ({error})") from error


def read_idx_folder(folder: Path) -> Dataset:
    """Read the four files of MNIST, or of a data set published like it.

    The last sixth of the training examples is set apart for validation: 50 000 / 10 000 / 10 000
    for MNIST.

    Raises
    ------
    DatasetError
        If one of the files is missing or damaged, or they do not fit together.
    """
    found = find_idx_files(folder)
    missing = [name for name in IDX_NAMES if name not in found]
    if missing:
        raise DatasetError(f"{folder}: {', '.join(missing)} (or with .gz) missing")
    train_x, train_y, test_x, test_y = (read_idx(found[name]) for name in IDX_NAMES)
    for name, images in (("train", train_x), ("t10k", test_x)):
        if images.ndim != 3:
            raise DatasetError(f"{folder}: {name} images have {images.ndim} dimensions, not 3")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise DatasetError(
            f"{folder}: training images are {train_x.shape[1:]}, test images {test_x.shape[1:]}"
        )
    source = str(folder)
    train, valid = without_last_sixth(source, checked_part(source, "training", train_x, train_y))
    test = checked_part(source, "test", test_x, test_y)
    return Dataset(train, valid, test, image_shape=train_x.shape[1:])
