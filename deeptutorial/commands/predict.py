"""`deeptutorial predict`: examples in, the classes that a stack takes them for out."""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from deeptutorial.commands.inputs import add_examples, add_model, load, read_examples
from deeptutorial.commands.outputs import add_output, check_output
from deeptutorial.commands.shown import Shown
from deeptutorial.commands.tables import Block, Table, form_of, write_table
from deeptutorial.models import SdA

__all__ = ["add_to", "predict"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "predict",
        help="tell classes of examples apart, with an SdA",
        description="Write the class that an SdA takes each example for, by its name, and the "
        "probability of each class: a row for each example, in their order, with what it and the "
        "class that it has are called. Values are scaled as those were that the SdA has learned "
        "from, and columns found by their names.",
        epilog="examples:\n"
        "  deeptutorial predict SdA_plots/SdA.npz mnist\n"
        "  deeptutorial predict SdA_plots/SdA.npz ~/pictures --output classes.tsv\n"
        "  deeptutorial predict SdA_plots/SdA.npz - --output - < examples.npy | head\n",
    )
    add_model(parser, "SdA.py")
    add_examples(parser)
    add_output(
        parser,
        "predictions.csv",
        "where the predictions go, in the form that its name tells: .csv, .tsv, .parquet or .npy "
        "(the probabilities alone); - is standard output, as .csv",
    )
    parser.set_defaults(run=predict)


def predict(model: str, examples: str, output: str, part: str | None, **reading: Any) -> None:
    """Write the classes that an SdA takes examples for."""
    form = form_of(output, ".csv")
    check_output(output, examples, model)
    sda = load(model, SdA)
    shown = read_examples(examples, sda, part, **reading)
    classes = sda.data.class_names
    if len(classes) != sda.n_outs:
        classes = tuple(map(str, range(sda.n_outs)))
    columns = [f"probability_{name}" for name in classes]
    counts: Counter[str] = Counter()
    blocks = _blocks(sda, shown, classes, counts)
    write_table(output, form, Table(len(shown), [*shown.heads, "class"], columns, blocks))
    if counts["labelled"]:
        print(
            f"{counts['wrong']} of {counts['labelled']} taken for another class than they have "
            f"({100 * counts['wrong'] / counts['labelled']:.2f} %)",
            file=sys.stderr,
        )


def _blocks(
    sda: SdA, shown: Shown, classes: tuple[str, ...], counts: Counter[str]
) -> Iterator[Block]:
    """Classify block by block; count those that have a class, and those taken for another."""
    for rows, X in shown.blocks(len(classes)):
        probabilities = sda.predict_proba(X)
        taken_for = [classes[i] for i in probabilities.argmax(axis=1)]
        if shown.labels is not None:
            for label, found in zip(shown.labels[rows], taken_for, strict=True):
                counts["labelled"] += label in classes
                counts["wrong"] += label in classes and label != found
        yield [*shown.words(rows), taken_for], probabilities
