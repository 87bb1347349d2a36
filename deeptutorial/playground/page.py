"""The page: a model, ten examples, and a script that calculates with them in the browser."""

import base64
import json
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from deeptutorial.files import replacing
from deeptutorial.models import SdA, dA
from deeptutorial.playground.weights import MOST_BITS, Quantised, pack_bits, quantised

__all__ = ["write_playground"]

BUDGET = 2_100_000
"""Bytes for all weights; as text they are a third more, and the page stays below 3 MB."""

FEWEST_BITS = 4
"""With less a reconstruction has little to do with the model's."""

LARGEST_WEIGHT = 1e6
"""What is beyond is no result of training, and the sums of a page in float32 are none either."""

LARGEST_SIDE = 64
"""Pixels; a page for fingers is no place for larger pictures."""


def write_playground(
    folder: str | os.PathLike,
    models: dict[str, dA] | SdA,
    examples: np.ndarray,
    labels: Sequence[str],
    image_shape: tuple[int, ...],
) -> Path | None:
    """Write ``playground.html``: a page that needs no other file and no network.

    Parameters
    ----------
    folder : path
    models : dict of dA by their names, or an SdA
        All dAs of one input.
    examples : ndarray of shape (n, values)
        To begin with, instead of drawing.
    labels : sequence of str
        What the examples are called.
    image_shape : tuple of int

    Returns
    -------
    Path, or None
        None where there is no page, since the examples are no grey pictures of at most 64 pixels a
        side, or not in [0, 1], or since the model is too large for one.
    """
    layers = _layers_of_all(models)
    bits = min(MOST_BITS, 8 * BUDGET // sum(layer["W"].size for one in layers for layer in one))
    is_drawn = len(image_shape) == 2 and min(image_shape) > 1 and max(image_shape) <= LARGEST_SIDE
    is_usual = _largest(models) <= LARGEST_WEIGHT
    is_ink = examples.min() >= 0 and examples.max() <= 1
    if not is_drawn or not is_ink or bits < FEWEST_BITS or not is_usual:
        return None
    rounded = [[quantised(layer["W"], bits) for layer in one] for one in layers]
    content = {
        "kind": "SdA" if isinstance(models, SdA) else "dA",
        "shape": list(image_shape),
        "bits": bits,
        "difference": _difference(models, layers, rounded, examples),
        "examples": _base64(examples.astype(np.float32)),
        "labels": list(labels),
        "models": [
            {
                "name": name,
                "corruption": _noise(model),
                "squared": model.reconstruction_cost == "squared-error",
                "layers": [_layer(*pair) for pair in zip(one, of_one, strict=True)],
                "b_prime": _base64(model.b_prime.get_value().astype(np.float32)),
            }
            for (name, model), one, of_one in zip(_dAs(models), layers, rounded, strict=True)
        ],
        "classes": _class_names(models) if isinstance(models, SdA) else [],
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / "playground.html"
    with replacing(path) as temporary:
        temporary.write_text(_html(content), encoding="utf-8", errors="backslashreplace")
    return path


def _dAs(models: dict[str, dA] | SdA) -> list[tuple[str, dA]]:
    return [("SdA", models.dA_layers[0])] if isinstance(models, SdA) else list(models.items())


def _noise(da: dA) -> str:
    return da.corruption if isinstance(da.corruption, str) else "masking"


def _class_names(sda: SdA) -> list[str]:
    return list(sda.data.class_names) or [str(c) for c in range(sda.n_outs)]


def _layers_of_all(models: dict[str, dA] | SdA) -> list[list[dict[str, np.ndarray]]]:
    """Return weights and biases of the encoders, and of an SdA's output above them."""
    if not isinstance(models, SdA):
        return [[_parameters(da.W, da.b)] for da in models.values()]
    layers = [_parameters(layer.W, layer.b) for layer in models.sigmoid_layers]
    return [[*layers, _parameters(models.logLayer.W, models.logLayer.b)]]


def _parameters(W, b) -> dict[str, np.ndarray]:
    return {"W": np.asarray(W.get_value()), "b": np.asarray(b.get_value())}


def _largest(models: dict[str, dA] | SdA) -> float:
    of_all = [models] if isinstance(models, SdA) else list(models.values())
    values = [param.get_value(borrow=True) for of in of_all for param in of.named_params().values()]
    return max(float(np.abs(value).max()) for value in values)


def _layer(layer: dict[str, np.ndarray], rounded: Quantised) -> dict:
    n_in, n_out = layer["W"].shape
    return {
        "n_in": n_in,
        "n_out": n_out,
        "W": base64.b64encode(pack_bits(rounded.numbers, rounded.bits)).decode(),
        "scale": _base64(rounded.scale),
        "b": _base64(layer["b"].astype(np.float32)),
    }


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _difference(
    models: dict[str, dA] | SdA,
    layers: list[list[dict[str, np.ndarray]]],
    rounded: list[list[Quantised]],
    examples: np.ndarray,
) -> float:
    """Return by how much the rounding of the weights moves an output for one of the examples."""
    most = 0.0
    for (_, da), exact, coarse in zip(_dAs(models), layers, rounded, strict=True):
        biases = [layer["b"] for layer in exact]
        outputs = [
            _outputs(matrices, biases, da, examples, isinstance(models, SdA))
            for matrices in ([layer["W"] for layer in exact], [one.values() for one in coarse])
        ]
        most = max(most, float(np.abs(outputs[0] - outputs[1]).max()))
    return float(f"{most:.1g}")


def _outputs(
    W: list[np.ndarray], b: list[np.ndarray], da: dA, x: np.ndarray, is_stack: bool
) -> np.ndarray:
    for matrix, bias in zip(W[:-1] if is_stack else W, b, strict=False):
        x = _sigmoid(x @ matrix + bias)
    if is_stack:
        a = x @ W[-1] + b[-1]
        exp = np.exp(a - a.max(axis=1, keepdims=True))
        return exp / exp.sum(axis=1, keepdims=True)
    z = x @ W[0].T + da.b_prime.get_value()
    return z if da.reconstruction_cost == "squared-error" else _sigmoid(z)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(a, -80, 80)))


def _html(content: dict) -> str:
    here = resources.files(__package__)
    html, style, script, texts = (
        here.joinpath(f"playground.{suffix}").read_text(encoding="utf-8")
        for suffix in ("html", "css", "js", "json")
    )
    # Within a script, "</" would end it.
    data = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")
    for name, value in {"STYLE": style, "SCRIPT": script, "TEXTS": texts, "DATA": data}.items():
        html = html.replace(f"@@{name}@@", value)
    return html
