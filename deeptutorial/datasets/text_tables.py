"""Tables of text, an example a line: values between commas, tabs, semicolons or blanks."""

import csv
import itertools
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.columns import (
    IDENTIFIER_NAMES,
    Layout,
    column_called,
    described_column,
    layout,
    pixels_as_bytes,
    shape_of_columns,
    whole,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.unpacking import opened

__all__ = [
    "amat_in_blocks",
    "read_amat",
    "read_text_table",
    "refuse_spreadsheet",
    "text_table_in_blocks",
]

MISSING = frozenset(
    ("", "na", "n/a", "nan", "#n/a", "null", "none", "nd", "?", ".", "-", "<na>", "missing")
)
"""What stands for a value that is not there, in small letters."""

TRUTHS = {"true": 1.0, "false": 0.0}

CELLS_OF_A_BLOCK = 1 << 21
LONGEST_LINE = 1 << 26  # bytes
SAMPLE = 20  # lines that tell how the table is laid out


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
            rows = _Rows(path, file)
            if transpose:
                yield _transposed(rows, label_column, impute)
            else:
                yield from pixels_as_bytes(_in_blocks(rows, label_column, impute))
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(f"{path}: damaged packed data ({error})") from error
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


# ---- lines to rows of texts


class _Rows:
    """The rows of a table, with the numbers of their lines; knows the table's layout."""

    def __init__(self, path: Path, file):
        self.path = path
        self.line = 0
        lines = self._lines(file)
        sample = list(itertools.islice(lines, SAMPLE))
        if not sample:
            raise DatasetError(f"{path}: an empty table")
        self.separator = _separator(sample)
        self.line = 0
        self._rows = self._split(itertools.chain(sample, lines))
        first = list(itertools.islice(self._rows, SAMPLE))
        if not first:
            raise DatasetError(f"{path}: an empty table")
        self.header = self._header_in(first)
        if not first:
            raise DatasetError(f"{path}: a table with a header, and no lines below it")
        if len(first[0][1]) == len(self.header) + 1 and self.header:
            self.header = ["", *self.header]  # R leaves the corner out
        self.sample = [cells for _, cells in first]
        self.n_columns = len(self.sample[0])
        if self.header and len(self.header) != self.n_columns:
            raise DatasetError(
                f"{path}: the header names {len(self.header)} columns, but line {first[0][0]} has "
                f"{self.n_columns} values"
            )
        for line, cells in first:
            self._check_length(line, cells)
        self._first = first

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for line, cells in itertools.chain(self._first, self._rows):
            self._check_length(line, cells)
            yield line, cells

    def _check_length(self, line: int, cells: list[str]):
        if len(cells) != self.n_columns:
            raise DatasetError(
                f"{self.path}: line {line} has {len(cells)} values, but the lines before it have "
                f"{self.n_columns}"
            )

    def _lines(self, file) -> Iterator[tuple[int, str]]:
        """Yield lines that are not empty, without comments at the top, and their numbers."""
        is_top = True
        for number, raw in enumerate(_raw_lines(self.path, file), 1):
            if not raw:
                continue
            if b"\0" in raw:
                raise DatasetError(
                    f"{self.path}: line {number} holds a NUL byte: it is no text, or one in UTF-16;"
                    " save it as UTF-8"
                )
            if b"\r" in raw and b'"' not in raw:
                raise DatasetError(
                    f"{self.path}: line {number} has a carriage return in it; end lines by line "
                    "feeds"
                )
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                line = raw.decode("latin-1")
            if not line.strip() or line.startswith("!") or (is_top and line.startswith("#")):
                continue
            is_top = False
            yield number, line + "\n"

    def _split(self, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        if self.separator is None:
            yield from ((number, line.split()) for number, line in lines)
            return

        def text() -> Iterator[str]:
            for number, line in lines:
                self.line = number
                yield line

        rows = csv.reader(text(), delimiter=self.separator, strict=True)
        begins = self.line
        try:
            for cells in rows:
                if cells[0].strip() or any(
                    map(str.strip, cells)
                ):  # spreadsheets leave empty rows behind
                    yield self.line, cells
                begins = self.line
        except csv.Error as error:
            raise DatasetError(
                f"{self.path}: cannot be read as a table: a quote that is opened after line "
                f"{begins} is not closed as it should be ({error})"
            ) from error

    def _header_in(self, first: list[tuple[int, list[str]]]) -> list[str]:
        """Take the header away from the first rows, if they have one."""
        top = [cell.strip() for cell in first[0][1]]
        below = [cells for _, cells in first[1:]]
        are_texts = [not is_number for is_number in self.are_numbers(top)]
        stands_over_numbers = any(
            is_text and is_number
            for cells in below
            if any(are_texts) and len(cells) == len(top)
            for is_text, is_number in zip(are_texts, self.are_numbers(cells), strict=True)
        )
        if (
            (below and len(below[0]) == len(top) + 1 and any(are_texts))
            or (len(top) > 1 and top[0].lower() in IDENTIFIER_NAMES)
            or (stands_over_numbers and 2 * sum(are_texts) >= len(top))
            or (not below and all(are_texts))
        ):
            first.pop(0)
            return top
        if (
            are_texts[0]
            and len(top) > 3
            and _goes_up(top[1:])
            and not all(_goes_up(cells[1:]) for cells in below)
        ):
            raise DatasetError(
                f"{self.path}: line {first[0][0]} may be a header of numbers, or values: if it is "
                "a header, call its first column id; if not, put a header above it"
            )
        return []

    def is_number(self, cell: str) -> bool:
        """Tell whether a cell holds a number, or stands for one that is missing."""
        try:
            self.number(cell)
        except ValueError:
            return False
        return True

    def are_numbers(self, cells: list[str]) -> list[bool]:
        """Tell of each of many cells whether it holds a number."""
        try:
            self.numbers(cells)
        except ValueError:
            return [self.is_number(cell) for cell in cells]
        return [True] * len(cells)

    def numbers(self, cells: list[str]) -> np.ndarray:
        """Return the numbers in cells, as quickly as may be, else raise ValueError.

        It is raised for some that `number` knows, too.
        """
        text = "".join(cells)
        # `float` takes 1_0 and ٣ for numbers as well, and we do not.
        if self.separator == ";" or "_" in text or not text.isascii():
            raise ValueError("to be looked at one by one")
        return np.fromiter(map(float, cells), np.float64, len(cells))

    def number(self, cell: str) -> float:
        """Return the number in a cell, NaN where it is missing; else raise ValueError."""
        text = cell.strip()
        if text.lower() in MISSING:
            return np.nan
        if text.lower() in TRUTHS:
            return TRUTHS[text.lower()]
        if self.separator == ";" and "." not in text:
            text = text.replace(",", ".")  # a decimal comma, where it does not separate
        if "_" in text or not text.isascii():
            raise ValueError(f"{text!r} is no number")
        return float(text)


def _goes_up(cells: list[str]) -> bool:
    """Tell whether cells are whole numbers, each larger than the last, as years and times are."""
    if not all(cell.strip().isdecimal() and len(cell) < 10 for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(a < b for a, b in itertools.pairwise(numbers))


def _raw_lines(path: Path, file) -> Iterator[bytes]:
    """Yield lines without what ends them; no memory is taken for one that never ends."""
    pieces: list[bytes] = []
    size = 0
    while chunk := file.read(1 << 20):
        *ended, rest = bytes(chunk).split(b"\n")
        if ended:
            yield b"".join([*pieces, ended[0]]).rstrip(b"\r")
            yield from (line.rstrip(b"\r") for line in ended[1:])
            pieces, size = [], 0
        pieces.append(rest)
        size += len(rest)
        if size > LONGEST_LINE:
            raise DatasetError(f"{path}: has a line of more than {LONGEST_LINE >> 20} MB")
    yield b"".join(pieces).rstrip(b"\r")


def _separator(sample: list[tuple[int, str]]) -> str | None:
    """Return what separates values: what cuts the lines into equally many; None for blanks."""
    lines = [line for _, line in sample]

    def counts(separator: str) -> list[int]:
        try:
            return [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        except csv.Error:
            return []

    def are_alike(counts: list[int]) -> bool:
        # A header can lack the corner.
        return (
            min(counts, default=0) > 1
            and len(set(counts[1:])) <= 1
            and counts[-1] - counts[0] in (0, 1)
        )

    for separator in "\t;,":
        if are_alike(counts(separator)):
            return separator
    blanks = [len(line.split()) for line in lines]
    if are_alike(blanks):
        return None
    # Ragged, which is told of later; or a single column.
    return max("\t;,", key=lambda separator: max(counts(separator), default=0))


# ---- rows of texts to numbers


def _layout(rows: _Rows, labels: int | None) -> Layout:
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


def _in_blocks(rows: _Rows, label_column: str | None, impute: bool) -> Iterator[Examples]:
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


def _numbers(rows: _Rows, line: int, cells: list[str], columns: Sequence[int]) -> np.ndarray:
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
    rows: _Rows, values: np.ndarray, columns: Sequence[int], lines: Sequence[int], impute: bool
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


def _transposed(rows: _Rows, label_row: str | None, impute: bool) -> Examples:
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
