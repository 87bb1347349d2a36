"""`deeptutorial info`: what a model file holds."""

import numpy as np

from deeptutorial.commands.inputs import add_model
from deeptutorial.models import read_model

__all__ = ["add_to", "info"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "info",
        help="what a model file holds",
        description="Print what a model file holds: the kind of model, its hyperparameters, and "
        "the shape and range of each array. The file is checked while it is read.",
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
        "floatX": header["floatX"],
    }
    width = max(map(len, [*facts, *arrays]))
    for name, value in facts.items():
        print(f"{name:{width}}  {_in_words(value)}")
    for name, array in arrays.items():
        shape = " x ".join(map(str, array.shape))
        print(f"{name:{width}}  {shape}, from {array.min():.4g} to {array.max():.4g}, ", end="")
        print(f"mean {np.mean(array, dtype='float64'):.4g}")


def _in_words(value) -> str:
    if value is None:
        return "unknown"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
