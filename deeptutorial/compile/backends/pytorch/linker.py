"""PyTensor's PyTorch linker, with the data on the device."""

from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.link.pytorch.dispatch import pytorch_funcify
from pytensor.link.pytorch.linker import PytorchLinker
from pytensor.link.utils import fgraph_to_python

from deeptutorial.compile.backends.pytorch import dispatch  # noqa: F401  it registers the Ops with PyTensor
from deeptutorial.compile.host_values import only_constants, show_on_host
from deeptutorial.compile.one_instruction import places, put

__all__ = ["DevicePyTorchLinker"]


class DevicePyTorchLinker(PytorchLinker):
    """Run a graph with PyTorch's operations, and keep shared variables on its device.

    PyTensor's linker brings everything that a function makes back to the host, new parameters too;
    this one only what is returned. The operations run as they come, without ``torch.compile``,
    which takes longer to compile a step than a dA takes for epochs of them.
    """

    device = torch.device("cpu")

    def create_jitable_thunk(self, compute_map, order, input_storage, output_storage, storage_map):
        fgraph, device = self.fgraph, self.device
        inputs = [storage_map[variable] for variable in fgraph.inputs]
        outputs = [storage_map[variable] for variable in fgraph.outputs]
        shared = [i for i, v in enumerate(fgraph.inputs) if isinstance(v, SharedVariable)]
        for i in shared:
            show_on_host(fgraph.inputs[i], "pytorch", partial(_to_host, fgraph.inputs[i].type))
        storages, numbers = places(inputs, outputs, fgraph.update_mapping)
        returned = [i for i in range(len(outputs)) if i not in (fgraph.update_mapping or {})]

        def to_device(value: Any) -> Any:
            # Numbers, the index of a minibatch for instance, are needed on the host.
            return _to_device(value, device if np.ndim(value) else "cpu")

        # For what operations make from nothing. It slows each of them down, so not for the CPU.
        on_device = nullcontext() if device.type == "cpu" else device

        with on_device:
            function = fgraph_to_python(
                fgraph,
                pytorch_funcify,
                type_conversion_fn=lambda constant, **_: to_device(constant),
                fgraph_name="function",
                storage_map=only_constants(storage_map),
            )

        @torch.inference_mode()
        def thunk():
            for i in shared:
                inputs[i][0] = _to_device(inputs[i][0], device)
            try:
                with on_device:
                    results = list(function(*(to_device(storage[0]) for storage in inputs)))
            except torch.OutOfMemoryError as error:
                raise MemoryError(f"on {device}: {str(error).splitlines()[0]}") from error
            for i in returned:
                results[i] = _to_host(fgraph.outputs[i].type, results[i])
            put(storages, [results[number] for number in numbers])

        thunk.inputs, thunk.outputs, thunk.lazy = inputs, outputs, False
        nodes = [output.owner for output in fgraph.outputs if output.owner is not None]
        return [thunk], nodes[:1], function


def _to_device(value: Any, device: torch.device | str) -> Any:
    """Put an array on the device, unless it is there; a copy, which nobody else can change."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == np.uint64:  # with which PyTorch can do hardly anything
        value = value.view(np.int64)
    return torch.tensor(value, device=device)


def _to_host(type_, value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    array = value.cpu().numpy()
    return array.view(np.uint64) if type_.dtype == "uint64" else array
