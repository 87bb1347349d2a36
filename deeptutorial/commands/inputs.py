"""What the commands take in: models, and examples for them."""

import io
import math
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, overload

import numpy as np
import pytensor

from deeptutorial.archives import ArchiveError, open_regular, read_npy, read_npy_place
from deeptutorial.commands.parser import OneLineParser
from deeptutorial.commands.shown import Shown
from deeptutorial.commands.status import UsageError
from deeptutorial.datasets import PART_NAMES, DatasetError
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.cifar import is_cifar_folder
from deeptutorial.datasets.idx import find_idx_sets
from deeptutorial.datasets.load import read_undivided
from deeptutorial.datasets.npy import with_what_lies_beside
from deeptutorial.datasets.pictures import (
    LUMINANCE,
    find_pictures,
    is_picture,
    page_numbers,
    read_picture,
)
from deeptutorial.models import SdA, dA, load_model, read_model

__all__ = [
    "STANDARD",
    "Page",
    "add_examples",
    "add_model",
    "find_shown_pictures",
    "load",
    "read_examples",
    "show_pictures",
]

STANDARD = "-"
"""Stands for standard input or output."""


class Page(NamedTuple):
    """A picture on the disk: a file, and which of those in it, 0 but for a TIFF's further pages."""

    path: Path
    number: int


def add_model(parser: ArgumentParser, kind: str = "dA.py or SdA.py", **options) -> None:
    """Let a command take a model."""
    parser.add_argument("model", metavar="MODEL", help=f"a file that {kind} has saved", **options)


def add_examples(parser: OneLineParser, **options) -> None:
    """Let a command take examples, in a form that `read_examples` knows."""
    parser.add_argument(
        "examples",
        metavar="EXAMPLES",
        help="a data set, as --dataset of dA.py takes it, a folder of pictures, a picture or a "
        ".npy, which is read piece by piece; - is a picture or a .npy from standard input",
        **options,
    )
    parser.add_argument(
        "--part",
        choices=PART_NAMES,
        help="which part of a data set that has parts, as MNIST has (default: test); of what has "
        "none, a table say, all rows come, in their order",
    )
    parser.add_reading()


@overload
def load(path: str, kind: None = None) -> dA | SdA: ...


@overload
def load(path: str, kind: type[dA]) -> dA: ...


@overload
def load(path: str, kind: type[SdA]) -> SdA: ...


def load(path: str, kind: type[dA] | type[SdA] | None = None) -> dA | SdA:
    """Load a model in the precision that it has, of a given kind or of any.

    As a side effect ``pytensor.config.floatX`` is set.
    """
    pytensor.config.floatX = read_model(path)[0]["floatX"]
    return load_model(path) if kind is None else kind.load(path)


def read_examples(source: str, model: dA | SdA, part: str | None = None, **reading: Any) -> Shown:
    """Find what a model is to be shown.

    Parameters
    ----------
    source : str
        A picture, a folder of pictures, a ``.npy``, the name or path of a data set, or ``-`` for a
        picture or a ``.npy`` from standard input. What lies in files that can be read piece by
        piece, pictures and a ``.npy``, is read when it is asked for.
    model : dA or SdA
    part : {"training", "validation", "test"}, optional
        Of a data set that has parts; None takes the test set.
    **reading
        How to read it, as `load_data` takes it.

    Returns
    -------
    Shown
        All examples, in their order; pictures in that of their names.

    Raises
    ------
    UsageError
        If a part is asked for where there is none.
    DatasetError
        If there is nothing such, if it cannot be read, or does not fit the model.
    """
    if source == STANDARD:
        return _standard_input(model)
    path = os.path.expanduser(source)
    pictures = {} if part or reading else find_shown_pictures(path)
    if pictures:
        return show_pictures(list(pictures.items()), model, source)
    is_npy = Path(path).suffix.lower() == ".npy" and os.path.isfile(path)
    found = _npy_on_disk(path) if is_npy and not reading else read_undivided(path, **reading)
    if isinstance(found, Dataset):
        images, labels = dict(zip(PART_NAMES, (found.train, found.valid, found.test), strict=True))[
            part or "test"
        ]
        found = Examples(images, labels, found.image_shape, found.class_names, found.columns)
    elif part is not None:
        raise UsageError(
            f"{source} has no parts: leave --part out, and all of its rows come, in their order"
        )
    return Shown.of(replace(found, source=source), model)


def find_shown_pictures(path: str) -> dict[str, Page]:
    """Return the pictures that a path leads to, by what they are called; none if it is other data.

    They are called as they are from the folder on, a single one by its name, and each page of a
    TIFF that has several by the name with a number.
    """
    path = os.path.expanduser(path)
    if os.path.isfile(path) and is_picture(Path(path)):
        return dict(_pages(Path(path).name, Path(path)))
    is_folder = os.path.isdir(path)
    if is_folder and not find_idx_sets(Path(path)) and not is_cifar_folder(Path(path)):
        found = find_pictures(Path(path))
        return dict(page for at in found for page in _pages(str(at.relative_to(path)), at))
    return {}


def _pages(name: str, path: Path) -> Iterator[tuple[str, Page]]:
    is_tiff = path.suffix.lower() in (".tif", ".tiff")
    numbers = page_numbers(path) if is_tiff else [0]
    if len(numbers) == 1:
        yield name, Page(path, numbers[0])
        return
    for number in numbers:
        of_page = Path(name)
        yield str(of_page.with_stem(f"{of_page.stem}_{number:04}")), Page(path, number)


def show_pictures(pictures: Sequence[tuple[str, Page]], model: dA | SdA, source: str) -> Shown:
    """Show a model pictures, each with what it is called.

    Colour becomes grey, and grey three equal colours, as the model has it. Where all lie in one of
    several sub-folders, these are their classes.
    """
    folders = [os.path.dirname(name) for name, _ in pictures]
    labels = folders if len(set(folders)) > 1 and all(folders) else None
    files = _Pictures([(page.path, str(page.path), page.number) for _, page in pictures], model)
    names = np.array([name for name, _ in pictures])
    return Shown(files, model, source, names, labels, are_pictures=True)


class _Pictures:
    """The rows of pictures, each with its name for messages, read when they are asked for."""

    dtype = np.dtype("uint8")  # of what becomes of them again

    def __init__(self, pictures: Sequence[tuple[Path | BinaryIO, str, int]], model: dA | SdA):
        self._pictures, self._model = pictures, model
        self.shape = (len(pictures), model.n_visible if isinstance(model, dA) else model.n_ins)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.stack(
            [
                _as_row(read_picture(file, name, page=page), name, self._model)
                for file, name, page in self._pictures[rows]
            ]
        )


def _as_row(picture: np.ndarray, name: str, model: dA | SdA) -> np.ndarray:
    shape = model.image_shape
    n_values = model.n_visible if isinstance(model, dA) else model.n_ins
    if shape is None:
        if picture.size != n_values:
            raise DatasetError(f"{name}: {picture.size} values, but the model takes {n_values}")
        return picture.ravel()
    if len(shape) == 2 and picture.ndim == 3:
        picture = picture @ LUMINANCE
    elif len(shape) == 3 and picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    if picture.shape != shape:
        height, width = picture.shape[:2]
        raise DatasetError(
            f"{name}: {width}x{height} pixels, but the model has learned from "
            f"{shape[1]}x{shape[0]}; bring it to that size first"
        )
    return picture.ravel()


def _standard_input(model: dA | SdA) -> Shown:
    content, name = sys.stdin.buffer.read(), "standard input"
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        return Shown(
            _Pictures([(io.BytesIO(content), name, 0)], model), model, name, are_pictures=True
        )
    try:
        array = read_npy(io.BytesIO(content))
    except ArchiveError as error:
        raise DatasetError(f"{name}: {error}") from error
    return Shown.of(Examples(array, None, (), source=name), model)


class _NpyRows:
    """The rows of an array on the disk, which are read when they are asked for.

    They are not mapped into memory: the system counts what of a map was looked at as ours, up to
    the whole file.
    """

    def __init__(self, path: str, shape: tuple[int, ...], dtype: np.dtype, offset: int):
        self.shape, self.dtype = shape, dtype
        self._path, self._offset = path, offset

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        first, last, _ = rows.indices(len(self))
        n_values = math.prod(self.shape[1:])
        offset = self._offset + first * n_values * self.dtype.itemsize
        values = np.fromfile(self._path, self.dtype, (last - first) * n_values, offset=offset)
        if values.size != (last - first) * n_values:
            raise DatasetError(f"{self._path}: has become shorter while it was read")
        return values.reshape(last - first, *self.shape[1:])


def _npy_on_disk(path: str) -> Examples:
    """Let the rows of a .npy be read piece by piece; where columns come first, all at once."""
    rows: np.ndarray | _NpyRows
    try:
        with open_regular(path) as file:
            place = read_npy_place(file)
            rows = read_npy(file) if place is None else _NpyRows(path, *place)
    except ArchiveError as error:
        raise DatasetError(f"{path}: cannot be read as .npy ({error})") from error
    # It hands out its rows as an array does, which is all that is asked of it.
    examples = Examples(rows, None, (), source=path)  # type: ignore[arg-type]
    return with_what_lies_beside(Path(path), examples)
