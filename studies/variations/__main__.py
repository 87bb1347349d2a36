"""The command: works out what is not there yet, and shows what is."""

import argparse
import sys
import tempfile
from pathlib import Path

import joblib

from deeptutorial.training.interrupts import terminate_by_exception
from studies import variations
from studies.variations.page import PAGE, PICTURE, picture_of_sets, write_page
from studies.variations.results import RESULTS, largest, read
from studies.variations.search import QUICK, STAGES
from studies.variations.sets import NAMES, SIZES
from studies.variations.study import SEED, run
from studies.variations.tables import summary

QUICK_SIZES = (200, 100, 300)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studies.variations", description=variations.__doc__.splitlines()[0]
    )
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=list(NAMES), metavar="SET")
    parser.add_argument(
        "--hours", type=float, default=float("inf"), help="begin no fit after that time"
    )
    parser.add_argument(
        "--dataset", default="auto", help="whose digits: mnist, digits, or auto, which can be had"
    )
    parser.add_argument(
        "--jobs", type=int, default=joblib.cpu_count(), help="fits at once, each on one core"
    )
    parser.add_argument("--scheduler", help="of a Dask cluster that is to fit: tcp://machine:8786")
    parser.add_argument("--results", type=Path, help="file of the results")
    parser.add_argument("--table", action="store_true", help="run nothing, only show")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page")
    parser.add_argument("--quick", action="store_true", help="a few small fits, kept nowhere")
    return parser


def main():
    """Run the study, or show what is there."""
    settings = _parser().parse_args()
    stages, sizes = (QUICK, QUICK_SIZES) if settings.quick else (STAGES, SIZES)
    with tempfile.TemporaryDirectory() as folder:
        if settings.results is None:
            settings.results = Path(folder, "quick.jsonl") if settings.quick else RESULTS
        try:
            if not settings.table and not settings.page:
                with terminate_by_exception():
                    run(settings, stages, sizes)
        except KeyboardInterrupt:
            print(f"stopped; the same command goes on: {settings.results} has what was ready")
            sys.exit(130)
        results = largest(read(settings.results))
        print(summary(results, stages))
        if settings.page:
            print(f"written: {write_page(PAGE, results, stages)}, {PICTURE}")
            picture_of_sets(PICTURE, settings.dataset, SEED)


if __name__ == "__main__":
    main()
