"""PyTensor's JAX linker, with the data on the device and many calls in one."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.link.jax.dispatch.shape import JAXShapeTuple
from pytensor.link.jax.linker import JAXLinker

from deeptutorial.compile.backends.jax import dispatch  # noqa: F401  it registers the Ops with PyTensor
from deeptutorial.compile.backends.jax.collected_calls import (
    MOST_CALLS,
    CallCollector,
    finish_calls,
    settled,
)
from deeptutorial.compile.backends.jax.spread import OnHost, Spread, SpreadFunction
from deeptutorial.compile.host_values import show_on_host
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
    makes of it. The calls of a function that takes and returns scalars, a training step say, are
    collected; see `deeptutorial.compile.backends.jax.collected_calls`.

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
        function = jax_funcify(fgraph, input_storage=input_storage, storage_map=storage_map)
        inputs = [storage_map[variable] for variable in fgraph.inputs]
        outputs = [storage_map[variable] for variable in fgraph.outputs]
        shared = [i for i, v in enumerate(fgraph.inputs) if isinstance(v, SharedVariable)]
        given = [i for i in range(len(inputs)) if i not in shared]
        where = _OneDevice() if self.spread is None else SpreadFunction(self.spread, fgraph)
        for i in shared:
            show_on_host(fgraph.inputs[i], "jax", _to_host)

        storages, numbers = places(inputs, outputs, fgraph.update_mapping)

        # What JAX has to know when it compiles: numbers that are sizes, and, for a minibatch at the
        # end of the set that is not whole, which one it is.
        sizes, slices = _size_inputs(fgraph), _minibatch_slices(fgraph)
        sizes_and_indices = sorted({*sizes, *(index for _, _, index in slices)})
        jitted = jax.jit(function, static_argnums=sizes, out_shardings=where.of_results)
        jitted_for_part = jax.jit(function, static_argnums=sizes_and_indices)

        def is_whole() -> bool:
            """Tell whether all are whole; one that has to exist and does not is an error."""
            whole = True
            for op, x, index in slices:
                place, n_rows = int(inputs[index][0]), settled(inputs[x][0]).shape[0]
                op.check(place, n_rows)
                whole = whole and op.is_whole(place, n_rows)
            return whole

        def call_at_once():
            finish_calls()
            for i in shared:
                inputs[i][0] = _keep(where, settled(inputs[i][0]))
            whole = is_whole()
            run, known = (jitted, sizes) if whole else (jitted_for_part, sizes_and_indices)
            values = [
                int(s[0]) if i in known else where.argument(i, s[0], whole)
                for i, s in enumerate(inputs)
            ]
            results = _run(run, *values)
            put(storages, [results[number] for number in numbers])

        def call_later():
            if is_whole():
                results, upcoming = calls.call(tuple(inputs[i][0] for i in given))
                put(outputs, [*results, *upcoming])
            else:
                call_at_once()

        thunk: Any  # a function, with attributes that PyTensor asks for
        if not sizes and _is_step(fgraph, shared):
            calls = _collector(fgraph, function, inputs, shared, where)
            thunk = call_later
        else:
            thunk = call_at_once
        thunk.inputs, thunk.outputs, thunk.lazy = inputs, outputs, False
        nodes = [output.owner for output in fgraph.outputs if output.owner is not None]
        return [thunk], nodes[:1], jitted


def _is_step(fgraph: FunctionGraph, shared: list[int]) -> bool:
    """Tell whether a function takes and returns scalars, and keeps the shapes of what it changes.

    The updates are the last outputs.
    """
    updates = fgraph.update_mapping or {}
    n_returned = len(fgraph.outputs) - len(updates)
    scalars = [v for i, v in enumerate(fgraph.inputs) if i not in shared]
    scalars += fgraph.outputs[:n_returned]
    return (
        n_returned > 0
        and set(updates) == set(range(n_returned, len(fgraph.outputs)))
        and set(updates.values()) <= set(shared)
        and all(getattr(v, "ndim", None) == 0 for v in scalars)
    )


def _collector(
    fgraph: FunctionGraph,
    function: Callable,
    inputs: list[list],
    shared: list[int],
    where: "_OneDevice | SpreadFunction",
) -> CallCollector:
    """Make one function of many calls: a loop on the device.

    `shared` are the places of the shared variables among the inputs.
    """
    updates = fgraph.update_mapping or {}  # the place of an output: that of the input
    changed = [updates[i] for i in sorted(updates)]
    fixed = [i for i in shared if i not in changed]
    given = [i for i in range(len(inputs)) if i not in shared]
    returned = fgraph.outputs[: len(fgraph.outputs) - len(updates)]

    # One function for any number of calls; a scan would have to be compiled for each number. The
    # values from before are not donated to it: they are what there is if it fails.
    @partial(jax.jit, out_shardings=where.of_results)
    def loop(changing: list, constant: list, columns: list, n_calls: int):
        def call(k, state):
            changing, results = state
            scalars = [column[k] for column in columns]
            order = [*changed, *fixed, *given]
            by_place = dict(zip(order, [*changing, *constant, *scalars], strict=True))
            values = function(*(by_place[i] for i in range(len(by_place))))
            now, new = values[: len(returned)], list(values[len(returned) :])
            return new, [r.at[k].set(value) for r, value in zip(results, now, strict=True)]

        results = [jnp.zeros(MOST_CALLS, output.dtype) for output in returned]
        return lax.fori_loop(0, n_calls, call, (changing, results))

    def run(values: list, arguments: Sequence[tuple]) -> tuple[list, list]:
        by_place = {
            i: where.argument(i, value, whole=True) for i, value in zip(shared, values, strict=True)
        }
        columns = [np.zeros(MOST_CALLS, fgraph.inputs[i].dtype) for i in given]
        for column, scalars in zip(columns, zip(*arguments, strict=True), strict=False):
            column[: len(scalars)] = scalars
        changing, constant = ([by_place[i] for i in some] for some in (changed, fixed))
        return _run(loop, changing, constant, columns, len(arguments))

    return CallCollector(
        run=run,
        to_device=partial(_keep, where),
        storages=[inputs[i] for i in shared],
        changed=[shared.index(i) for i in changed],
        n_outputs=len(returned),
    )


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


class _OneDevice:
    """Where the values of a compiled function lie: on JAX's default device, all of them."""

    of_results = None

    def keep(self, array: np.ndarray) -> jax.Array:
        return jnp.array(array, copy=True)  # a copy, which nobody else can change

    def argument(self, place: int, value: Any, whole: bool) -> Any:
        return value


def _keep(where: "_OneDevice | SpreadFunction", value: Any) -> Any:
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


def _run(compiled: Callable, *arguments):
    try:
        # JAX returns before it has run, and whether it could is known only then.
        return jax.block_until_ready(compiled(*arguments))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise MemoryError(f"on {jnp.zeros(()).device}, {str(error).splitlines()[0]}") from error
        raise
