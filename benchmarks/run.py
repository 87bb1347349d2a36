"""Compare the implementations: ``python -m benchmarks.run``; ``--help`` lists the options."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import machine
from benchmarks.measure import Measurement, load_training_set, measure, training_file
from benchmarks.peers import PEERS, missing_packages
from benchmarks.report import bar_chart, results_table
from benchmarks.setting import Setting, usable_cpus

__all__ = ["choose", "main"]

RESULTS = Path(__file__).with_name("RESULTS.md")

FULL = ((20, 500), (1, 500), (128, 500), (600, 500), (20, 2000))
"""Batch size and hidden units of the settings of ``--full``."""

HOW_TO_READ = """\
The same work for all: 784 inputs (or what the data set has), masking noise, float32, plain
gradient descent, the same initial weights and the same minibatches in the same order, on the CPU.
The mean costs of the first stretch are compared, and what differs by more than 1 % (0.1 % without
noise) counts as an error. "Only the matrix products" trains nothing: its five products in NumPy
are what a step consists of at the least.

- **s/epoch**: median of {repeats} timed stretches, the implementations taking turns, each in a
  process of its own. {stretches}
- **× deeptutorial**: that median over this project's; above 1 is slower than this project.
- **first start**, **later start**: from starting the process to the end of its first minibatch,
  with empty compile caches and with filled ones; imports and compilation, but not reading the
  data set.
- **peak memory**: of the whole process, the training set included ({data} MiB, mapped from a
  file).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, print and write.

    Returns
    -------
    int
        0, or 1 if an implementation failed.
    """
    options = _parse(arguments)
    names, notes = choose(options.only, options.skip)
    for note in notes:
        print(note, file=sys.stderr)
    sizes = FULL if options.full else ((options.batch_size, options.n_hidden),)
    settings = [
        Setting(
            batch_size=batch_size,
            n_hidden=n_hidden,
            corruption_level=options.corruption_level,
            threads=options.threads,
            epochs=options.epochs,
        )
        for batch_size, n_hidden in sizes
    ]
    command = shlex.join(["python", "-m", "benchmarks.run", *(arguments or sys.argv[1:])])
    about = machine.describe(command, options.threads)

    train_x = load_training_set(options.dataset)
    largest = max(setting.batch_size for setting in settings)
    if len(train_x) < largest:
        print(f"error: {len(train_x)} examples make no minibatch of {largest}", file=sys.stderr)
        return 2

    results = []
    with training_file(train_x) as path:
        for setting in settings:
            found = measure(names, path, setting, options.repeats, tell=_tell)
            results.append((setting, found))
            print(f"\n{setting}\n\n{results_table(found)}\n", flush=True)

    if options.output:
        _write(options.output, results, about, notes, options.repeats, train_x.shape)
    return int(any(measurement.error for _, found in results for measurement in found))


def choose(only: Sequence[str], skip: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the implementations to run, and a line for each that is left out.

    Parameters
    ----------
    only, skip : sequence of str
        Names to choose from and to leave out; no names in `only` are all.
    """
    names, notes = [], []
    for name, peer in PEERS.items():
        if (only and name not in only) or name in skip:
            notes.append(f"Left out: {peer.label} (not asked for).")
        elif missing := missing_packages(name):
            notes.append(f"Left out: {peer.label} ({', '.join(missing)} not installed).")
        else:
            names.append(name)
    return names, notes


def _write(
    path: Path,
    results: Sequence[tuple[Setting, Sequence[Measurement]]],
    about: Sequence[str],
    notes: Sequence[str],
    repeats: int,
    shape: tuple[int, int],
) -> None:
    lines = ["# Benchmarks", "", *(f"- {line}" for line in about)]
    lines.append(f"- Training set: {shape[0]} examples of {shape[1]} pixels")
    libraries = [
        f"{found.label}: {', '.join(found.libraries)}" for found in results[0][1] if found.libraries
    ]
    lines += [f"- {line}" for line in libraries]
    lines += ["", *notes] if notes else []
    how_to_read = HOW_TO_READ.format(
        repeats=repeats,
        stretches=_stretches([setting for setting, _ in results], shape[0]),
        data=round(shape[0] * shape[1] * 4 / 2**20),
    )
    lines += ["", how_to_read]
    for setting, found in results:
        title = str(setting)
        lines += [f"## {title[0].upper()}{title[1:]}", "", results_table(found), ""]
        busy = [f"{m.label} ({m.idle_cpu:.1f} s)" for m in found if m.idle_cpu > 0.5]
        if busy:
            lines += [f"CPU time used out of turn: {', '.join(busy)}.", ""]

    if find_spec("matplotlib"):
        chart = path.with_suffix(".png")
        bar_chart(results, chart)
        lines += [f"![Seconds an epoch as bars]({chart.name})", ""]
    else:
        print("No chart: matplotlib is not installed.", file=sys.stderr)
    path.write_text("\n".join(lines), encoding="utf-8")
    print(f"Written: {path}", file=sys.stderr)


def _stretches(settings: Sequence[Setting], n_examples: int) -> str:
    """Say which timed stretches are less than an epoch."""
    parts = []
    for setting in settings:
        n_train_batches = n_examples // setting.batch_size
        count = setting.stretch(n_train_batches)
        if count < n_train_batches:
            parts.append(
                f"batch {setting.batch_size}, {setting.n_hidden} hidden units "
                f"({count} of {n_train_batches} minibatches)"
            )
    shorter = f" except for {'; '.join(parts)}, scaled up" if parts else ""
    return f"A stretch is an epoch{shorter}."


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Train the same denoising autoencoder with this project and with its peers.",
        epilog=f"implementations: {', '.join(PEERS)}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--batch-size", type=int, default=20, metavar="N", help="examples in a minibatch")
    add("--n-hidden", type=int, default=500, metavar="N", help="hidden units")
    add("--corruption-level", type=float, default=0.3, metavar="P", help="part of pixels zeroed")
    add("--full", action="store_true", help="the five settings of RESULTS.md, written there")
    add("--repeats", type=int, default=5, metavar="N", help="timed stretches of each")
    add(
        "--epochs",
        type=float,
        metavar="X",
        help="length of a stretch; None is 1, or less where that would be many minibatches",
    )
    add("--threads", type=int, default=usable_cpus(), metavar="N", help="threads and CPUs of each")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as dA.py takes it")
    add("--only", nargs="+", choices=PEERS, default=[], metavar="NAME", help="run just these")
    add("--skip", nargs="+", choices=PEERS, default=[], metavar="NAME", help="leave these out")
    add("--output", type=Path, metavar="FILE.md", help="write the tables, and a chart beside it")
    options = parser.parse_args(arguments)
    for name in ("batch_size", "n_hidden", "repeats", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if not 0 <= options.corruption_level <= 1:
        parser.error("--corruption-level must be between 0 and 1")
    if options.epochs is not None and not options.epochs > 0:
        parser.error("--epochs must be more than 0")
    if options.full and not options.output:
        options.output = RESULTS
    return options


if __name__ == "__main__":
    sys.exit(main())
