"""Tables of text, an example a line: values between commas, tabs, semicolons or blanks."""

import itertools
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.columns import (
    Layout,
    column_called,
    described_column,
    layout,
    pixels_as_bytes,
    shape_of_columns,
    whole,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.text_rows import Rows
from deeptutorial.datasets.unpacking import opened
from deeptutorial.texts import printable

__all__ = [
    "amat_in_blocks",
    "read_amat",
    "read_text_table",
    "refuse_spreadsheet",
    "text_table_in_blocks",
]

CELLS_OF_A_BLOCK = 1 << 21


def read_text_table(
    path: Path, *, transpose: bool = False, label_column: str | None = None, impute: bool = False
) -> Examples:
    """Read a table of numbers, packed or not (``.gz``, ``.bz2``, ``.xz``).

    Whether there is a header, what separates the values, and which column holds identifiers (the
    first, where it holds texts or is called ``id`` or nothing) is found out. Lines at the top that
    begin with ``#`` or ``!`` are passed over.

    Parameters
    ----------
    path : Path
    transpose : bool
        The columns are the examples, and each line has what was measured, as tables of gene
        expression often are.
    label_column : str, optional
        The column that holds the classes: its name, or its number from 1 on, or -1 for the last.
        One that is called ``label`` or ``class`` is found by itself.
    impute : bool
        Put the mean of its column in the place of a value that is missing, or else refuse it.

    Raises
    ------
    DatasetError
    """
    return whole(
        text_table_in_blocks(path, transpose=transpose, label_column=label_column, impute=impute),
        impute,
    )


def text_table_in_blocks(
    path: Path, *, transpose: bool = False, label_column: str | None = None, impute: bool = False
) -> Iterator[Examples]:
    """Read a table some lines at a time; what is to be imputed is NaN yet.

    Raises
    ------
    DatasetError
        While it is read.
    """
    try:
        with opened(path) as file:
            rows = Rows(path, file)
            if transpose:
                yield _transposed(rows, label_column, impute)
            else:
                yield from pixels_as_bytes(_in_blocks(rows, label_column, impute))
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(f"{path}: damaged packed data ({printable(error, 300)})") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_amat(
    path: Path, *, transpose: bool = False, label_column: str | None = "-1", impute: bool = False
) -> Examples:
    """Read a table as Larochelle and others published theirs, the class in the last column.

    Larochelle, H., Erhan, D., Courville, A., Bergstra, J. and Bengio, Y. (2007), An empirical
    evaluation of deep architectures on problems with many factors of variation, ICML.

    Parameters
    ----------
    path : Path
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    reading = {"transpose": transpose, "label_column": label_column, "impute": impute}
    return whole(amat_in_blocks(path, **reading), impute)


def amat_in_blocks(path: Path, **reading: Any) -> Iterator[Examples]:
    """Read such a table some lines at a time, as `text_table_in_blocks` does."""
    return text_table_in_blocks(path, **{"label_column": "-1"} | reading)


def refuse_spreadsheet(path: Path) -> Examples:
    """Say what would do in the place of a spreadsheet's own format.

    Raises
    ------
    DatasetError
    """
    raise DatasetError(f"{path}: a spreadsheet; save its sheet as CSV, and take that")


def _layout(rows: Rows, labels: int | None) -> Layout:
    are_numbers = [rows.are_numbers(cells) for cells in rows.sample]
    texts: list[list[str] | None] = [None] * rows.n_columns
    for column, is_always in enumerate(map(all, zip(*are_numbers, strict=True))):
        if not is_always:
            texts[column] = [
                cells[column].strip()
                for cells, is_number in zip(rows.sample, are_numbers, strict=True)
                if not is_number[column]
            ]
    if rows.header and not rows.header[-1] and all(not cells[-1].strip() for cells in rows.sample):
        texts.pop()  # a separator at the end of each line
    # A text among numbers is no identifier, but something that is no number.
    has_texts_first = labels != 0 and not any(numbers[0] for numbers in are_numbers)
    return layout(str(rows.path), rows.header, texts, labels, 0 if has_texts_first else None)


def _in_blocks(rows: Rows, label_column: str | None, impute: bool) -> Iterator[Examples]:
    labels = column_called(str(rows.path), rows.header, rows.n_columns, label_column)
    columns = _layout(rows, labels)
    n_values = len(columns.values)
    n_rows = max(1, CELLS_OF_A_BLOCK // n_values)
    numbers = iter(rows)
    while block := list(itertools.islice(numbers, n_rows)):
        block = [row for row in block if not _is_weights(row[1], columns)]
        values = np.empty((len(block), n_values))
        for i, (line, cells) in enumerate(block):
            values[i] = _numbers(rows, line, cells, columns.values)
        _check(rows, values, columns.values, [line for line, _ in block], impute)
        yield Examples(
            values,
            _labels(_texts(block, columns.labels)),
            shape_of_columns(n_values, columns.names),
            columns=columns.names,
            identifiers=_texts(block, columns.identifiers),
            source=str(rows.path),
        )


def _is_weights(cells: Sequence[str], columns: Layout) -> bool:
    """Tell whether this is the second line of Stanford's PCL, which weights the columns."""
    return columns.identifiers is not None and cells[columns.identifiers] == "EWEIGHT"


def _texts(block: list[tuple[int, list[str]]], column: int | None) -> np.ndarray | None:
    if column is None:
        return None
    return np.array([cells[column].strip() for _, cells in block], dtype=object)


def _labels(texts: np.ndarray | None) -> np.ndarray | None:
    """Leave the labels that are missing empty."""
    if texts is None:
        return None
    known = ["" if text in ("NA", "NaN", "nan") else text for text in texts.tolist()]
    return np.array(known, dtype=object)


def _numbers(rows: Rows, line: int, cells: list[str], columns: Sequence[int]) -> np.ndarray:
    if isinstance(columns, range):
        wanted = cells[columns.start : columns.stop]
    else:
        wanted = [cells[column] for column in columns]
    try:
        return rows.numbers(wanted)
    except ValueError:
        pass
    values = np.empty(len(wanted))
    for i, cell in enumerate(wanted):
        try:
            values[i] = rows.number(cell)
        except ValueError:
            raise DatasetError(
                f"{rows.path}: line {line}, {described_column(rows.header, columns[i])}: "
                f"{cell!r:.60} is no number"
            ) from None
    return values


def _check(
    rows: Rows, values: np.ndarray, columns: Sequence[int], lines: Sequence[int], impute: bool
):
    """Refuse what is infinite, and what is missing unless it is to be imputed."""
    bad = np.isinf(values) if impute else ~np.isfinite(values)
    if not bad.any():
        return
    i, j = (int(place[0]) for place in np.nonzero(bad))
    where = f"{rows.path}: line {lines[i]}, {described_column(rows.header, columns[j])}"
    if np.isinf(values[i, j]):
        raise DatasetError(f"{where}: the number is infinite")
    raise DatasetError(
        f"{where}: the value is missing ({int(np.isnan(values).sum())} near there); take --impute "
        "(impute=True in Python) to put the mean of the column in its place"
    )


def _transposed(rows: Rows, label_row: str | None, impute: bool) -> Examples:
    """Read a table whose columns are the examples, and whose lines are what was measured."""
    wanted = None if label_row is None else label_row.strip()
    rows.sample = [cells for cells in rows.sample if cells[0].strip() != wanted]
    columns = _layout(rows, None)
    names, lines, measured, labels = [], [], [], None
    for number, (line, cells) in enumerate(rows, 1):
        if _is_weights(cells, columns):
            continue
        name = "" if columns.identifiers is None else cells[columns.identifiers].strip()
        if labels is None and wanted is not None and wanted in (name, str(number)):
            labels = _labels(np.array([cells[column].strip() for column in columns.values]))
            continue
        names.append(name)
        lines.append(line)
        measured.append(_numbers(rows, line, cells, columns.values))
    if wanted is not None and labels is None:
        raise DatasetError(f"{rows.path}: there is no line called {wanted!r:.60} for the labels")
    if not measured:
        raise DatasetError(f"{rows.path}: there are no lines of numbers")
    values = np.stack(measured)
    _check(rows, values, columns.values, lines, impute)
    genes = tuple(names) if columns.identifiers is not None else ()
    return Examples(
        np.ascontiguousarray(values.T),
        labels,
        shape_of_columns(len(names), genes),
        columns=genes,
        identifiers=np.array(columns.names, dtype=object) if columns.names else None,
        source=str(rows.path),
    )
