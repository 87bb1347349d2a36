"""Data that are in memory already: arrays, sparse ones, tables of pandas or polars, and pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import PART_NAMES, Dataset, Examples, checked_parts
from deeptutorial.datasets.columns import (
    column_called,
    imputed,
    layout,
    pixels_as_bytes,
    refuse_missing,
    shape_of_columns,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.named_arrays import choose, examples_of, image_shape_of
from deeptutorial.datasets.sparse import dense
from deeptutorial.texts import printable

__all__ = ["read_arrays"]


def read_arrays(
    data: Any,
    *,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Dataset | Examples:
    """Make a data set of what is in memory.

    Parameters
    ----------
    data : array, DataFrame, sparse matrix, or a composition of these
        Rows of examples; a pair ``(X, y)``; three of these for training, validation and test; or a
        mapping from the names that arrays have in an ``.npz``.
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    reading: dict[str, Any] = {
        "transpose": transpose,
        "label_column": label_column,
        "impute": impute,
    }
    if isinstance(data, Mapping):
        arrays = {str(name): _array(values) for name, values in data.items()}
        shapes = {name: array.shape for name, array in arrays.items()}
        return choose("arrays", shapes, arrays.__getitem__, **reading)
    if isinstance(data, tuple | list) and len(data) == 3 and all(map(_is_pair, data)):
        return _three_parts(data, reading)
    if _is_pair(data):
        images, labels = data
        return _examples(images, None if labels is None else _array(labels), reading)
    return _examples(data, None, reading)


def _is_pair(data: Any) -> bool:
    if not (isinstance(data, tuple | list) and len(data) == 2):
        return False
    images, labels = data
    return labels is None or (
        len(_shape(images)) >= 2
        and len(_shape(labels)) <= 2
        and (isinstance(data, tuple) or len(_shape(labels)) == 1)
    )


def _shape(data: Any) -> tuple[int, ...]:
    try:
        return data.shape if hasattr(data, "shape") else np.shape(data)
    except ValueError:  # lists of different lengths
        return ()


def _three_parts(data: Any, reading: dict[str, Any]) -> Dataset:
    parts = [
        _examples(images, None if labels is None else _array(labels), reading)
        for images, labels in data
    ]
    sizes = [part.images[0].size for part in parts]
    if len(set(sizes)) > 1:
        raise DatasetError(f"arrays: the three sets have images of different sizes: {sizes}")
    (train, valid, test), class_names = checked_parts(
        "arrays",
        [(name, part.images, part.labels) for name, part in zip(PART_NAMES, parts, strict=True)],
    )
    shape = image_shape_of("arrays", parts[0].images)
    return Dataset(train, valid, test, shape, class_names, parts[0].columns, "arrays")


def _examples(data: Any, labels: np.ndarray | None, reading: dict[str, Any]) -> Examples:
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return _of_frame(data, labels, **reading)
    array = _array(data)
    sides = " x ".join(map(str, array.shape))
    return examples_of(f"an array of {sides}" if sides else "data", array, labels, **reading)


def _array(data: Any) -> np.ndarray:
    """Return what NumPy makes of it, objects that are all texts as texts."""
    if hasattr(data, "toarray") and hasattr(data, "nnz"):
        return dense(data)
    try:
        array = np.asarray(data)
    except ValueError as error:  # lists of different lengths
        raise DatasetError(
            f"data: no array of numbers can be made of them ({printable(error, 300)})"
        ) from error
    if array.dtype.kind in "OT" and all(isinstance(value, str) for value in array.ravel()):
        array = array.astype(str)
    return array


def _of_frame(
    frame: Any,
    labels: np.ndarray | None,
    transpose: bool,
    label_column: str | int | None,
    impute: bool,
) -> Examples:
    if transpose:
        frame = frame.T if hasattr(frame, "iloc") else frame.transpose()
    names = [str(name) for name in frame.columns]
    source = f"a table of {len(frame)} x {len(names)}"
    if not names or not len(frame):
        raise DatasetError(f"{source}: it is empty")
    arrays = [_column(source, frame, place) for place in range(len(names))]
    of_labels = column_called(source, names, len(names), label_column) if labels is None else None
    texts = [None if array.dtype.kind != "U" else array[:20].tolist() for array in arrays]
    first = 0 if of_labels != 0 and texts[0] is not None else None
    roles = layout(source, names, texts, of_labels, first)
    index = getattr(frame, "index", None)
    identifiers = None if index is None or type(index).__name__ == "RangeIndex" else index
    if roles.identifiers is not None:
        identifiers = arrays[roles.identifiers]
    examples = Examples(
        np.column_stack([arrays[column].astype(np.float64) for column in roles.values]),
        labels if roles.labels is None else arrays[roles.labels],
        shape_of_columns(len(roles.values), roles.names),
        columns=roles.names,
        identifiers=None if identifiers is None else np.array([str(name) for name in identifiers]),
        source=source,
    )
    (examples,) = pixels_as_bytes([examples])
    return imputed(examples) if impute else refuse_missing(examples)


def _column(source: str, frame: Any, place: int) -> np.ndarray:
    """Return a column of a table as numbers, NaN where one is missing, or as texts."""
    column = frame.iloc[:, place] if hasattr(frame, "iloc") else frame[:, place]
    array = np.asarray(column)
    if array.dtype.kind in "biuf":
        return array
    values = array.tolist()
    texts = [value for value in values if isinstance(value, str)]
    if texts and all(isinstance(value, str) or value is None or value != value for value in values):
        return np.array([value if isinstance(value, str) else "" for value in values], dtype=str)
    try:
        if array.dtype.kind != "O":  # dates would be numbers of nanoseconds
            raise TypeError("they are dates or the like")
        if hasattr(frame, "iloc"):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"{source}: column {place + 1} ({str(frame.columns[place])!r:.60}) holds "
            f"{array.dtype}, which is no number ({error!s:.100})"
        ) from error
