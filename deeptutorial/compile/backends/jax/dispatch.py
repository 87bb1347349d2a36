"""The Ops' implementations for JAX."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.graph.basic import Constant
from pytensor.link.jax.dispatch.basic import jax_funcify
from pytensor.link.jax.dispatch.subtensor import jax_funcify_Subtensor
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.math import Sum
from pytensor.tensor.subtensor import AdvancedSubtensor

from deeptutorial.compile.ops.checked_labels import CheckedLabels
from deeptutorial.compile.ops.draws import CoinFlips, Draw, next_state, random_bits
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice

__all__ = []


@jax_funcify.register(MinibatchSlice)
def _minibatch_slice(op: MinibatchSlice, node, **_):
    n_dimensions = node.inputs[0].ndim

    def rows(x, index):
        # Where devices share minibatches (`spread`), the rows come as an array of minibatches; of a
        # file they come as an array of the one that the index says (`windows`).
        if x.ndim > n_dimensions:
            return x[0] if len(x) == 1 else lax.dynamic_index_in_dim(x, index, keepdims=False)
        # An index that is known beforehand is that of a minibatch at the end of the set, which may
        # have fewer rows; JAX's dynamic slice would quietly take others to make up for them.
        if isinstance(index, int):
            return x[op.rows(index)]
        return lax.dynamic_slice_in_dim(x, op.rows(index).start, op.length)

    return rows


@jax_funcify.register(CheckedLabels)
def _checked_labels(op: CheckedLabels, **_):
    return lambda y: jnp.where((y >= 0) & (y < op.n_classes), y, op.n_classes)


@jax_funcify.register(AdvancedSubtensor)
def _pick(op: AdvancedSubtensor, **kwargs):
    """Let what is picked beyond the ends of an array of floats be NaN, and not its last entries."""
    pick = jax_funcify_Subtensor(op, **kwargs)

    def filling(x, *indices):
        return pick(_Filling(x) if jnp.issubdtype(x.dtype, jnp.floating) else x, *indices)

    return filling


class _Filling:
    """An array that has NaN wherever it ends."""

    def __init__(self, x):
        self._x = x

    def __getitem__(self, indices):
        return self._x.at[indices].get(mode="fill", fill_value=jnp.nan)


@jax_funcify.register(Draw)
def _draw(op: Draw, node, **_):
    constant = node.inputs[1].data if isinstance(node.inputs[1], Constant) else None

    def draw(state, size, *parameters):
        shape = tuple(int(side) for side in (size if constant is None else constant))
        if isinstance(op, CoinFlips):
            return next_state(state), _coins(op.dtype, state, shape, *parameters)
        return next_state(state), op.numbers(state, shape, xp=jnp)

    return draw


def _coins(dtype, state, shape, p):
    bits = random_bits(state, math.prod(shape), jnp).reshape(shape) >> np.uint64(32)
    p = jnp.asarray(p, np.float64)
    coins = (bits >= ((1 - p) * 2.0**32).astype(np.uint64)).astype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        return coins
    # The graph cannot raise an error, but it can make what nobody will take for a draw.
    return jnp.where((p >= 0) & (p <= 1), coins, jnp.nan)


@jax_funcify.register(Sum)
def _sum(op: Sum, node, **kwargs):
    """Return the sum in the type that the graph says; PyTensor's comes in that of the adding."""
    add_up = jax_funcify.dispatch(CAReduce)(op, node=node, **kwargs)
    dtype = node.outputs[0].dtype
    return lambda x: add_up(x).astype(dtype)
