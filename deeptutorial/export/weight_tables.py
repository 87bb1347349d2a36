"""The parameters of a model as tables of text, one for each layer."""

import csv
import io

import numpy as np

from deeptutorial.models import SdA, dA

__all__ = ["as_tables"]


def as_tables(model: dA | SdA) -> dict[str, str]:
    """Return a table for each layer, by its name; a dA has one, called "".

    A row is an input, a column is a unit. The first row has the biases of the units, ``b``; the
    second column has those that the inputs are decoded with, ``b_prime``, where there is a decoder.
    Numbers are written with all their digits: read in the same precision, they are the same.
    """
    values = {name: param.get_value() for name, param in model.named_params().items()}
    names = model.data.columns or None
    if isinstance(model, dA):
        return {"": _table(values["W"], values["b"], values["b_prime"], names)}
    tables = {}
    for i in range(model.n_layers):
        W, b, b_prime = (values[f"layer_{i}_{name}"] for name in ("W", "b", "b_prime"))
        tables[f"layer_{i}"] = _table(W, b, b_prime, names if i == 0 else None)
    W, b = values["output_W"], values["output_b"]
    return tables | {"output": _table(W, b, None, None, model.data.class_names)}


def _table(
    W: np.ndarray,
    b: np.ndarray,
    b_prime: np.ndarray | None,
    inputs: tuple[str, ...] | None,
    units: tuple[str, ...] = (),
) -> str:
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    decoded = b_prime is not None
    write(["input", *["b_prime"] * decoded, *(units or range(len(b)))])
    write(["b", *[""] * decoded, *b])
    for i, row in enumerate(W):
        name = i if inputs is None else inputs[i]
        write([name, *([] if b_prime is None else [b_prime[i]]), *row])
    return text.getvalue()
