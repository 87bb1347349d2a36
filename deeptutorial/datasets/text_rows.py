"""The lines of a table of text as rows of cells: their separator, their header, their numbers."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deeptutorial.datasets.columns import IDENTIFIER_NAMES
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.texts import printable

__all__ = ["Rows"]

MISSING = frozenset(
    ("", "na", "n/a", "nan", "#n/a", "null", "none", "nd", "?", ".", "-", "<na>", "missing")
)
"""What stands for a value that is not there, in small letters."""

TRUTHS = {"true": 1.0, "false": 0.0}

LONGEST_LINE = 1 << 26  # bytes
SAMPLE = 20  # lines that tell how the table is laid out


class Rows:
    """The rows of a table, each as the number of its line and its cells.

    Parameters
    ----------
    path : Path
        For messages.
    file : binary file

    Attributes
    ----------
    separator : str or None
        None stands for blanks.
    header : list of str
        The names of the columns; empty if there are none.
    n_columns : int
    sample : list of list of str
        The cells of the first rows.

    Raises
    ------
    DatasetError
        If they are no table; while they are gone through, too.
    """

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
                f"{begins} is not closed as it should be ({printable(error, 300)})"
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
