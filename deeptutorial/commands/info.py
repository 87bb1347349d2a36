"""`deeptutorial info`: what a model file holds."""

import numpy as np

from deeptutorial.commands.inputs import add_model
from deeptutorial.datasets.description import Description
from deeptutorial.models import ModelFileError, read_model
from deeptutorial.texts import printable

__all__ = ["add_to", "info"]

AT_MOST_NAMES = 8

LONGEST_NAME, LONGEST_VALUE = 40, 300
"""Characters that are shown: who wrote a file may have written a million."""


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "info",
        help="what a model file holds",
        description="Print what a model file holds: the kind of model, its hyperparameters, "
        "what it knows of its data, and the shape and range of each array. The file is checked "
        "while it is read.",
        epilog="example:\n  deeptutorial info dA_plots/dA_corruption_30.npz\n",
    )
    add_model(parser)
    parser.set_defaults(run=info)


def info(model: str) -> None:
    """Print what a file holds, a line each."""
    header, arrays = read_model(model)
    facts = {
        "model": header["model"],
        **header["hyperparameters"],
        "image_shape": header.get("image_shape"),
        **_of_the_data(model, header, arrays),
        "floatX": header["floatX"],
    }
    lines = [(name, _in_words(value)) for name, value in facts.items()]
    lines += [(name, _described(array)) for name, array in arrays.items()]
    names = [printable(name, LONGEST_NAME) for name, _ in lines]
    width = max(map(len, names))
    for name, (_, words) in zip(names, lines, strict=True):
        print(f"{name:{width}}  {printable(words, LONGEST_VALUE)}")


def _described(array: np.ndarray) -> str:
    shape = " x ".join(map(str, array.shape)) or "a number"
    if array.size == 0:
        return f"{shape}, empty"
    with np.errstate(over="ignore"):
        mean = np.mean(array, dtype="float64")
    return f"{shape}, from {array.min():.4g} to {array.max():.4g}, mean {mean:.4g}"


def _of_the_data(path: str, header: dict, arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Tell what a model knows of the data that it has learned from."""
    try:
        data = Description.from_plain(header.get("data"), len(next(iter(arrays.values()))))
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    facts = {}
    if data.scaling is not None:
        factors = len(data.scaling.factor)
        facts["scaling"] = data.scaling.kind + (f", of {factors} columns" if factors > 1 else "")
    for name in ("columns", "class_names"):
        names = getattr(data, name)
        if names:
            shown = ", ".join(names[:AT_MOST_NAMES])
            facts[name] = f"{len(names)}: {shown}" + (", ..." * (len(names) > AT_MOST_NAMES))
    return facts


def _in_words(value) -> str:
    if value is None:
        return "unknown"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
