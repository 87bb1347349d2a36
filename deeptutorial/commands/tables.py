"""Rows of numbers, with words beside them, written as they come: in the form that a name tells."""

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deeptutorial.commands.inputs import STANDARD
from deeptutorial.commands.outputs import opened_output
from deeptutorial.commands.status import UsageError
from deeptutorial.held_signals import import_whole

__all__ = ["FORMS", "Block", "Table", "form_of", "write_table"]

Block = tuple[Sequence[Sequence[str]], np.ndarray]

ROWS_OF_TEXT = 100
"""At a time: as text a number takes many times its size."""

NOT_TEXT = "backslashreplace"
"""What becomes of that in a name which is none: the name of a file can be any bytes."""


@dataclass(frozen=True)
class Table:
    """What is to be written.

    Attributes
    ----------
    n_rows : int
    words : sequence of str
        What the columns of words are called, which come first.
    columns : sequence of str
        What those of numbers are called.
    blocks : iterable of (sequence of columns of words, ndarray of shape (some, len(columns)))
        The rows, some at a time.
    """

    n_rows: int
    words: Sequence[str]
    columns: Sequence[str]
    blocks: Iterable[Block]


def form_of(output: str, usual: str) -> str:
    """Tell by its name what a file is to be: one of `FORMS`.

    Parameters
    ----------
    output : str
    usual : str
        For standard output, and a name without a suffix, ``/dev/stdout`` say.

    Raises
    ------
    UsageError
        For another suffix, or where a package is missing that writes it.
    """
    suffix = "" if output == STANDARD else Path(output).suffix.lower()
    if suffix not in ("", *FORMS):
        raise UsageError(f"{output}: rows are written as {', '.join(FORMS)}; name one of these")
    if suffix == ".parquet":
        try:
            import_whole("pyarrow.parquet")
        except ImportError as error:
            raise UsageError(f"{output}: needs pyarrow: pip install '.[tables]'") from error
    return suffix or usual


def write_table(output: str, form: str, table: Table) -> None:
    """Write a table block by block; a file is there whole or not at all.

    Parameters
    ----------
    output : str
        A path, or ``-`` for standard output.
    form : str
        As `form_of` has it. ``.npy`` holds the numbers alone.
    table : Table
    """
    with opened_output(output) as file:
        FORMS[form](file, table)


def _write_npy(file: BinaryIO, table: Table):
    for i, (_, numbers) in enumerate(table.blocks):
        if i == 0:
            header = {
                "descr": np.lib.format.dtype_to_descr(numbers.dtype),
                "fortran_order": False,
                "shape": (table.n_rows, len(table.columns)),
            }
            np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(numbers).data)


def _text_writer(separator: str) -> Callable[[BinaryIO, Table], None]:
    def write_text(file: BinaryIO, table: Table):
        text = codecs.getwriter("utf-8")(file, NOT_TEXT)
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        writer.writerow([*table.words, *table.columns])
        for words, numbers in table.blocks:
            writer.writerows(_lines(words, numbers))

    return write_text


def _lines(words: Sequence[Sequence[str]], numbers: np.ndarray) -> Iterator[list[str]]:
    for first in range(0, len(numbers), ROWS_OF_TEXT):
        some = slice(first, first + ROWS_OF_TEXT)
        texts = numbers[some].astype(str)  # the fewest digits that tell a number from all others
        for *beside, row in zip(*(column[some] for column in words), texts, strict=True):
            yield [*beside, *row]


def _write_parquet(file: BinaryIO, table: Table):
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    try:
        for words, numbers in table.blocks:
            if writer is None:
                number = pa.from_numpy_dtype(numbers.dtype)
                texts = [pa.field(name, pa.string()) for name in table.words]
                schema = pa.schema([*texts, *(pa.field(name, number) for name in table.columns)])
                writer = parquet.ParquetWriter(file, schema)
            columns = [
                *(pa.array(map(_as_text, column), pa.string()) for column in words),
                *map(pa.array, np.ascontiguousarray(numbers.T)),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=writer.schema))
    finally:
        if writer is not None:
            writer.close()


def _as_text(word: str) -> str:
    return word.encode("utf-8", NOT_TEXT).decode("utf-8")


FORMS: dict[str, Callable[[BinaryIO, Table], None]] = {
    ".npy": _write_npy,
    ".csv": _text_writer(","),
    ".tsv": _text_writer("\t"),
    ".parquet": _write_parquet,
}
"""What writes a table, by the suffix of the name."""
