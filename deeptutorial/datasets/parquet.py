"""Tables in Parquet files, by pyarrow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.columns import (
    Layout,
    column_called,
    layout,
    pixels_as_bytes,
    refuse_missing,
    shape_of_columns,
    whole,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.optional import needed
from deeptutorial.datasets.unpacking import check_unpacked_size, opened_regular, reading

__all__ = ["parquet_in_blocks", "read_parquet"]

CELLS_OF_A_BLOCK = 1 << 21


def read_parquet(path: Path, *, label_column: str | None = None, impute: bool = False) -> Examples:
    """Read a table whose columns are numbers, but for identifiers and labels.

    Parameters
    ----------
    path : Path
    label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    return whole(parquet_in_blocks(path, label_column=label_column, impute=impute), impute)


def parquet_in_blocks(
    path: Path, *, label_column: str | None = None, impute: bool = False
) -> Iterator[Examples]:
    """Read a table some rows at a time; what is to be imputed is NaN yet.

    Raises
    ------
    DatasetError
        While it is read.
    """
    yield from pixels_as_bytes(_in_blocks(path, label_column, impute))


def _in_blocks(path: Path, label_column: str | None, impute: bool) -> Iterator[Examples]:
    parquet = needed("pyarrow.parquet", path)
    with reading(path, "Parquet"), opened_regular(path) as regular:
        size = regular.seek(0, 2)
        regular.seek(0)
        file = parquet.ParquetFile(regular, memory_map=False)
        n_rows, names = file.metadata.num_rows, file.schema_arrow.names
        if not n_rows or not names:
            raise DatasetError(f"{path}: an empty table")
        check_unpacked_size(path, n_rows * len(names) * 8, size)
        columns = _layout(path, file.schema_arrow, label_column)
        read = 0
        n_at_once = max(1, CELLS_OF_A_BLOCK // len(names))
        for batch in file.iter_batches(batch_size=n_at_once, use_threads=False):
            read += len(batch)
            if read > n_rows:
                raise DatasetError(f"{path}: holds more rows than the {n_rows} that it tells of")
            block = _block(path, batch, columns)
            yield block if impute else refuse_missing(block)
        if read != n_rows:
            raise DatasetError(f"{path}: tells of {n_rows} rows, and holds {read}")


def _layout(path: Path, schema: Any, label_column: str | None) -> Layout:
    types = needed("pyarrow.types", path)
    names = list(schema.names)
    labels = column_called(str(path), names, len(names), label_column)
    texts: list[list[str] | None] = []
    for field in schema:
        kind = field.type
        is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
        texts.append(None if is_number or types.is_boolean(kind) else [str(kind)])
    index = _index_of_pandas(schema, names)
    if index is None and labels != 0 and texts[0] is not None:
        index = 0
    return layout(str(path), names, texts, labels, index)


def _index_of_pandas(schema: Any, names: list[str]) -> int | None:
    """Return the column that pandas has put the index of a table into, if it has."""
    try:
        (name,) = json.loads(schema.metadata[b"pandas"])["index_columns"]
        return names.index(name)
    except (TypeError, KeyError, ValueError, RecursionError):
        return None


def _block(path: Path, batch: Any, columns: Layout) -> Examples:
    def numbers(column: int) -> np.ndarray:
        return np.asarray(
            batch.column(column).cast("float64").to_numpy(zero_copy_only=False), dtype=np.float64
        )

    def texts(column: int | None) -> np.ndarray | None:
        if column is None:
            return None
        values = batch.column(column).to_pylist()
        return np.array(["" if value is None else str(value) for value in values], dtype=object)

    values = np.empty((len(batch), len(columns.values)))
    for place, column in enumerate(columns.values):
        values[:, place] = numbers(column)
    if np.isinf(values).any():
        raise DatasetError(f"{path}: holds numbers that are infinite")
    return Examples(
        values,
        texts(columns.labels),
        shape_of_columns(len(columns.values), columns.names),
        columns=columns.names,
        identifiers=texts(columns.identifiers),
        source=str(path),
    )
