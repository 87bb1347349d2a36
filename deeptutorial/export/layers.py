"""A model as the layers that other programs know, each a weight, a bias and an activation."""

from typing import NamedTuple

import numpy as np

from deeptutorial.models import SdA, dA

__all__ = ["Layer", "as_layers", "state_dict"]


class Layer(NamedTuple):
    """``activation(x W + b)``.

    Attributes
    ----------
    name : str
    W : ndarray of shape (inputs, outputs)
    b : ndarray of shape (outputs,)
    activation : {"sigmoid", "softmax", ""}
        "" for a linear layer.
    """

    name: str
    W: np.ndarray
    b: np.ndarray
    activation: str


def as_layers(model: dA | SdA) -> list[Layer]:
    """Return the layers that an example goes through, the lowest first.

    A dA is its encoder and its decoder, an SdA its hidden layers and its output. What its hidden
    layers decoded with in pre-training is left out.
    """
    values = {name: param.get_value() for name, param in model.named_params().items()}
    if isinstance(model, dA):
        decoded = "" if model.reconstruction_cost == "squared-error" else "sigmoid"
        return [
            Layer("encoder", values["W"], values["b"], "sigmoid"),
            Layer("decoder", values["W"].T, values["b_prime"], decoded),
        ]
    hidden = [
        Layer(f"layer_{i}", values[f"layer_{i}_W"], values[f"layer_{i}_b"], "sigmoid")
        for i in range(model.n_layers)
    ]
    return [*hidden, Layer("output", values["output_W"], values["output_b"], "softmax")]


def state_dict(layers: list[Layer]) -> dict[str, np.ndarray]:
    """Return the arrays by the names and in the layout of ``torch.nn.Linear``.

    Returns
    -------
    dict of str to ndarray
        For each layer ``NAME.weight`` of shape (outputs, inputs) and ``NAME.bias``.
    """
    arrays = {}
    for layer in layers:
        arrays[f"{layer.name}.weight"] = np.ascontiguousarray(layer.W.T)
        arrays[f"{layer.name}.bias"] = layer.b
    return arrays
