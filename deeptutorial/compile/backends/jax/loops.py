"""Many calls of a compiled function as one function, with a loop on the device."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.fg import FunctionGraph

from deeptutorial.compile.backends.jax.collected_calls import MOST_CALLS
from deeptutorial.compile.backends.jax.on_host import lies_in_file, memory_errors
from deeptutorial.compile.backends.jax.one_device import OneDevice
from deeptutorial.compile.backends.jax.spread import SpreadFunction
from deeptutorial.compile.backends.jax.windows import (
    Minibatches,
    calls_in_window,
    taken_by_minibatches,
)

__all__ = ["Loop", "is_step"]


def is_step(fgraph: FunctionGraph) -> bool:
    """Tell whether a function takes and returns scalars, and keeps the shapes of what it changes.

    The updates are the last outputs.
    """
    updates = fgraph.update_mapping or {}
    n_returned = len(fgraph.outputs) - len(updates)
    shared = [isinstance(v, SharedVariable) for v in fgraph.inputs]
    scalars = [v for v, is_shared in zip(fgraph.inputs, shared, strict=True) if not is_shared]
    scalars += fgraph.outputs[:n_returned]
    return (
        n_returned > 0
        and set(updates) == set(range(n_returned, len(fgraph.outputs)))
        and all(shared[i] for i in updates.values())
        and all(getattr(v, "ndim", None) == 0 for v in scalars)
    )


class Loop:
    """What runs many calls of a step.

    Parameters
    ----------
    fgraph : FunctionGraph
        Of the step, one by `is_step`.
    function : callable
        What JAX is to compile for it.
    where : OneDevice or SpreadFunction

    Attributes
    ----------
    shared, given : list of int
        The places of the inputs that are shared variables, and of the others.
    changed : list of int
        Those of the shared variables that change, in the order of the updates.
    n_returned : int
        How many results a call has.
    """

    def __init__(
        self, fgraph: FunctionGraph, function: Callable, where: OneDevice | SpreadFunction
    ):
        updates = fgraph.update_mapping or {}  # the place of an output: that of the input
        is_shared = [isinstance(v, SharedVariable) for v in fgraph.inputs]
        self.shared = [i for i, it_is in enumerate(is_shared) if it_is]
        self.given = [i for i, it_is in enumerate(is_shared) if not it_is]
        self.changed = [updates[i] for i in sorted(updates)]
        self.n_returned = len(fgraph.outputs) - len(updates)
        self._where = where
        self._taken = taken_by_minibatches(fgraph)
        self._given_dtypes = [fgraph.inputs[i].dtype for i in self.given]
        self._result_dtypes = [v.dtype for v in fgraph.outputs[: self.n_returned]]
        # A GPU has to ask the host after each call whether to go on, unless it knows how many there
        # are. A CPU need not be told, and has the same code, and bits, however calls come together.
        self._is_told_how_many = jnp.zeros(()).device.platform != "cpu"
        self._compiled = self._compile(function)

    def start(self, values: Sequence, arguments: Sequence[tuple]) -> tuple[list, list]:
        """Let the device begin with calls, as `CallCollector` wants it."""
        by_place = dict(zip(self.shared, values, strict=True))
        mapped = {i: by_place.pop(i).array for i in self._taken if lies_in_file(by_place[i])}
        n_at_once = MOST_CALLS
        if mapped:
            taken = [(rows, self._taken[i].op) for i, rows in mapped.items()]
            n_at_once = calls_in_window(taken, MOST_CALLS)
        placed = {i: self._where.argument(i, v, whole=True) for i, v in by_place.items()}
        changing = [placed.pop(i) for i in self.changed]
        columns = [np.zeros(MOST_CALLS, dtype) for dtype in self._given_dtypes]
        for column, scalars in zip(columns, zip(*arguments, strict=True), strict=False):
            column[: len(scalars)] = scalars

        state = changing, [np.zeros(MOST_CALLS, dtype) for dtype in self._result_dtypes]
        with memory_errors():
            window = self._window(mapped, arguments[:n_at_once], n_at_once)
            for first in range(0, len(arguments), n_at_once):
                behind = min(first + n_at_once, len(arguments))
                is_known = self._is_told_how_many and behind - first == n_at_once
                n_known = n_at_once if is_known else None
                # JAX returns before it has run: meanwhile the next window is read.
                state = self._compiled(*state, placed, window, columns, first, behind, n_known)
                if behind < len(arguments):
                    window = self._window(mapped, arguments[behind : behind + n_at_once], n_at_once)
                    jax.block_until_ready(state)
        return state

    def wait(self, new_values: Sequence, results: Sequence) -> list[np.ndarray]:
        """Wait for what was begun; only then is it known whether it could run."""
        with memory_errors():
            jax.block_until_ready((new_values, results))
            return [np.asarray(result) for result in results]

    def _window(
        self, mapped: dict[int, np.ndarray], arguments: Sequence[tuple], n_at_once: int
    ) -> dict[int, jax.Array]:
        """Place the minibatches that some calls take of each set that lies in a file."""
        window = {}
        for i, rows in mapped.items() if arguments else ():
            taken = self._taken[i]
            column = self.given.index(taken.index_place)
            indices = [int(call[column]) for call in arguments]
            minibatches = Minibatches(rows, taken.op, indices, n_at_once)
            window[i] = self._where.window(i, minibatches, whole=True)
        return window

    def _compile(self, function: Callable) -> Callable:
        changed, given, n_returned = self.changed, self.given, self.n_returned

        # One function for any number of calls, and one for a number that is known beforehand.
        # The values from before are not donated to it: they are what there is if it fails.
        @partial(jax.jit, static_argnames="n_known", out_shardings=self._where.of_results)
        def loop(changing, results, constant, window, columns, first, behind, n_known):
            def call(k, state):
                changing, results = state
                by_place = dict(constant)
                by_place |= zip(changed, changing, strict=True)
                by_place |= zip(given, [column[k] for column in columns], strict=True)
                for i, minibatches in window.items():
                    by_place[i] = lax.dynamic_slice_in_dim(minibatches, k - first, 1)
                values = function(*(by_place[i] for i in range(len(by_place))))
                now, new = values[:n_returned], list(values[n_returned:])
                return new, [r.at[k].set(value) for r, value in zip(results, now, strict=True)]

            if n_known is None:
                return lax.fori_loop(first, behind, call, (changing, results))
            return lax.fori_loop(
                0, n_known, lambda i, state: call(first + i, state), (changing, results)
            )

        return loop
