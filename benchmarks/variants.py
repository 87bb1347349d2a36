"""The step with one line changed: ``python -m benchmarks.variants``; ``--help`` has the options.

A training step is seldom just the tutorial's: there is another noise, another cost, a penalty, an
optimiser. For each such row, seconds an epoch of this project, plain PyTensor, PyTorch and JAX.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.measure import Measurement, measure, training_file
from benchmarks.peers import THIS_PROJECT, VARIANTS, missing_packages
from benchmarks.peers.variants import ROWS
from benchmarks.report import NONE, markdown_table, seconds
from benchmarks.setting import Setting, usable_cpus

__all__ = ["main"]

RESULTS = Path(__file__).with_name("VARIANTS.md")

IMPLEMENTATIONS = {name.removeprefix("variants."): name for name in VARIANTS}

OWN = f"variants.{THIS_PROJECT}"

HOW_TO_READ = """\
Seconds an epoch, {n_hidden} hidden units (fine-tuning: three layers of {n_fine}), float32; medians
of {repeats} stretches, each {epochs:g} of an epoch (less for what takes long) and scaled to the
whole, the implementations taking turns, each in a process of its own and after a stretch that does
not count. All have the same initial weights and the same minibatches in the same order. The
mean costs of that first stretch are compared: what differs by more than 1 % (0.1 % without noise)
is shown as "disagrees", what does not run as "fails". The last column is this project's time over
that of the fastest other one; below 1 it is faster than all of them. Where a row says nothing else,
there is 30 % masking noise, cross-entropy, tied weights, sigmoid units, and plain gradient descent.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, print and write.

    Returns
    -------
    int
        0, or 1 if an implementation failed or disagreed.
    """
    options = _parse(arguments)
    names = [IMPLEMENTATIONS[name] for name in IMPLEMENTATIONS if name in options.only]
    missing = {name: packages for name in names if (packages := missing_packages(name))}
    notes = [
        f"Left out: {VARIANTS[name].label} ({', '.join(packages)} not installed)."
        for name, packages in missing.items()
    ]
    for note in notes:
        _tell(note)
    names = [name for name in names if name not in missing]
    command = shlex.join(["python", "-m", "benchmarks.variants", *(arguments or sys.argv[1:])])
    about = machine.describe(command, options.threads)
    train_x, train_y = _load_training_set(options.dataset)
    if len(train_x) < max(options.batch_sizes):
        _tell(f"error: {len(train_x)} examples make no minibatch of {max(options.batch_sizes)}")
        return 2

    results: dict[int, dict[str, list[Measurement]]] = {n: {} for n in options.batch_sizes}
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as caches,
        training_file(train_x) as path,
    ):
        labels = path.with_name("train_y.npy")
        np.save(labels, train_y)
        for batch_size in options.batch_sizes:
            for row in options.rows:
                setting = Setting(
                    batch_size=batch_size,
                    n_hidden=options.n_hidden,
                    corruption_level=ROWS[row].noise,
                    learning_rate=ROWS[row].learning_rate,
                    threads=options.threads,
                    epochs=options.epochs * ROWS[row].part,
                    row=row,
                    labels=str(labels),
                )
                found = measure(names, path, setting, options.repeats, Path(caches), tell=_tell)
                results[batch_size][row] = found
                _tell("\n" + table({row: found}) + "\n")
                page = _page(results, [*about, *notes], options)
                if options.output:  # after each row: all of them take long
                    options.output.write_text(page, encoding="utf-8")
    print(page)
    measurements = [m for rows in results.values() for found in rows.values() for m in found]
    return int(any(measurement.error for measurement in measurements))


def table(rows: dict[str, list[Measurement]]) -> str:
    """Return a table of what was found for each row, and below it a line for each error."""
    first = next(iter(rows.values()))
    header = ("row", *(found.label for found in first), "over the fastest peer")
    lines = [
        (ROWS[row].what, *map(_cell, found), _over_the_fastest(found))
        for row, found in rows.items()
    ]
    errors = [
        f"- {ROWS[row].what}, {measurement.label}: {measurement.error}"
        for row, found in rows.items()
        for measurement in found
        if measurement.error
    ]
    return "\n".join([markdown_table(header, lines), *([""] if errors else []), *errors])


def _cell(found: Measurement) -> str:
    if found.error:
        return "disagrees" if found.epochs else "fails"
    return seconds(found.median)


def _over_the_fastest(measurements: Sequence[Measurement]) -> str:
    medians = {found.name: found.median for found in measurements if found.median is not None}
    own = medians.pop(OWN, None)
    return f"{own / min(medians.values()):.2f}" if own and medians else NONE


def _page(
    results: dict[int, dict[str, list[Measurement]]],
    about: Sequence[str],
    options: argparse.Namespace,
) -> str:
    how_to_read = HOW_TO_READ.format(
        n_hidden=options.n_hidden,
        n_fine=2 * options.n_hidden,
        repeats=options.repeats,
        epochs=options.epochs,
    )
    lines = ["# The step with one line changed", "", *(f"- {line}" for line in about)]
    lines += ["", how_to_read]
    for batch_size, rows in results.items():
        if rows:
            lines += [f"## Batch {batch_size}", "", table(rows), ""]
    return "\n".join(lines)


def _load_training_set(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    from deeptutorial.datasets import read_dataset

    images, labels = read_dataset(dataset).train
    return np.ascontiguousarray(images, dtype=np.float32), np.asarray(labels)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    width = max(map(len, ROWS))
    rows = "\n".join(f"  {name:{width}}  {row.what}" for name, row in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.variants",
        description="Train with one thing changed in the tutorial's step, with this project and "
        "its peers.",
        epilog=f"rows:\n{rows}\n\nimplementations: {', '.join(IMPLEMENTATIONS)}\n\n"
        "A single row, and this project beside JAX:\n"
        "  python -m benchmarks.variants --rows momentum --batch-sizes 20 "
        "--only deeptutorial jax_scan",
        formatter_class=_HelpFormatter,
    )
    add = parser.add_argument
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help="just these")
    add("--batch-sizes", type=int, nargs="+", default=[20, 128], metavar="N", help="examples each")
    add("--n-hidden", type=int, default=500, metavar="N", help="hidden units")
    add("--repeats", type=int, default=5, metavar="N", help="timed stretches of each")
    add("--epochs", type=float, default=0.2, metavar="X", help="length of a stretch")
    add("--threads", type=int, default=usable_cpus(), metavar="N", help="threads and CPUs of each")
    add(
        "--only",
        nargs="+",
        choices=IMPLEMENTATIONS,
        default=list(IMPLEMENTATIONS),
        metavar="NAME",
        help="just these implementations",
    )
    add("--dataset", default="auto", metavar="NAME|PATH", help="as dA.py takes it")
    add(
        "--output",
        type=Path,
        metavar="FILE.md",
        help="where to write the tables; VARIANTS.md in this folder if no row and no "
        "implementation is left out, otherwise nowhere",
    )
    options = parser.parse_args(arguments)
    numbers = (*options.batch_sizes, options.n_hidden, options.repeats, options.threads)
    if min(numbers) < 1 or not options.epochs > 0:
        parser.error("all numbers must be positive")
    everything = (set(options.rows), set(options.only)) == (set(ROWS), set(IMPLEMENTATIONS))
    if everything and not options.output:
        options.output = RESULTS
    return options


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the list of rows as it is, and tells the defaults that are not lists."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.dest in ("rows", "only", "help") or action.default is None:
            return action.help
        return f"{action.help} (default: %(default)s)"


if __name__ == "__main__":
    sys.exit(main())
