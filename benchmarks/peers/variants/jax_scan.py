"""JAX: all the minibatches as one compiled ``lax.scan``, parameters donated."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import sigmoid, softplus

from benchmarks.peers import Train
from benchmarks.peers.variants import (
    ADAM_DECAY,
    ADAM_EPSILON,
    CLIP,
    CONTRACTION,
    L2_REG,
    LOG_EPSILON,
    MOMENTUM,
    SPARSITY,
    SPARSITY_WEIGHT,
    initial_values,
    training_arrays,
)
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Put the data on the device; each `count` is compiled at its first call."""
    batch_size = setting.batch_size
    n_train_batches = len(train_x) // batch_size
    data = [
        jnp.asarray(array[: n_train_batches * batch_size].reshape(-1, batch_size, *array.shape[1:]))
        for array in training_arrays(train_x, setting)
    ]
    values = initial_values(params, train_x.shape[1], setting)
    values = {name: jnp.array(value) for name, value in values.items()}
    start, update = OPTIMISERS.get(setting.row, (no_state, sgd))
    corrupt = NOISES.get(setting.row, masking)
    cost = COSTS.get(setting.row, cross_entropy)
    state = (values, start(values), jax.random.key(setting.seed))

    def cost_of_minibatch(params, key, x, *labels):
        tilde_x = corrupt(x, key, setting.corruption_level) if setting.corruption_level > 0 else x
        return cost(params, x, *(labels or [tilde_x]))

    @partial(jax.jit, static_argnames="count", donate_argnames="state")
    def scan(state, data, first, count):
        def step(state, i):
            params, optimiser, key = state
            key, key_now = jax.random.split(key)
            value, grads = jax.value_and_grad(cost_of_minibatch)(
                params, key_now, *(array[i] for array in data)
            )
            params, optimiser = update(params, grads, optimiser, setting.learning_rate)
            return (params, optimiser, key), value

        return lax.scan(step, state, first + jnp.arange(count))

    def train(first: int, count: int) -> np.ndarray:
        nonlocal state
        state, costs = scan(state, data, first, count)
        jax.block_until_ready(state)
        return np.asarray(costs)

    return train


def masking(x, key, level):
    return x * jax.random.bernoulli(key, 1 - level, x.shape)


def salt_and_pepper(x, key, level):
    u = jax.random.uniform(key, x.shape, x.dtype)
    return jnp.where(u < level / 2, 0.0, jnp.where(u < level, 1.0, x))


def gaussian(x, key, level):
    return x + level * jax.random.normal(key, x.shape, x.dtype)


NOISES = {"salt-and-pepper": salt_and_pepper, "gaussian": gaussian}


def encode(params, x):
    return sigmoid(x @ params["W"] + params["b"])


def decode(params, y):
    return y @ params["W"].T + params["b_prime"]


def cross_entropy_of(a, x):
    """Return the reconstruction cost of ``sigmoid(a)``."""
    return jnp.mean(jnp.sum(softplus(a) - x * a, axis=1))


def cross_entropy(params, x, tilde_x):
    return cross_entropy_of(decode(params, encode(params, tilde_x)), x)


def squared_error(params, x, tilde_x):
    a = decode(params, encode(params, tilde_x))
    return jnp.mean(jnp.sum((x - a) ** 2, axis=1))


def squared_error_sigmoid(params, x, tilde_x):
    z = sigmoid(decode(params, encode(params, tilde_x)))
    return jnp.mean(jnp.sum((x - z) ** 2, axis=1))


def weight_decay(params, x, tilde_x):
    return cross_entropy(params, x, tilde_x) + L2_REG * jnp.sum(params["W"] ** 2)


def untied(params, x, tilde_x):
    a = encode(params, tilde_x) @ params["W_prime"] + params["b_prime"]
    return cross_entropy_of(a, x)


def tanh(params, x, tilde_x):
    y = jnp.tanh(tilde_x @ params["W"] + params["b"])
    return cross_entropy_of(decode(params, y), x)


def sparsity(params, x, tilde_x):
    y = encode(params, tilde_x)
    active = jnp.mean(y, axis=0)
    divergence = SPARSITY * jnp.log(SPARSITY / active)
    divergence += (1 - SPARSITY) * jnp.log((1 - SPARSITY) / (1 - active))
    return cross_entropy_of(decode(params, y), x) + SPARSITY_WEIGHT * jnp.sum(divergence)


def contractive(params, x, tilde_x):
    y = encode(params, x)
    J = (y * (1 - y))[:, None, :] * params["W"][None, :, :]
    return cross_entropy_of(decode(params, y), x) + CONTRACTION * jnp.sum(J**2) / len(x)


def epsilon(params, x, tilde_x):
    z = sigmoid(decode(params, encode(params, tilde_x)))
    L = -jnp.sum(x * jnp.log(z + LOG_EPSILON) + (1 - x) * jnp.log(1 - z + LOG_EPSILON), axis=1)
    return jnp.mean(L)


def negative_log_likelihood(params, x, labels, activation):
    n_hidden_layers = len(params) // 2 - 1
    for i in range(n_hidden_layers):
        x = activation(x @ params[f"W{i}"] + params[f"b{i}"])
    log_p = jax.nn.log_softmax(x @ params[f"W{n_hidden_layers}"] + params[f"b{n_hidden_layers}"])
    return -jnp.mean(log_p[jnp.arange(len(labels)), labels])


def mlp(params, x, labels):
    L2_sqr = jnp.sum(params["W0"] ** 2) + jnp.sum(params["W1"] ** 2)
    return negative_log_likelihood(params, x, labels, jnp.tanh) + L2_REG * L2_sqr


COSTS: dict[str, Callable] = {
    "squared-error": squared_error,
    "squared-error-sigmoid": squared_error_sigmoid,
    "weight-decay": weight_decay,
    "untied": untied,
    "tanh": tanh,
    "sparsity": sparsity,
    "contractive": contractive,
    "mlp": mlp,
    "fine-tuning": partial(negative_log_likelihood, activation=sigmoid),
    "epsilon": epsilon,
}


def no_state(params):
    return None


def zeros_like(params):
    return jax.tree.map(jnp.zeros_like, params)


def sgd(params, grads, state, rate):
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), state


def momentum(params, grads, velocity, rate):
    velocity = jax.tree.map(lambda v, g: MOMENTUM * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity


def adam(params, grads, state, rate):
    decay_1, decay_2 = ADAM_DECAY
    t, m, v = state
    t = t + 1
    m = jax.tree.map(lambda m, g: decay_1 * m + (1 - decay_1) * g, m, grads)
    v = jax.tree.map(lambda v, g: decay_2 * v + (1 - decay_2) * g**2, v, grads)

    def step(p, m, v):
        m_hat, v_hat = m / (1 - decay_1**t), v / (1 - decay_2**t)
        return p - rate * m_hat / (jnp.sqrt(v_hat) + ADAM_EPSILON)

    return jax.tree.map(step, params, m, v), (t, m, v)


def clip(params, grads, state, rate):
    grads = jax.tree.map(lambda g: jnp.clip(g, -CLIP, CLIP), grads)
    return sgd(params, grads, state, rate)


OPTIMISERS: dict[str, tuple[Callable, Callable]] = {
    "momentum": (zeros_like, momentum),
    "adam": (lambda params: (jnp.float32(0), zeros_like(params), zeros_like(params)), adam),
    "clip": (no_state, clip),
}
"""What an optimiser starts from, and how it takes a step."""
