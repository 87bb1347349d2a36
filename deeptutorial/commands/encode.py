"""`deeptutorial encode`: examples in, their codes out."""

from typing import Any

from deeptutorial.commands.inputs import add_examples, add_model, load, read_examples
from deeptutorial.commands.outputs import add_output, check_output
from deeptutorial.commands.tables import Table, form_of, write_table
from deeptutorial.models import SdA
from deeptutorial.models.inference import RowFunction

__all__ = ["add_to", "encode"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "encode",
        help="turn a data set, or pictures, into codes",
        description="Write the hidden code of each example, that of the highest layer of a stack, "
        "as a row: in the order of the examples, pictures in that of their names. Values are "
        "scaled as those were that the model has learned from, and columns found by their names. "
        "In a table, what the examples and their classes are called stands beside the codes.",
        epilog="examples:\n"
        "  deeptutorial encode dA_plots/dA_corruption_30.npz mnist --part training\n"
        "  deeptutorial encode dA_plots/dA_corruption_30.npz ~/pictures --output codes.csv\n"
        "  deeptutorial encode SdA_plots/SdA.npz - --output - < examples.npy > codes.npy\n",
    )
    add_model(parser)
    add_examples(parser)
    add_output(
        parser,
        "codes.npy",
        "where the codes go, in the form that its name tells: .npy (the codes alone), .csv, .tsv "
        "or .parquet; - is standard output, as .npy",
    )
    parser.set_defaults(run=encode)


def encode(model: str, examples: str, output: str, part: str | None, **reading: Any) -> None:
    """Write the codes that a model has for examples."""
    form = form_of(output, ".npy")
    check_output(output, examples, model)
    loaded = load(model)
    shown = read_examples(examples, loaded, part, **reading)
    if isinstance(loaded, SdA):
        code_of, n_hidden = loaded.transform, loaded.hidden_layers_sizes[-1]
    else:
        hidden, n_hidden = loaded.get_hidden_values(loaded.x), loaded.n_hidden
        code_of = RowFunction(loaded.x, hidden, loaded.n_visible, n_hidden, any_range=True)
    blocks = ((shown.words(rows), code_of(X)) for rows, X in shown.blocks(n_hidden))
    columns = [f"unit_{i}" for i in range(n_hidden)]
    write_table(output, form, Table(len(shown), shown.heads, columns, blocks))
