"""A model as an ONNX graph, with the scaling of the data in it."""

import json

import numpy as np

from deeptutorial.datasets.scaling import Scaling
from deeptutorial.export.layers import Layer, as_layers
from deeptutorial.held_signals import import_whole
from deeptutorial.models import SdA, dA

__all__ = ["as_onnx"]

OPSET = 17
"""Of the operators; each runtime since 2022 knows it. Nothing newer is needed."""

IR_VERSION = 8
"""Of the file format, as old as that."""


def as_onnx(model: dA | SdA) -> bytes:
    """Return an ONNX file.

    Its input is ``x``, of shape (n, values), in the units of the data. The outputs are ``code`` and
    ``reconstruction``, in the units of the data too, of a dA; ``code``, ``probabilities`` and
    ``class`` (the number of the most probable one) of an SdA. Names of columns and classes are in
    its metadata, as JSON.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    """
    onnx = import_whole("onnx")
    checker, helper, numpy_helper = onnx.checker, onnx.helper, onnx.numpy_helper

    graph = _Graph()
    layers = as_layers(model)
    dtype, scaling = layers[0].W.dtype, model.data.scaling
    value = "x" if scaling is None else graph.scale("x", scaling, dtype)
    names = ["code", "reconstruction" if isinstance(model, dA) else "probabilities"]
    for layer in layers[:-2]:
        value = graph.layer(layer, value, layer.name)
    value = graph.layer(layers[-2], value, names[0])
    if isinstance(model, dA) and scaling is not None:
        value = graph.layer(layers[-1], value, "scaled_reconstruction")
        graph.undo(value, scaling, dtype, names[1])
    else:
        graph.layer(layers[-1], value, names[1])
    tensor_type = helper.np_dtype_to_tensor_dtype(dtype)
    sizes = [layers[-2].b.size, layers[-1].b.size]
    outputs = [
        helper.make_tensor_value_info(name, tensor_type, ["n", size])
        for name, size in zip(names, sizes, strict=True)
    ]
    if isinstance(model, SdA):
        graph.add("ArgMax", ["probabilities"], "class", axis=1, keepdims=0)
        int64 = helper.np_dtype_to_tensor_dtype(np.dtype(np.int64))
        outputs.append(helper.make_tensor_value_info("class", int64, ["n"]))
    inputs = [helper.make_tensor_value_info("x", tensor_type, ["n", len(layers[0].W)])]
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node(*of, **attributes) for of, attributes in graph.nodes],
            type(model).__name__,
            inputs,
            outputs,
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        producer_name="deeptutorial",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    described = {"columns": model.data.columns, "class_names": model.data.class_names}
    helper.set_model_props(proto, {name: json.dumps(texts) for name, texts in described.items()})
    checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


class _Graph:
    """Nodes, as the arguments of ``onnx.helper.make_node``, and the arrays that they need."""

    def __init__(self):
        self.nodes: list[tuple[tuple, dict]] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(((op, inputs, [output]), attributes))
        return output

    def constant(self, name: str, array) -> str:
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def layer(self, layer: Layer, value: str, output: str) -> str:
        weight = self.constant(f"{layer.name}.weight", layer.W)
        bias = self.constant(f"{layer.name}.bias", layer.b)
        if not layer.activation:
            return self.add("Gemm", [value, weight, bias], output)
        linear = self.add("Gemm", [value, weight, bias], f"{layer.name}_linear")
        if layer.activation == "softmax":
            return self.add("Softmax", [linear], output, axis=1)
        return self.add("Sigmoid", [linear], output)

    def scale(self, value: str, scaling: Scaling, dtype: np.dtype) -> str:
        shift = self.constant("shift", np.array(scaling.shift, dtype))
        factor = self.constant("factor", np.array(scaling.factor, dtype))
        self.add("Sub", [value, shift], "shifted")
        if scaling.kind == "standardize":
            return self.add("Mul", ["shifted", factor], "scaled")
        ends = [self.constant(name, np.array(end, dtype)) for name, end in (("0", 0), ("1", 1))]
        return self.add(
            "Clip", [self.add("Mul", ["shifted", factor], "unclipped"), *ends], "scaled"
        )

    def undo(self, value: str, scaling: Scaling, dtype: np.dtype, output: str):
        # `undo` is linear: its width is what it makes of the difference of one and zero.
        at_0, at_1 = (scaling.undo(np.full((1, len(scaling.factor)), end))[0] for end in (0, 1))
        width = self.constant("width", (at_1 - at_0).astype(dtype))
        self.add("Mul", [value, width], "widened")
        self.add("Add", ["widened", "shift"], output)
