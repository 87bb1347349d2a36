"""`deeptutorial encode`: examples in, their codes out."""

import numpy as np
import pytensor

from deeptutorial.commands.inputs import PARTS, add_model, load, read_examples
from deeptutorial.commands.outputs import add_output, write_npy
from deeptutorial.models import SdA

__all__ = ["add_to", "encode"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "encode",
        help="turn a data set, or pictures, into codes",
        description="Write the hidden code of each example, that of the highest layer of a stack, "
        "as a row of a .npy file. Pictures come in the order of their names.",
        epilog="examples:\n"
        "  deeptutorial encode dA_plots/dA_corruption_30.npz mnist --part training\n"
        "  deeptutorial encode dA_plots/dA_corruption_30.npz ~/pictures --output codes.npy\n"
        "  deeptutorial encode SdA_plots/SdA.npz - --output - < examples.npy > codes.npy\n",
    )
    add_model(parser)
    parser.add_argument(
        "examples",
        metavar="EXAMPLES",
        help="a data set, as --dataset of dA.py takes it, a folder of pictures, a picture or a "
        ".npy; - is a picture or a .npy from standard input",
    )
    add_output(parser, "codes.npy", "where the codes go; - is standard output")
    parser.add_argument(
        "--part",
        choices=tuple(PARTS),
        default="test",
        help="which part of a data set (default: %(default)s)",
    )
    parser.set_defaults(run=encode)


def encode(model: str, examples: str, output: str, part: str) -> None:
    """Write the codes that a model has for examples."""
    loaded = load(model)
    X = read_examples(examples, loaded, part).astype(pytensor.config.floatX)
    write_npy(output, loaded.transform(X) if isinstance(loaded, SdA) else _codes(loaded, X))


def _codes(da, X: np.ndarray) -> np.ndarray:
    return pytensor.function([da.x], da.get_hidden_values(da.x))(X)
