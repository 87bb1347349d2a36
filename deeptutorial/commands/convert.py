"""`deeptutorial convert`: a table of any kind in, rows on disk out."""

import os
import sys
from pathlib import Path

from tqdm import tqdm

from deeptutorial.commands.parser import whole
from deeptutorial.commands.status import UsageError
from deeptutorial.datasets import PART_NAMES
from deeptutorial.datasets.conversion import convert_to_rows

__all__ = ["add_to", "convert"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "convert",
        help="turn a table, or anything that --dataset takes, into rows on disk",
        description="Write examples as rows of float32 in a .npy file, some at a time, so that a "
        "table may be larger than the memory. Labels go to rows.labels.npy beside rows.npy, names "
        "and scaling to rows.about.json; --dataset rows.npy reads all three.",
        epilog="examples:\n"
        "  deeptutorial convert train.csv rows.npy --label-column label\n"
        "  deeptutorial convert genes.tsv.gz rows.npy --transpose --impute --scale minmax\n"
        "  deeptutorial convert mnist rows.npy --part training\n"
        "  deeptutorial convert measured.h5::run/values rows.npy\n"
        "  deeptutorial convert rows.npy shuffled.npy --shuffle 0\n",
    )
    parser.add_argument("table", metavar="TABLE", help="a data set, as --dataset takes it")
    parser.add_argument("output", metavar="ROWS", help="where the rows go: a .npy file")
    parser.add_argument(
        "--part", choices=PART_NAMES, help="which one, of a data set that has parts, as MNIST has"
    )
    parser.add_reading()
    parser.add_scale()
    parser.add_argument(
        "--shuffle",
        type=whole(0, 2**32 - 1),
        metavar="SEED",
        help="write the rows, and what lies beside, in an order drawn by this seed: rows on disk "
        "are divided and trained on as they lie, which is no good where they are sorted (default: "
        "in the order of the table, which `deeptutorial encode` keeps)",
    )
    parser.set_defaults(run=convert)


def convert(table: str, output: str, part: str | None, **reading) -> None:
    """Write the examples of a data set as rows."""
    if not output.lower().endswith(".npy"):
        raise UsageError(f"{output}: rows go to a file whose name ends with .npy")
    source = os.path.expanduser(table)
    if os.path.exists(output) and os.path.exists(source) and os.path.samefile(source, output):
        raise UsageError(f"{output}: is the table itself")
    with tqdm(unit=" rows", desc="converting", leave=False, disable=None) as progress:
        n_rows, n_values = convert_to_rows(
            source, Path(output), part=part, progress=progress.update, **reading
        )
    print(f"{n_rows} rows of {n_values} values in {output}", file=sys.stderr)
