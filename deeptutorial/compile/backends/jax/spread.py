"""Minibatches whose rows are divided among devices, where everything else is the same on each.

A minibatch of B rows on D devices: the first device has its first B / D rows, the second the next,
and so on. Parameters and states of random streams are on each device. That is all that is said
here; XLA works out the rest, and lets the devices add up what sums over rows (the gradients and
the cost) where it is needed. Draws are counted, entry by entry (`deeptutorial.compile.ops.draws`),
so that they are the same numbers however they are divided.

For that, a training set lies on the devices as an array of shape (minibatches, B, values of an
example), divided along the second axis, so that each device, and each process, has its own part of
each minibatch and nothing else. One that lies in a file comes in windows of this shape.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph

from deeptutorial.compile.backends.devices import BackendError
from deeptutorial.compile.backends.jax.on_host import OnHost, whole_on_one_device
from deeptutorial.compile.backends.jax.windows import Minibatches, uses_of_rows

__all__ = ["Spread", "SpreadFunction", "UnevenMinibatchError"]


class UnevenMinibatchError(BackendError):
    """A minibatch cannot be divided evenly among the devices."""


class Spread:
    """Devices that share the rows of each minibatch.

    Parameters
    ----------
    devices : sequence of jax.Device
        Of all processes.
    """

    def __init__(self, devices: Sequence[jax.Device]):
        self.n_devices = len(devices)
        mesh = Mesh(np.array(devices), ("rows",))
        self.on_each = NamedSharding(mesh, PartitionSpec())
        self._by_rows = NamedSharding(mesh, PartitionSpec(None, "rows"))

    def check(self, length: int):
        n = self.n_devices
        if length % n:
            lower = length // n * n
            sizes = [lower, lower + n] if lower else [n, 2 * n]
            raise UnevenMinibatchError(
                f"{n} devices cannot share minibatches of {length} evenly: choose a batch size "
                f"that {n} divides, {sizes[0]} or {sizes[1]} say"
            )

    def on_each_device(self, value: Any) -> Any:
        """Place a value whole on each device; what is there already stays."""
        if isinstance(value, OnHost):
            return value.placed("each device", self._array_on_each)
        return jax.tree.map(self._array_on_each, value)

    def divided(self, value: Any, length: int) -> jax.Array:
        """Place rows so that each device has its part of each whole minibatch."""
        kept = value if isinstance(value, OnHost) else OnHost(np.asarray(value))

        def place(rows: np.ndarray) -> jax.Array:
            n = len(rows) // length
            minibatches = rows[: n * length].reshape(n, length, *rows.shape[1:])
            return self._put(minibatches, self._by_rows)

        return kept.placed(length, place)

    def on_one_device(self, value: Any) -> Any:
        """Return a value as this process alone can use it, on its first device."""
        if isinstance(value, OnHost):
            return whole_on_one_device(value)
        return jax.tree.map(self._array_on_one, value)

    def window(self, minibatches: Minibatches, divided: bool) -> jax.Array:
        """Place a window so that each device has its part of each minibatch, or else all of it."""
        sharding = self._by_rows if divided else self.on_each
        return jax.make_array_from_callback(minibatches.shape, sharding, minibatches.read)

    def _array_on_each(self, array: Any) -> Any:
        if isinstance(array, jax.Array) and array.sharding.is_equivalent_to(
            self.on_each, array.ndim
        ):
            return array
        return self._put(np.asarray(array), self.on_each)

    def _array_on_one(self, array: Any) -> Any:
        is_spread = isinstance(array, jax.Array) and len(array.sharding.device_set) > 1
        return array.addressable_data(0) if is_spread else array

    def _put(self, array: np.ndarray, sharding: NamedSharding) -> jax.Array:
        """Place an array; each process reads only the part that its own devices get."""
        return jax.make_array_from_callback(
            array.shape, sharding, lambda part: np.array(array[part])
        )


class SpreadFunction:
    """Where the values of a compiled function lie.

    One that takes minibatches of shared variables runs on all devices, and in all processes; any
    other runs on one device, in each process that calls it.

    Parameters
    ----------
    spread : Spread
    fgraph : FunctionGraph

    Attributes
    ----------
    of_results : NamedSharding or None
        Where its results lie: on each device, or where they happen to.

    Raises
    ------
    UnevenMinibatchError
    """

    def __init__(self, spread: Spread, fgraph: FunctionGraph):
        self._spread = spread
        changed = set((fgraph.update_mapping or {}).values())
        self._lengths = {
            place: length
            for place, variable in enumerate(fgraph.inputs)
            if isinstance(variable, SharedVariable) and place not in changed
            if (length := _length_taken(fgraph, variable)) is not None
        }
        for length in self._lengths.values():
            spread.check(length)
        self.of_results = spread.on_each if self._lengths else None

    def keep(self, array: np.ndarray) -> OnHost:
        return OnHost(array)  # who needs it on which devices will be seen

    def argument(self, place: int, value: Any, whole: bool) -> Any:
        """Place the value of an input where the function, called for whole minibatches, has it."""
        if not self._lengths or not whole:
            return self._spread.on_one_device(value)
        if place in self._lengths:
            return self._spread.divided(value, self._lengths[place])
        return self._spread.on_each_device(value)

    def window(self, place: int, minibatches: Minibatches, whole: bool) -> jax.Array:
        """Place what calls take of an input, where the function has it."""
        if not self._lengths or not whole:
            return jax.device_put(minibatches.read())
        return self._spread.window(minibatches, place in self._lengths)


def _length_taken(fgraph: FunctionGraph, rows: Variable) -> int | None:
    """Return how long the minibatches are that are taken of rows; None if there is another use."""
    lengths = {
        use[0].length if use is not None and use[0].is_numbered() else None
        for use in uses_of_rows(fgraph, rows)
    }
    return lengths.pop() if len(lengths) == 1 else None
