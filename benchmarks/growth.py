"""How the cost of an epoch grows: ``python -m benchmarks.growth``; ``--help`` lists the options.

Seconds an epoch against the batch size, from 1 to the whole set, and against the hidden units,
for this project and, as the floor, for the bare matrix products.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.measure import Measurement, load_training_set, measure, training_file
from benchmarks.peers import PEERS, THIS_PROJECT
from benchmarks.report import colour, markdown_table, seconds
from benchmarks.setting import Setting, usable_cpus

__all__ = ["main"]

RESULTS = Path(__file__).with_name("GROWTH.md")

NAMES = (THIS_PROJECT, "matrix_products")
BATCH_SIZES = (1, 2, 5, 10, 20, 50, 128, 300, 1000, 3000, 10_000)
"""And the whole set."""
HIDDEN_UNITS = (10, 30, 100, 250, 500, 1000, 2000, 4000)

Point = tuple[Setting, Sequence[Measurement]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, and write a table and a plot.

    Returns
    -------
    int
        0, or 1 if an implementation failed somewhere.
    """
    options = _parse(arguments)
    command = shlex.join(["python", "-m", "benchmarks.growth", *(arguments or sys.argv[1:])])
    about = machine.describe(command, options.threads)
    train_x = load_training_set(options.dataset)
    whole_set = len(train_x)
    sizes = {
        "batch size": [
            Setting(batch_size=batch_size, threads=options.threads)
            for batch_size in (*(size for size in BATCH_SIZES if size < whole_set), whole_set)
        ],
        "hidden units": [
            Setting(n_hidden=n_hidden, threads=options.threads) for n_hidden in HIDDEN_UNITS
        ],
    }

    with training_file(train_x) as path:
        curves = {
            name: [
                (setting, measure(NAMES, path, setting, options.repeats, path.parent, _tell))
                for setting in settings
            ]
            for name, settings in sizes.items()
        }

    lines = ["# How the cost grows", "", *(f"- {line}" for line in about), ""]
    lines += [
        "Seconds an epoch, medians. What is not varied is as in the tutorial: minibatches of 20, "
        "500 hidden units, 30 % masking.",
        "",
    ]
    for name, points in curves.items():
        lines += [growth_table(name, points), ""]
    chart = options.output.with_suffix(".png")
    _plot(curves, chart)
    lines += [f"![Seconds an epoch against both]({chart.name})", ""]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    failed = [m for points in curves.values() for _, found in points for m in found if m.error]
    for measurement in failed:
        print(f"error: {measurement.label}: {measurement.error}", file=sys.stderr)
    return int(bool(failed))


def growth_table(varied: str, points: Sequence[Point]) -> str:
    """Return a table with a row for each size; the last column is this project over the floor."""
    rows = []
    for setting, (own, floor) in points:
        both = own.median is not None and floor.median is not None
        ratio = f"{own.median / floor.median:.2f}" if both else "–"
        rows.append((_size(varied, setting), seconds(own.median), seconds(floor.median), ratio))
    return markdown_table((varied, *(PEERS[name].label for name in NAMES), "ratio"), rows)


def _size(varied: str, setting: Setting) -> str:
    return str(setting.batch_size if varied == "batch size" else setting.n_hidden)


def _plot(curves: dict[str, list[Point]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    panels = figure.subplots(1, len(curves))
    for panel, (varied, points) in zip(panels, curves.items(), strict=True):
        for i, name in enumerate(NAMES):
            drawn = [
                (int(_size(varied, setting)), found[i].median)
                for setting, found in points
                if found[i].median is not None
            ]
            panel.loglog(
                *zip(*drawn, strict=True),
                marker="o",
                markersize=4,
                color=colour(name),
                label=PEERS[name].label,
            )
        panel.set_xlabel(varied)
        panel.set_ylabel("seconds an epoch")
        panel.grid(which="major", color="0.9")
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    figure.savefig(path, dpi=130)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Measure how an epoch grows with the batch size and with the hidden units.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--repeats", type=int, default=3, metavar="N", help="timed stretches of each")
    add("--threads", type=int, default=usable_cpus(), metavar="N", help="threads and CPUs of each")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as dA.py takes it")
    add("--output", type=Path, default=RESULTS, metavar="FILE.md", help="the plot goes beside it")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats and --threads must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
