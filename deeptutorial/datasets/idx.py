"""IDX, the file format that MNIST and its relatives are published in."""

import os
import re
import struct
from math import prod
from pathlib import Path

import numpy as np

from deeptutorial.datasets.arrays import (
    Dataset,
    Examples,
    checked_part,
    square_shape,
    without_last_sixth,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.relatives import class_names_of, plain_labels, upright
from deeptutorial.datasets.unpacking import opened, reading
from deeptutorial.texts import printable

__all__ = [
    "IDX_NAMES",
    "find_idx_files",
    "find_idx_sets",
    "is_idx_name",
    "read_idx",
    "read_idx_examples",
    "read_idx_folder",
    "read_idx_set",
]

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# Relatives put their own name before it, and say "test"; copies have other marks in between.
_NAME = re.compile(
    r"(?:(?P<set>.+)[-_.])?(?P<part>train|t10k|test)[-_.](?P<what>images|labels)[-_.]"
    r"idx[1-4][-_.](?:ubyte|int)(?:\.gz)?",
    re.IGNORECASE,
)

_TYPES: dict[int, np.dtype] = {8: np.dtype("u1"), 12: np.dtype(">i4")}
"""By the third byte of a file; labels with notes are published as integers."""


def find_idx_files(folder: Path) -> dict[str, Path]:
    """Return which of MNIST's four files are in a folder, by their plain names."""
    return find_idx_sets(folder).get("", {})


def find_idx_sets(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the data sets in a folder whose files are named as MNIST's are.

    Returns
    -------
    dict of dict
        By the name that stands before those of the files, ``emnist-letters`` say (``""`` for
        none); and within, by MNIST's names, the paths. `.gz` may follow a name.
    """
    try:
        names = os.listdir(folder)
    except OSError:  # it is not there, or may not be looked into
        return {}
    found: dict[str, dict[str, Path]] = {}
    # Of several files of one kind the one that is named plainly, not gzipped, is taken.
    for name in sorted(names, key=lambda name: (name not in IDX_NAMES, len(name), name)):
        kind = _kind(name)
        if kind and os.path.isfile(folder / name):
            found.setdefault(kind[0], {}).setdefault(kind[1], folder / name)
    return found


def is_idx_name(name: str) -> bool:
    """Tell whether a file is named as those of MNIST and its relatives are."""
    return _kind(name) is not None


def _kind(name: str) -> tuple[str, str] | None:
    """Return of which data set a file is, and what MNIST calls such a file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    place = 2 * (match["part"].lower() != "train") + (match["what"].lower() == "labels")
    return (match["set"] or "").lower(), IDX_NAMES[place]


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes or of 32-bit integers, gzipped or not.

    Returns
    -------
    ndarray of uint8 or int32
        In the shape that the header tells.

    Raises
    ------
    DatasetError
    """
    with reading(path, damaged="damaged gzip data"), opened(path) as file:
        content = file.read()

    # Header: two zero bytes, the type, the number of dimensions, their sizes.
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DatasetError(f"{path}: not an IDX file of bytes (it begins with {content[:4].hex()})")
    stored, n_dimensions = _TYPES[content[2]], content[3]
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise DatasetError(f"{path}: the file ends within its header")
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    if len(content) - start != prod(shape) * stored.itemsize:
        raise DatasetError(
            f"{path}: the header tells of {' x '.join(map(str, shape[:4]))}"
            f"{' x ...' if n_dimensions > 4 else ''} "
            f"{'bytes' if stored.itemsize == 1 else 'integers of 4 bytes'}, "
            f"but {len(content) - start} follow"
        )
    try:
        array = np.frombuffer(content, dtype=stored, offset=start).reshape(shape)
    except ValueError as error:
        raise DatasetError(
            f"{path}: the header tells of an impossible array ({printable(error, 300)})"
        ) from error
    return array.astype(stored.newbyteorder("="), copy=False)


def read_idx_examples(path: Path) -> Examples:
    """Read one file of images by itself, called whatever it may be; there are no labels.

    Raises
    ------
    DatasetError
        If it is no IDX file, or one of labels.
    """
    images = read_idx(path)
    if images.ndim < 2:
        raise DatasetError(
            f"{path}: an array of shape {images.shape} has no images; to have images and labels, "
            f"call the four files {', '.join(IDX_NAMES)}, and name their folder"
        )
    image_shape = images.shape[1:] if images.ndim == 3 else square_shape(prod(images.shape[1:]))
    return Examples(images, None, image_shape, source=str(path))


def read_idx_folder(folder: Path) -> Dataset:
    """Read the four files of MNIST, or of a data set published like it, from their folder.

    Raises
    ------
    DatasetError
        If there are several such data sets, or as `read_idx_set` does.
    """
    sets = find_idx_sets(folder)
    if len(sets) > 1:
        names = ", ".join(name or "MNIST's own names" for name in sorted(sets))
        chosen = min(path for found in sets.values() for path in found.values())
        raise DatasetError(
            f"{folder}: holds several data sets ({names}): name one of them by one of its files, "
            f"{chosen} say"
        )
    return _read_set(folder, *next(iter(sets.items()), ("", {})))


def read_idx_set(path: Path) -> Dataset:
    """Read the data set that one of MNIST's four files, or of a relative's, belongs to.

    The last sixth of the training examples is set apart for validation: 50 000 / 10 000 / 10 000
    for MNIST. EMNIST's pictures, which lie on their side, are put upright, and its letters are
    numbered from 0 on.

    Raises
    ------
    DatasetError
        If another of the files is missing or damaged, or they do not fit together.
    """
    name, _ = _kind(path.name) or ("", "")
    return _read_set(path.parent, name, find_idx_sets(path.parent).get(name, {}))


def _read_set(folder: Path, name: str, found: dict[str, Path]) -> Dataset:
    missing = [role for role in IDX_NAMES if role not in found]
    if missing:
        called = [f"{name}-{role.replace('t10k', 'test')}" if name else role for role in missing]
        raise DatasetError(f"{folder}: {', '.join(called)} (or with .gz) missing")
    train_x, train_y, test_x, test_y = (read_idx(found[role]) for role in IDX_NAMES)
    for part, images in (("train", train_x), ("t10k", test_x)):
        if images.ndim != 3:
            raise DatasetError(f"{folder}: {part} images have {images.ndim} dimensions, not 3")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise DatasetError(
            f"{folder}: training images are {train_x.shape[1:]}, test images {test_x.shape[1:]}"
        )
    source = str(folder)
    train_x, test_x = upright(name, train_x), upright(name, test_x)
    train_y, test_y = (plain_labels(source, name, labels) for labels in (train_y, test_y))
    train, valid = without_last_sixth(source, checked_part(source, "training", train_x, train_y))
    test = checked_part(source, "test", test_x, test_y)
    class_names = class_names_of(name, np.concatenate([train[1], valid[1]]))
    return Dataset(train, valid, test, train_x.shape[1:], class_names=class_names, source=source)
