"""Data of any kind turned into rows on disk, some at a time, for data that fill the memory."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deeptutorial.datasets.arrays import Examples, to_unit_interval
from deeptutorial.datasets.blocks import places_in_blocks
from deeptutorial.datasets.class_names import numbered
from deeptutorial.datasets.columns import described_column
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.load import read_in_blocks
from deeptutorial.datasets.npy import about_beside, labels_beside
from deeptutorial.datasets.scaling import Scaling
from deeptutorial.datasets.shuffling import put_in_order
from deeptutorial.files import replacing

__all__ = ["convert_to_rows"]

HEADER_SIZE = 128


def convert_to_rows(
    dataset: str | os.PathLike,
    output: Path,
    scale: str = "none",
    part: str | None = None,
    progress: Callable[[int], object] = lambda n_rows: None,
    shuffle: int | None = None,
    **reading: Any,
) -> tuple[int, int]:
    """Write examples in one piece as an array of float32 in NumPy's format.

    Labels go to ``rows.labels.npy`` beside ``rows.npy``; names, if there are any, and what was done
    to the values, to ``rows.about.json`` (see `about_beside`). `load_data` reads all of them again.

    Parameters
    ----------
    dataset : str or path
        As `load_data` takes it.
    output : Path
    scale : {"none", "minmax", "max", "standardize"}
        What is done to the values; all rows together decide on the factors.
    part : {"training", "validation", "test"}, optional
        Which one, of data that have parts.
    progress : callable
        Told of rows as they are read.
    shuffle : int, optional
        Seed of another order of the rows, and of all that lies beside: rows on disk are trained on,
        and divided into parts, as they lie. None leaves them in the order of the data, as the codes
        that a model makes of them are.
    **reading
        As `load_data` takes it.

    Returns
    -------
    n_rows, n_values : int

    Raises
    ------
    DatasetError
        If the data cannot be read, or are divided into parts and `part` names none of them.
    OSError
        If the rows cannot be written; what was there before is still there.
    """
    blocks = read_in_blocks(dataset, part, **reading)
    with replacing(output) as temporary:
        first, labels, identifiers = _write(temporary, blocks, progress)
        if first.doubt and scale == "none":  # rows on disk would not raise it any more
            raise DatasetError(
                f"{first.source}: {first.doubt}; take --scale max (scale='max' in Python)"
            )
        rows = np.load(temporary, mmap_mode="r+")
        _impute(rows, first)
        scaling = first.scaling
        if scale != "none":
            if scaling is not None:
                raise DatasetError(f"{first.source}: is scaled already ({scaling.kind})")
            scaling = _scale(rows, scale, first.source)
        if shuffle is not None:
            order = np.random.default_rng(shuffle).permutation(len(rows))
            put_in_order(rows, order)
            labels, identifiers = (
                beside if beside is None else beside[order] for beside in (labels, identifiers)
            )
        rows.flush()
        shape = rows.shape
        del rows
        _write_beside(output, first, scaling, labels, identifiers)
    return shape


def _write(
    path: Path, blocks: Iterator[Examples], progress: Callable[[int], object]
) -> tuple[Examples, np.ndarray | None, np.ndarray | None]:
    """Write all rows; return the first block, all labels, and all identifiers."""
    first: Examples | None = None
    labels, identifiers = [], []
    n_rows = n_values = 0
    with open(path, "wb") as file:
        file.write(bytes(HEADER_SIZE))
        for block in blocks:
            first = first or block
            values = to_unit_interval(block.images.reshape(len(block.images), -1))
            with np.errstate(over="ignore"):  # is infinite then, which is found
                rows = values.astype("<f4")
            if np.isinf(rows).any():
                raise DatasetError(f"{block.source}: a number is too large for 32 bits")
            file.write(rows.data if rows.size else b"")
            n_rows, n_values = n_rows + len(rows), rows.shape[1]
            labels.append(block.labels)
            identifiers.append(block.identifiers)
            progress(len(rows))
        if first is None or not n_rows * n_values:
            raise DatasetError("there is nothing in it to be converted")
        file.seek(0)
        _write_header(file, (n_rows, n_values))
    return first, _joined(labels), _joined(identifiers)


def _write_header(file: BinaryIO, shape: tuple[int, int]):
    """Write the header of an array of float32, of a length that is known beforehand."""
    text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    beginning = np.lib.format.magic(1, 0) + (HEADER_SIZE - 10).to_bytes(2, "little")
    file.write(beginning + text.ljust(HEADER_SIZE - 11) + b"\n")


def _joined(pieces: list[np.ndarray | None]) -> np.ndarray | None:
    there = [piece for piece in pieces if piece is not None]
    return np.concatenate(there) if there else None


def _slices(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[place] for place in places_in_blocks(rows))


def _impute(rows: np.ndarray, of: Examples):
    """Put the mean of its column in the place of each value that is missing."""
    counts = np.zeros(rows.shape[1], dtype=np.int64)
    sums = np.zeros(rows.shape[1])
    for some in _slices(rows):
        counts += (~np.isnan(some)).sum(axis=0)
        sums += np.nansum(some, axis=0, dtype=np.float64)
    if (counts == len(rows)).all():
        return
    if not counts.all():
        nothing = described_column(of.columns, int(np.argmin(counts)))
        raise DatasetError(f"{of.source}: {nothing} has no values at all")
    means = (sums / counts).astype(rows.dtype)
    for some in _slices(rows):
        np.copyto(some, means, where=np.isnan(some))


def _scale(rows: np.ndarray, scale: str, source: str) -> Scaling:
    try:
        scaling = Scaling.fitted(scale, rows)
    except DatasetError as error:
        raise DatasetError(f"{source}: {error}") from error
    for some in _slices(rows):
        some[:] = scaling.apply(some)
    return scaling


def _write_beside(
    output: Path,
    first: Examples,
    scaling: Scaling | None,
    labels: np.ndarray | None,
    identifiers: np.ndarray | None,
):
    """Write labels and names; what an earlier conversion left there is removed."""
    (numbers,), class_names = numbered([labels])
    beside = labels_beside(output)
    if numbers is None:
        beside.unlink(missing_ok=True)
    else:
        with replacing(beside) as temporary, open(temporary, "wb") as file:
            np.save(file, numbers, allow_pickle=False)
    about = Description(first.columns, class_names or first.class_names, scaling).as_plain()
    about["identifiers"] = None if identifiers is None else identifiers.tolist()
    about["image_shape"] = list(first.image_shape)
    with replacing(about_beside(output)) as temporary:
        temporary.write_text(json.dumps(about), encoding="utf-8")
