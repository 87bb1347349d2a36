"""`deeptutorial export`: a model in, a file for another program out."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

from deeptutorial.commands.inputs import STANDARD, add_model, load
from deeptutorial.commands.outputs import add_output, write_bytes
from deeptutorial.commands.status import UsageError
from deeptutorial.export.layers import as_layers, state_dict
from deeptutorial.export.onnx_graph import as_onnx
from deeptutorial.export.weight_tables import as_tables
from deeptutorial.held_signals import import_whole
from deeptutorial.models import SdA, dA

__all__ = ["add_to", "export"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "export",
        help="turn a model into a file for another program",
        description="Write a model as ONNX, as PyTorch's state dict, as safetensors or as CSV.",
        epilog="onnx         input x in the units of the data, scaling included; outputs code and\n"
        "             reconstruction (dA), or code, probabilities and class (SdA)\n"
        "torch        encoder.weight, encoder.bias, decoder.weight, decoder.bias (dA), or\n"
        "             layer_0.weight, ..., output.bias (SdA), as torch.nn.Linear lays them out\n"
        "safetensors  the same arrays; what the data were like is in its metadata\n"
        "csv          a row an input, a column a unit; of a stack one file for each layer\n"
        "\n"
        "examples:\n"
        "  deeptutorial export dA_plots/dA_corruption_30.npz --to onnx\n"
        "  deeptutorial export SdA_plots/SdA.npz --to torch --output digits.pt\n"
        "  deeptutorial export dA_plots/dA_corruption_30.npz --to csv --output - | less -S\n",
    )
    add_model(parser)
    parser.add_argument("--to", required=True, choices=tuple(FORMATS), help="the format")
    add_output(
        parser,
        None,
        "where the file goes (default: beside the model, by its name); - is standard output",
    )
    parser.set_defaults(run=export)


def export(model: str, to: str, output: str | None) -> None:
    """Write a model in another program's format."""
    convert, suffix = FORMATS[to]
    loaded = load(model)
    try:
        files = convert(loaded)
    except ImportError as error:
        package = str(error.name).split(".")[0]
        raise UsageError(f"--to {to} needs {package}: {NEEDS[to]}") from error
    if output == STANDARD and len(files) > 1:
        raise UsageError(f"{len(files)} files do not fit standard output: name a file")
    target = str(Path(model).with_suffix(suffix)) if output is None else output
    for name, content in files.items():
        path = str(Path(target).with_stem(f"{Path(target).stem}_{name}")) if name else target
        write_bytes(path, content)
        if target != STANDARD:
            print(path, file=sys.stderr)


def _onnx(model: dA | SdA) -> dict[str, bytes]:
    return {"": as_onnx(model)}


def _torch(model: dA | SdA) -> dict[str, bytes]:
    torch = import_whole("torch")

    buffer = io.BytesIO()
    arrays = state_dict(as_layers(model))
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, buffer)
    return {"": buffer.getvalue()}


def _safetensors(model: dA | SdA) -> dict[str, bytes]:
    safetensors = import_whole("safetensors.numpy")

    metadata = {"model": type(model).__name__, "data": json.dumps(model.data.as_plain())}
    return {"": safetensors.save(state_dict(as_layers(model)), metadata)}


def _csv(model: dA | SdA) -> dict[str, bytes]:
    return {name: table.encode() for name, table in as_tables(model).items()}


FORMATS: dict[str, tuple[Callable[[dA | SdA], dict[str, bytes]], str]] = {
    "onnx": (_onnx, ".onnx"),
    "torch": (_torch, ".pt"),
    "safetensors": (_safetensors, ".safetensors"),
    "csv": (_csv, ".csv"),
}
"""How files are made of a model, each by what it adds to the name, and the suffix of the name."""

NEEDS = {
    "onnx": "pip install '.[export]'",
    "safetensors": "pip install '.[export]'",
    "torch": "pip install torch",
}
