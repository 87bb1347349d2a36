"""`deeptutorial report`: the page that a run ends with, of models that are there already."""

import os

import numpy as np
import pytensor

from deeptutorial.commands.shown import check_range
from deeptutorial.commands.status import UsageError
from deeptutorial.datasets import DatasetError, label_values, load_data
from deeptutorial.models import SdA, dA, load_model, read_model
from deeptutorial.models.corruption import as_noise
from deeptutorial.report import Trained, write_dA_report, write_SdA_report
from deeptutorial.report.da_report import USUAL_LEVEL
from deeptutorial.texts import printable

__all__ = ["add_to", "report"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "report",
        help="a page about trained models, as a run of the scripts ends with",
        description="Measure one dA or more, or one stack of them, on the test set of a data set, "
        "and write report.html, one page that needs no network, and the figures behind it in "
        "report.json. What only the training knew, learning curves and times, is left out.",
        epilog="examples:\n"
        "  deeptutorial report dA_plots/dA_corruption_30.npz --dataset mnist\n"
        "  deeptutorial report dA_plots/dA_corruption_0.npz dA_plots/dA_corruption_30.npz \\\n"
        "      --corruption-level 0 --corruption-level 0.3\n",
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="files that dA.py has saved, or one of SdA.py"
    )
    parser.add_dataset()
    parser.add_corruption_levels(
        f"that a dA was trained with; give it once for each (default, for a single one: "
        f"{USUAL_LEVEL})"
    )
    parser.add_output_folder(default="report")
    parser.set_defaults(run=report)


def report(
    models: list[str],
    dataset: str,
    corruption_levels: list[float] | None,
    output_folder: str,
    **reading,
) -> None:
    """Write a page about models, and print where it is."""
    # All in one precision: what a float32 holds is the same number in float64.
    pytensor.config.floatX = max(read_model(path)[0]["floatX"] for path in models)
    loaded = [load_model(path) for path in models]
    stacks = [model for model in loaded if isinstance(model, SdA)]
    scaling = loaded[0].data.scaling
    for path, model in zip(models, loaded, strict=True):
        if model.data.scaling != scaling:
            raise UsageError(
                f"{path} has learned from values that were scaled otherwise than those of "
                f"{models[0]}: make a report of each"
            )
    path = os.path.expanduser(dataset)
    datasets = load_data(path, scaling or "none", any_range=True, **reading)
    for path, model in zip(models, loaded, strict=True):
        _check_that_it_fits(path, model, dataset, datasets)
    if stacks:
        if len(loaded) > 1 or corruption_levels:
            raise UsageError("a stack has a report of its own: name one SdA and no level")
        page = write_SdA_report(output_folder, stacks[0], datasets)
    else:
        levels = corruption_levels or [USUAL_LEVEL]
        if len(levels) != len(loaded) or len(set(levels)) != len(levels):
            raise UsageError(
                f"--corruption-level must be given once for each of the {len(loaded)} models, and "
                f"differ; got {', '.join(map(str, corruption_levels or [])) or 'none'}"
            )
        das = [model for model in loaded if isinstance(model, dA)]
        for path, da, level in zip(models, das, levels, strict=True):
            highest = as_noise(da.corruption).highest
            if level > highest:
                raise UsageError(f"--corruption-level of {path} must be at most {highest:g}")
        page = write_dA_report(output_folder, levels, [Trained(da) for da in das], datasets)
    print(printable(page))


def _check_that_it_fits(path: str, model: dA | SdA, dataset: str, datasets: list) -> None:
    n_values = datasets[2][0].get_value(borrow=True).shape[1]
    n_taken = model.n_visible if isinstance(model, dA) else model.n_ins
    if n_values != n_taken:
        raise DatasetError(
            f"{dataset}: its examples have {n_values} values, but {path} takes {n_taken}"
        )
    columns = datasets[0][0].tag.data.columns
    if columns and model.data.columns and columns != model.data.columns:
        raise DatasetError(
            f"{dataset}: its columns are others, or in another order, than those that {path} has "
            f"learned from: {_first_difference(columns, model.data.columns)}"
        )
    check_range(dataset, model, datasets[2][0].get_value(borrow=True))
    if isinstance(model, SdA):
        labels = label_values(datasets[2][1])
        if not ((labels >= 0) & (labels < model.n_outs)).all():
            raise DatasetError(
                f"{dataset}: its labels are {_in_words(labels)}, but {path} tells {model.n_outs} "
                "classes apart"
            )


def _first_difference(found: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    at = next(at for at, pair in enumerate(zip(found, wanted, strict=True)) if len(set(pair)) > 1)
    return f"{found[at]!r:.60} in the place of {wanted[at]!r:.60}"


def _in_words(labels: np.ndarray) -> str:
    return "missing" if labels.min() < 0 else f"0 to {labels.max()}"
