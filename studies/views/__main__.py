"""The four views of the tutorial, each as a figure.

::

    python -m studies.views            all four, about twenty minutes on two cores
    python -m studies.views manifold   one of manifold, operator, information, generative
    python -m studies.views --quick    all four in two minutes, to see whether they run

Each view prints its figures, and writes ``studies/results/views_NAME.json`` and ``.png``. The last
three need MNIST; pictures need matplotlib (``pip install '.[bench]'``).
"""

import argparse
import json
from pathlib import Path

import pytensor

from studies.views import digits, generative, information, manifold, operator

RESULTS = Path(__file__).parent.parent / "results"
VIEWS = {
    "manifold": manifold,
    "operator": operator,
    "information": information,
    "generative": generative,
}


def load(dataset: str, quick: bool):
    """Return the training set as a shared variable, and all parts as arrays."""
    from deeptutorial import load_data

    datasets = load_data(dataset)
    parts = {
        name: part[0].get_value(borrow=True)
        for name, part in zip(("train", "valid", "test"), datasets, strict=True)
    }
    if quick:
        parts = {name: rows[:2000] for name, rows in parts.items()}
    return pytensor.shared(parts["train"], borrow=True), parts


def studied(name: str, dataset: str, quick: bool) -> dict:
    """Carry out one of the studies."""
    if name == "manifold":
        return manifold.study(quick, print)
    set_x, parts = load(dataset, quick)
    if name == "operator":
        levels = {"trained with 30 % noise": 0.3, "trained without noise": 0.0}
        dAs = {
            of: digits.trained_dA(level, set_x, 2 if quick else 15) for of, level in levels.items()
        }
        return operator.study(dAs, parts["train"], parts["test"], print)
    if name == "information":
        return information.study(set_x, parts["train"], parts["test"], 2 if quick else 15, print)
    return generative.study(set_x, parts, 2 if quick else 20, print)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("views", nargs="*", metavar="VIEW", help=f"of {', '.join(VIEWS)}")
    parser.add_argument("--quick", action="store_true", help="little data, few epochs")
    parser.add_argument("--dataset", default="mnist", help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="default: %(default)s")
    settings = parser.parse_args()
    unknown = set(settings.views) - set(VIEWS)
    if unknown:
        parser.error(f"no view {unknown.pop()}: choose of {', '.join(VIEWS)}")

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    pytensor.config.floatX = "float32"
    settings.folder.mkdir(parents=True, exist_ok=True)
    for name in settings.views or VIEWS:
        result = studied(name, settings.dataset, settings.quick)
        path = settings.folder / f"views_{name}.json"
        path.write_text(json.dumps(result["figures"], indent=1) + "\n", encoding="utf-8")
        figure = VIEWS[name].draw(result, plt)
        figure.savefig(path.with_suffix(".png"), dpi=110, bbox_inches="tight")
        print(path.with_suffix(".png"), flush=True)


if __name__ == "__main__":
    main()
