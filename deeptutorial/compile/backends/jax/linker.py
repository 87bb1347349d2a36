"""PyTensor's JAX linker, with the data on the device and many calls in one."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.link.jax.dispatch.shape import JAXShapeTuple
from pytensor.link.jax.linker import JAXLinker

from deeptutorial.compile.backends.jax import dispatch  # noqa: F401  it registers the Ops with PyTensor
from deeptutorial.compile.backends.jax.collected_calls import CallCollector, finish_calls, settled
from deeptutorial.compile.backends.jax.loops import Loop, is_step
from deeptutorial.compile.backends.jax.on_host import OnHost, lies_in_file, memory_errors
from deeptutorial.compile.backends.jax.one_device import OneDevice
from deeptutorial.compile.backends.jax.spread import Spread, SpreadFunction
from deeptutorial.compile.backends.jax.windows import Minibatches, taken_by_minibatches
from deeptutorial.compile.host_values import only_constants, show_on_host
from deeptutorial.compile.one_instruction import places, put
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice
from deeptutorial.compile.rewrites.minibatch_slice import elementwise_source

__all__ = ["DeviceJAXLinker"]

# Where floatX is float32 PyTensor switches 64 bits off in JAX, and integers of that size, such as
# the states of random streams, would lose their upper half. Floats are what the graph says anyway.
jax.config.update("jax_enable_x64", True)


class DeviceJAXLinker(JAXLinker):
    """Compile with JAX, keep shared variables on its device, and loop there.

    PyTensor's linker hands each shared variable over at each call, a whole training set that is a
    NumPy array for instance. This one puts it on the device once, and leaves there what a function
    makes of it; rows that lie in a file go there in pieces, see
    `deeptutorial.compile.backends.jax.windows`. The calls of a function that takes and returns
    scalars, a training step say, are collected; see
    `deeptutorial.compile.backends.jax.collected_calls`.

    Parameters
    ----------
    spread : Spread, optional
        Devices that share each minibatch; None stands for JAX's default device alone.
    """

    def __init__(self, spread: Spread | None = None):
        super().__init__()
        self.spread = spread

    def create_jitable_thunk(self, compute_map, order, input_storage, output_storage, storage_map):
        fgraph = self.fgraph
        function = _in_full_precision(jax_funcify(fgraph, storage_map=only_constants(storage_map)))
        inputs = [storage_map[variable] for variable in fgraph.inputs]
        outputs = [storage_map[variable] for variable in fgraph.outputs]
        shared = [i for i, v in enumerate(fgraph.inputs) if isinstance(v, SharedVariable)]
        where = OneDevice() if self.spread is None else SpreadFunction(self.spread, fgraph)
        for i in shared:
            show_on_host(fgraph.inputs[i], "jax", _to_host)

        storages, numbers = places(inputs, outputs, fgraph.update_mapping)

        # What JAX has to know when it compiles: numbers that are sizes, and, for a minibatch at the
        # end of the set that is not whole, which one it is.
        sizes, slices = _size_inputs(fgraph), _minibatch_slices(fgraph)
        taken = taken_by_minibatches(fgraph)
        sizes_and_indices = sorted({*sizes, *(index for _, _, index in slices)})
        jitted = jax.jit(function, static_argnums=sizes, out_shardings=where.of_results)
        jitted_for_part = jax.jit(function, static_argnums=sizes_and_indices)

        def is_whole() -> bool:
            """Tell whether all are whole; one that has to exist and does not is an error."""
            whole = True
            for op, x, index in slices:
                place, n_rows = int(settled(inputs[index][0])), settled(inputs[x][0]).shape[0]
                op.check(place, n_rows)
                whole = whole and op.is_whole(place, n_rows)
            return whole

        def argument(i: int, whole: bool) -> Any:
            value = inputs[i][0]
            if i in taken and lies_in_file(value):
                index = int(inputs[taken[i].index_place][0])
                return where.window(i, Minibatches(value.array, taken[i].op, [index], 1), whole)
            return where.argument(i, value, whole)

        def call_at_once():
            finish_calls()
            for i in shared:
                inputs[i][0] = _keep(where, settled(inputs[i][0]))
            whole = is_whole()
            run, known = (jitted, sizes) if whole else (jitted_for_part, sizes_and_indices)
            with memory_errors():
                values = [
                    int(s[0]) if i in known else argument(i, whole) for i, s in enumerate(inputs)
                ]
                # JAX returns before it has run, and whether it could is known only then.
                results = jax.block_until_ready(run(*values))
            put(storages, [results[number] for number in numbers])

        def call_later():
            if is_whole():
                results, upcoming = calls.call(tuple(inputs[i][0] for i in loop.given))
                put(outputs, [*results, *upcoming])
            else:
                call_at_once()

        thunk: Any  # a function, with attributes that PyTensor asks for
        if not sizes and is_step(fgraph):
            loop = Loop(fgraph, function, where)
            calls = CallCollector(
                start=loop.start,
                wait=loop.wait,
                to_device=partial(_keep, where),
                storages=[inputs[i] for i in loop.shared],
                changed=[loop.shared.index(i) for i in loop.changed],
                n_outputs=loop.n_returned,
            )
            thunk = call_later
        else:
            thunk = call_at_once
        thunk.inputs, thunk.outputs, thunk.lazy = inputs, outputs, False
        nodes = [output.owner for output in fgraph.outputs if output.owner is not None]
        return [thunk], nodes[:1], jitted


def _in_full_precision(function: Callable) -> Callable:
    """Let products of float32 be made in float32, unless the user has told JAX otherwise.

    On newer GPUs JAX rounds their factors to ten bits by default (TF32), and costs would be those
    of the CPU to three digits.
    """

    @wraps(function)
    def precise(*arguments):
        told = jax.config.jax_default_matmul_precision
        with jax.default_matmul_precision(told or "float32"):
            return function(*arguments)

    return precise


def _size_inputs(fgraph: FunctionGraph) -> list[int]:
    """Return the places of inputs that serve as sizes, and as nothing else."""
    return [
        i
        for i, variable in enumerate(fgraph.inputs)
        if fgraph.clients[variable]
        and all(isinstance(node.op, JAXShapeTuple) for node, _ in fgraph.clients[variable])
    ]


def _minibatch_slices(fgraph: FunctionGraph) -> list[tuple[MinibatchSlice, int, int]]:
    """Return each slice with the places, among the inputs, of its rows and of its index."""
    found = []
    for node in fgraph.apply_nodes:
        if isinstance(node.op, MinibatchSlice):
            x, index = node.inputs
            rows = elementwise_source(x)
            found.append((node.op, fgraph.inputs.index(rows), fgraph.inputs.index(index)))
    return found


def _keep(where: OneDevice | SpreadFunction, value: Any) -> Any:
    """Return what a shared variable holds of a value when a function has met it."""
    if isinstance(value, np.random.Generator):
        return {"jax_state": jnp.array(_half_state(value))}
    return where.keep(value) if isinstance(value, np.ndarray) else value


def _to_host(value: Any) -> Any:
    value = settled(value)
    if isinstance(value, OnHost):
        return value.array
    if isinstance(value, dict):  # what JAX has of a generator
        return _generator(np.asarray(value["jax_state"]))
    return np.asarray(value) if isinstance(value, jax.Array) else value


def _half_state(generator: np.random.Generator) -> np.ndarray:
    """Return half of a generator's state as a key of JAX's own generator."""
    state = generator.bit_generator.state["state"]["state"]
    return np.array([state >> 32 & 0xFFFFFFFF, state & 0xFFFFFFFF], np.uint32)


def _generator(key: np.ndarray) -> np.random.Generator:
    """Return a generator of which `_half_state` makes the key again."""
    generator = np.random.Generator(np.random.PCG64(0))
    state = generator.bit_generator.state
    state["state"]["state"] = int(key[0]) << 32 | int(key[1])
    generator.bit_generator.state = state
    return generator
