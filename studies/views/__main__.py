"""The four views of the tutorial, each as a figure.

::

    python -m studies.views                    all four; it can be interrupted and goes on
    python -m studies.views manifold           or operator, information, generative
    python -m studies.views --table            the tables and figures of what is there so far
    python -m studies.views --quick --folder quick    to see whether it runs: little of everything

A view has parts, a dA each mostly. What a part has come to is written to
``studies/results/views.jsonl`` as soon as it is there, and is not worked out again; its pictures,
and the figure of each view, lie beside it. Figures need matplotlib (``pip install '.[bench]'``).
"""

import argparse
import functools
from pathlib import Path

import pytensor

from studies.views import generative, information, manifold, operator
from studies.views.digits import read_digits
from studies.views.results import Results

RESULTS = Path(__file__).parent.parent / "results"
VIEWS = {
    "manifold": manifold,
    "operator": operator,
    "information": information,
    "generative": generative,
}


def run(name: str, results: Results, settings: argparse.Namespace, digits):
    """Work out the parts of a view that are not there yet."""
    view = VIEWS[name]
    for part in view.PARTS:
        if results.find(name, part) is None:
            needed = digits() if view.NEEDS_DIGITS else None
            with results.timed(name, part) as record:
                record(*view.work_out(part, needed, settings.quick))
            print(f"{name}, {part}: {results.find(name, part)['minutes']} minutes", flush=True)


def show(name: str, results: Results):
    """Print the table of a view, and draw its figure, as far as its parts are there."""
    view = VIEWS[name]
    found = {part: results.find(name, part) for part in view.PARTS}
    records = {part: record["figures"] for part, record in found.items() if record is not None}
    if not records:
        return
    head, *rows = view.table(records)
    clock, processor = (
        sum(record[kind] for record in found.values() if record is not None)
        for kind in ("minutes", "processor_minutes")
    )
    print(f"\n{name}: {clock:.1f} minutes, {processor:.1f} of processors\n")
    for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        print("| " + " | ".join(map(str, row)) + " |")
    figure = view.draw(records, {part: results.pictures(name, part) for part in records})
    figure.savefig(results.folder / f"views_{name}.png", dpi=130)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m studies.views", description=__doc__.splitlines()[0]
    )
    parser.add_argument("views", nargs="*", metavar="VIEW", help=f"of {', '.join(VIEWS)}")
    parser.add_argument("--quick", action="store_true", help="little data, few epochs")
    parser.add_argument("--dataset", default="mnist", help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="of the results")
    parser.add_argument("--table", action="store_true", help="run nothing, only show")
    settings = parser.parse_args()
    unknown = sorted(set(settings.views) - set(VIEWS))
    if unknown:
        parser.error(f"no view {unknown[0]!r}: choose of {', '.join(VIEWS)}")
    pytensor.config.floatX = "float32"
    results = Results(settings.folder, {"dataset": settings.dataset, "quick": settings.quick})
    digits = functools.cache(lambda: read_digits(settings.dataset, settings.quick))
    for name in settings.views or VIEWS:
        if not settings.table:
            run(name, results, settings, digits)
        show(name, results)


if __name__ == "__main__":
    main()
