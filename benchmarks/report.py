"""From measurements to tables in Markdown and to bar charts."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Measurement
from benchmarks.peers import THIS_PROJECT
from benchmarks.setting import Setting

__all__ = ["bar_chart", "colour", "markdown_table", "results_table", "seconds"]

HEADER = (
    "implementation",
    "s/epoch",
    "[min–max]",
    "× deeptutorial",
    "first start, s",
    "later start, s",
    "peak memory, MiB",
)

NONE = "–"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay a table out so that it reads well as plain text too; numbers flush right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *others]) + " |"

    rule = "| " + " | ".join("-" * (w - 1) + (":" if i else "-") for i, w in enumerate(widths))
    return "\n".join([line(header), rule + " |", *map(line, rows)])


def results_table(measurements: Sequence[Measurement]) -> str:
    """Return the table of one setting, and below it a line for each implementation that failed."""
    own = next((found.median for found in measurements if found.name == THIS_PROJECT), None)
    rows = []
    for found in measurements:
        if found.median is None:
            rows.append((found.label, "error", *[NONE] * (len(HEADER) - 2)))
            continue
        rows.append(
            (
                found.label,
                seconds(found.median),
                f"[{seconds(min(found.epochs))}–{seconds(max(found.epochs))}]",
                f"{found.median / own:.2f}" if own else NONE,
                seconds(found.first_start),
                seconds(found.later_start),
                f"{found.peak_memory / 2**20:.0f}" if found.peak_memory else NONE,
            )
        )
    errors = [f"- {found.label}: {found.error}" for found in measurements if found.error]
    return "\n".join([markdown_table(HEADER, rows), *([""] if errors else []), *errors])


def seconds(value: float | None) -> str:
    """Write a duration with three digits, or all those before the point."""
    if value is None:
        return NONE
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2 if value >= 0.9995 else 3
    return f"{value:.{decimals}f}"


def bar_chart(results: Sequence[tuple[Setting, Sequence[Measurement]]], path: Path) -> None:
    """Draw the seconds an epoch as horizontal bars, one panel a setting."""
    from matplotlib.figure import Figure

    n_columns = min(2, len(results))
    n_rows = -(-len(results) // n_columns)
    figure = Figure(figsize=(6.5 * n_columns, 2.9 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for panel, (setting, measurements) in zip(panels, results, strict=False):
        shown = [found for found in measurements if found.median is not None]
        medians = [found.median for found in shown]
        colours = [colour(found.name) for found in shown]
        lows = [min(found.epochs) for found in shown]
        highs = [max(found.epochs) for found in shown]
        panel.barh([found.label for found in shown], medians, color=colours)
        panel.hlines(range(len(shown)), lows, highs, color="0.2", lw=1)
        for row, (median, high) in enumerate(zip(medians, highs, strict=True)):
            panel.annotate(
                seconds(median),
                (high, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        panel.invert_yaxis()
        panel.margins(x=0.14)
        panel.set_xlim(left=0)
        panel.set_title(str(setting), fontsize=10)
        panel.set_xlabel("seconds an epoch", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(results) :]:
        panel.set_visible(False)
    figure.savefig(path, dpi=130)


def colour(name: str) -> str:
    return {THIS_PROJECT: "#c8553d", "matrix_products": "#a8a8a8"}.get(name, "#588b8b")
