"""The Ops' implementations for JAX."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.graph.basic import Constant
from pytensor.link.jax.dispatch.basic import jax_funcify
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.math import Sum

from deeptutorial.compile.ops.draws import CoinFlips, next_state, splitmix
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice

__all__ = []


@jax_funcify.register(MinibatchSlice)
def _minibatch_slice(op: MinibatchSlice, **_):
    def rows(x, index):
        # An index that is known beforehand is that of a minibatch at the end of the set, which may
        # have fewer rows; JAX's dynamic slice would quietly take others to make up for them.
        if isinstance(index, int):
            return x[op.rows(index)]
        return lax.dynamic_slice_in_dim(x, op.rows(index).start, op.length)

    return rows


@jax_funcify.register(CoinFlips)
def _coin_flips(op: CoinFlips, node, **_):
    constant = node.inputs[1].data if isinstance(node.inputs[1], Constant) else None

    def draw(state, size, p):
        shape = tuple(int(side) for side in (size if constant is None else constant))
        entries = jnp.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        bits = splitmix(splitmix(state[:1], state[1:]), entries) >> np.uint64(32)
        masked = (1 - jnp.asarray(p, np.float64)) * 2.0**32
        kept = bits >= masked.astype(np.uint64)
        return next_state(state), kept.reshape(shape).astype(op.dtype)

    return draw


@jax_funcify.register(Sum)
def _sum(op: Sum, node, **kwargs):
    """Return the sum in the type that the graph says; PyTensor's comes in that of the adding."""
    add_up = jax_funcify.dispatch(CAReduce)(op, node=node, **kwargs)
    dtype = node.outputs[0].dtype

    def total(x):
        return add_up(x).astype(dtype)

    return total
