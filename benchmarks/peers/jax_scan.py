"""JAX: all the minibatches as one compiled ``lax.scan``, parameters donated."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers import Train
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Put the data on the device; each `count` is compiled at its first call."""
    batch_size, p = setting.batch_size, setting.corruption_level
    n_train_batches = len(train_x) // batch_size
    minibatches = jnp.asarray(
        train_x[: n_train_batches * batch_size].reshape(n_train_batches, batch_size, -1)
    )
    state = ([jnp.array(value) for value in params], jax.random.key(setting.seed))

    def cost(params, x, key):
        W, b, b_prime = params
        tilde_x = x * jax.random.bernoulli(key, 1 - p, x.shape) if p > 0 else x
        y = jax.nn.sigmoid(tilde_x @ W + b)
        a = y @ W.T + b_prime
        return jnp.mean(jnp.sum(jax.nn.softplus(a) - x * a, axis=1))

    @partial(jax.jit, static_argnames="count", donate_argnames="state")
    def scan(state, minibatches, first, count):
        def step(state, i):
            params, key = state
            key, key_now = jax.random.split(key)
            value, grads = jax.value_and_grad(cost)(params, minibatches[i], key_now)
            params = jax.tree.map(lambda q, g: q - setting.learning_rate * g, params, grads)
            return (params, key), value

        return lax.scan(step, state, first + jnp.arange(count))

    def train(first: int, count: int) -> np.ndarray:
        nonlocal state
        state, costs = scan(state, minibatches, first, count)
        jax.block_until_ready(state)
        return np.asarray(costs)

    return train
