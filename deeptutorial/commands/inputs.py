"""What the commands take in: models, and examples for them."""

import io
import math
import os
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import pytensor

from deeptutorial.archives import ArchiveError, open_regular, read_npy, read_npy_place
from deeptutorial.commands.parser import OneLineParser
from deeptutorial.commands.shown import Shown
from deeptutorial.commands.shown_pictures import OPTIONS, show_one_picture, show_part
from deeptutorial.commands.status import UsageError
from deeptutorial.datasets import PART_NAMES, DatasetError
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.load import read_undivided
from deeptutorial.datasets.npy import with_what_lies_beside
from deeptutorial.models import SdA, dA, load_model, read_model

__all__ = [
    "STANDARD",
    "add_examples",
    "add_model",
    "load",
    "read_examples",
]

STANDARD = "-"
"""Stands for standard input or output."""


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
        return _standard_input(model, **({} if part is None else {"part": part}), **reading)
    path = os.path.expanduser(source)
    pictures = show_part(path, model, part, **reading) if set(reading) <= OPTIONS else None
    if pictures is not None:
        return pictures
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


def _standard_input(model: dA | SdA, **options: Any) -> Shown:
    content, name = sys.stdin.buffer.read(), "standard input"
    is_npy = content.startswith(np.lib.format.MAGIC_PREFIX)
    for option in options:
        if is_npy or option not in ("resize", "grey"):
            raise DatasetError(
                f"{name}: `{option}` means nothing for a {'.npy' if is_npy else 'picture'} that "
                "comes from there; name a file"
            )
    if not is_npy:
        return show_one_picture(io.BytesIO(content), model, name, **options)
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
