"""What the commands take in: models, and examples for them."""

import io
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np
import pytensor

from deeptutorial.archives import ArchiveError, open_regular, read_npy
from deeptutorial.datasets import DatasetError, read_dataset
from deeptutorial.datasets.arrays import ROUNDING, to_unit_interval
from deeptutorial.datasets.idx import find_idx_files
from deeptutorial.datasets.pictures import find_pictures, is_picture, read_picture
from deeptutorial.models import SdA, dA, load_model, read_model

__all__ = ["PARTS", "STANDARD", "add_model", "check_range", "load", "read_examples", "read_rows"]

STANDARD = "-"
"""Stands for standard input or output."""

PARTS = {"training": "train", "validation": "valid", "test": "test"}

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype="float32")
"""How bright red, green and blue are (ITU-R BT.601)."""


def add_model(parser: ArgumentParser, **options) -> None:
    """Let a command take a model."""
    parser.add_argument(
        "model", metavar="MODEL", help="a file that dA.py or SdA.py has saved", **options
    )


@overload
def load(path: str, kind: None = None) -> dA | SdA: ...


@overload
def load(path: str, kind: type[dA]) -> dA: ...


def load(path: str, kind: type[dA] | None = None) -> dA | SdA:
    """Load a model in the precision that it has, of a given kind or of any.

    As a side effect ``pytensor.config.floatX`` is set.
    """
    pytensor.config.floatX = read_model(path)[0]["floatX"]
    return load_model(path) if kind is None else kind.load(path)


def read_examples(source: str, model: dA | SdA, part: str = "test") -> np.ndarray:
    """Read what a model is to be shown.

    Parameters
    ----------
    source : str
        A picture, a folder of pictures, a ``.npy``, the name or path of a data set, or ``-`` for a
        picture or a ``.npy`` from standard input.
    model : dA or SdA
    part : str
        Of a data set: "training", "validation" or "test".

    Returns
    -------
    ndarray of shape (n, values of an example)
        Pictures in the order of their names.

    Raises
    ------
    DatasetError
        If that cannot be read, or does not fit the model.
    """
    path = Path(source)
    if source == STANDARD:
        content = sys.stdin.buffer.read()
        if not content.startswith(np.lib.format.MAGIC_PREFIX):
            return read_rows([(io.BytesIO(content), "standard input")], model)
        rows = _read_npy(io.BytesIO(content), "standard input")
    elif path.is_dir() and not find_idx_files(path):
        paths = find_pictures(path)
        if not paths:
            raise DatasetError(f"{source}: no picture that Pillow can read in this folder")
        return read_rows([(picture, str(picture)) for picture in paths], model)
    elif path.is_file() and is_picture(path):
        return read_rows([(path, source)], model)
    elif path.suffix == ".npy":
        with open_regular(path) as file:
            rows = _read_npy(file, source)
    else:
        rows = getattr(read_dataset(os.path.expanduser(source)), PARTS[part])[0]
    if rows.shape[1] != _size(model):
        raise DatasetError(
            f"{source}: an example has {rows.shape[1]} values, but the model takes {_size(model)}"
        )
    return rows


def check_range(name: str, model: dA | SdA, rows: np.ndarray) -> None:
    """Refuse values that are not in [0, 1], where a model has learned from such as are.

    Raises
    ------
    DatasetError
    """
    low, high = rows.min(), rows.max()
    if model.reconstruction_cost == "cross-entropy" and (low < -ROUNDING or high > 1 + ROUNDING):
        raise DatasetError(
            f"{name}: the values go from {low:g} to {high:g}, and the model has learned from "
            "values in [0, 1]; bring them there as those were (bytes are divided by 256)"
        )


def read_rows(pictures: list[tuple[Path | BinaryIO, str]], model: dA | SdA) -> np.ndarray:
    """Read pictures, each with the name that it has in a message, into rows for a model.

    Colour becomes grey, and grey three equal colours, as the model has it.
    """
    return np.stack([_as_row(read_picture(file, name), name, model) for file, name in pictures])


def _as_row(picture: np.ndarray, name: str, model: dA | SdA) -> np.ndarray:
    shape = model.image_shape
    if shape is None:
        if picture.size != _size(model):
            raise DatasetError(f"{name}: {picture.size} values, but the model takes {_size(model)}")
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


def _size(model: dA | SdA) -> int:
    return model.n_visible if isinstance(model, dA) else model.n_ins


def _read_npy(file: BinaryIO, name: str) -> np.ndarray:
    try:
        array = read_npy(file)
    except ArchiveError as error:
        raise DatasetError(f"{name}: {error}") from error
    if array.ndim < 2 or array.size == 0:
        raise DatasetError(f"{name}: an array of shape {array.shape} has no rows of examples")
    rows = to_unit_interval(array.reshape(len(array), -1))
    if not np.isfinite(rows).all():
        raise DatasetError(f"{name}: holds NaN or infinity")
    return rows
