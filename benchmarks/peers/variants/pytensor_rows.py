"""The rows as a reader of the tutorial writes them, with this project's classes or plain ones."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode

from benchmarks.peers import Train
from benchmarks.peers.variants import (
    ADAM_DECAY,
    ADAM_EPSILON,
    CLIP,
    CONTRACTION,
    L2_REG,
    LOG_EPSILON,
    MOMENTUM,
    N_CLASSES,
    ROWS,
    SPARSITY,
    SPARSITY_WEIGHT,
    initial_values,
    training_arrays,
)
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]

Step = tuple[Any, list[tuple]]
"""Cost and updates."""


def prepare(
    library: ModuleType,
    train_x: np.ndarray,
    params: Parameters,
    setting: Setting,
    mode: Mode | None = None,
) -> Train:
    """Compile a row's training step.

    Parameters
    ----------
    library : module
        It has the classes ``dA``, ``HiddenLayer``, ``LogisticRegression`` and ``RandomStreams``.
    """
    pytensor.config.floatX = "float32"
    arrays = training_arrays(train_x, setting)
    values = initial_values(params, train_x.shape[1], setting)
    make = _classifier if ROWS[setting.row].hidden_layers else _autoencoder
    inputs, cost, updates = make(library, values, setting)

    index = pt.lscalar("index")
    batch = slice(index * setting.batch_size, (index + 1) * setting.batch_size)
    train_set = [pytensor.shared(arrays[0], borrow=True)]
    train_set += [pt.cast(pytensor.shared(y.astype("float32")), "int32") for y in arrays[1:]]
    train_step = pytensor.function(
        [index],
        cost,
        updates=updates,
        givens={x: rows[batch] for x, rows in zip(inputs, train_set, strict=True)},
        mode=mode,
    )

    def train(first: int, count: int) -> np.ndarray:
        return np.array([train_step(i) for i in range(first, first + count)])

    return train


def _autoencoder(library, values, setting):
    x = pt.matrix("x")
    W, b, b_prime = (pytensor.shared(values[name], name) for name in ("W", "b", "b_prime"))
    da = library.dA(
        numpy_rng=np.random.RandomState(setting.seed),
        theano_rng=library.RandomStreams(setting.seed),
        input=x,
        n_visible=W.get_value(borrow=True).shape[0],
        n_hidden=setting.n_hidden,
        W=W,
        bhid=b,
        bvis=b_prime,
        **OPTIONS.get(setting.row, {}),
    )
    step = STEPS.get(setting.row, as_it_is)
    cost, updates = step(da, setting)
    return [x], cost, updates


OPTIONS = {
    "salt-and-pepper": {"corruption": "salt-and-pepper"},
    "gaussian": {"corruption": "gaussian"},
    "squared-error": {"reconstruction_cost": "squared-error"},
}
"""What is changed by an argument of the dA's."""


def as_it_is(da, setting: Setting) -> Step:
    return da.get_cost_updates(setting.corruption_level, setting.learning_rate)


def squared_error_sigmoid(da, setting: Setting) -> Step:
    y = da.get_hidden_values(da.get_corrupted_input(da.x, setting.corruption_level))
    z = da.get_reconstructed_input(y)
    cost = pt.mean(pt.sum((da.x - z) ** 2, axis=1))
    return cost, descend(cost, da.params, setting.learning_rate)


def weight_decay(da, setting: Setting) -> Step:
    cost = reconstruction_cost(da, setting) + L2_REG * pt.sum(da.W**2)
    return cost, descend(cost, da.params, setting.learning_rate)


def momentum(da, setting: Setting) -> Step:
    cost = reconstruction_cost(da, setting)
    updates = []
    for param, gparam in zip(da.params, pt.grad(cost, da.params), strict=True):
        velocity = zeros_like(param)
        new_velocity = MOMENTUM * velocity - setting.learning_rate * gparam
        updates += [(velocity, new_velocity), (param, param + new_velocity)]
    return cost, updates


def untied(da, setting: Setting) -> Step:
    da.W_prime = pytensor.shared(np.ascontiguousarray(da.W.get_value().T), "W_prime")
    da.params.append(da.W_prime)
    return da.get_cost_updates(setting.corruption_level, setting.learning_rate)


def tanh(da, setting: Setting) -> Step:
    tilde_x = da.get_corrupted_input(da.x, setting.corruption_level)
    y = pt.tanh(pt.dot(tilde_x, da.W) + da.b)
    z = da.get_reconstructed_input(y)
    cost = pt.mean(da.get_reconstruction_costs(da.x, z))
    return cost, descend(cost, da.params, setting.learning_rate)


def sparsity(da, setting: Setting) -> Step:
    y = da.get_hidden_values(da.get_corrupted_input(da.x, setting.corruption_level))
    z = da.get_reconstructed_input(y)
    active = pt.mean(y, axis=0)
    divergence = SPARSITY * pt.log(SPARSITY / active)
    divergence += (1 - SPARSITY) * pt.log((1 - SPARSITY) / (1 - active))
    cost = pt.mean(da.get_reconstruction_costs(da.x, z)) + SPARSITY_WEIGHT * pt.sum(divergence)
    return cost, descend(cost, da.params, setting.learning_rate)


def contractive(da, setting: Setting) -> Step:
    y = da.get_hidden_values(da.x)
    z = da.get_reconstructed_input(y)
    # As in the tutorial's cA.py: a Jacobian of an example lies behind another. (There the sum is
    # divided with //, and a floor has no gradient; in its text, with /.)
    J = pt.reshape(y * (1 - y), (setting.batch_size, 1, da.n_hidden)) * pt.reshape(
        da.W, (1, da.n_visible, da.n_hidden)
    )
    L_jacob = pt.sum(J**2) / setting.batch_size
    cost = pt.mean(da.get_reconstruction_costs(da.x, z)) + CONTRACTION * L_jacob
    return cost, descend(cost, da.params, setting.learning_rate)


def adam(da, setting: Setting) -> Step:
    cost = reconstruction_cost(da, setting)
    decay_1, decay_2 = ADAM_DECAY
    t = pytensor.shared(np.float32(0))
    new_t = t + 1
    updates = [(t, new_t)]
    for param, gparam in zip(da.params, pt.grad(cost, da.params), strict=True):
        m, v = zeros_like(param), zeros_like(param)
        new_m = decay_1 * m + (1 - decay_1) * gparam
        new_v = decay_2 * v + (1 - decay_2) * gparam**2
        m_hat, v_hat = new_m / (1 - decay_1**new_t), new_v / (1 - decay_2**new_t)
        step = setting.learning_rate * m_hat / (pt.sqrt(v_hat) + ADAM_EPSILON)
        updates += [(m, new_m), (v, new_v), (param, param - step)]
    return cost, updates


def clip(da, setting: Setting) -> Step:
    cost = reconstruction_cost(da, setting)
    gparams = [pt.clip(gparam, -CLIP, CLIP) for gparam in pt.grad(cost, da.params)]
    updates = [
        (param, param - setting.learning_rate * gparam)
        for param, gparam in zip(da.params, gparams, strict=True)
    ]
    return cost, updates


def epsilon(da, setting: Setting) -> Step:
    y = da.get_hidden_values(da.get_corrupted_input(da.x, setting.corruption_level))
    z, x = da.get_reconstructed_input(y), da.x
    L = -pt.sum(x * pt.log(z + LOG_EPSILON) + (1 - x) * pt.log(1 - z + LOG_EPSILON), axis=1)
    cost = pt.mean(L)
    return cost, descend(cost, da.params, setting.learning_rate)


STEPS: dict[str, Callable[[Any, Setting], Step]] = {
    "squared-error-sigmoid": squared_error_sigmoid,
    "weight-decay": weight_decay,
    "momentum": momentum,
    "untied": untied,
    "tanh": tanh,
    "sparsity": sparsity,
    "contractive": contractive,
    "adam": adam,
    "clip": clip,
    "epsilon": epsilon,
}


def reconstruction_cost(da, setting: Setting):
    y = da.get_hidden_values(da.get_corrupted_input(da.x, setting.corruption_level))
    z = da.get_reconstructed_input(y)
    return pt.mean(da.get_reconstruction_costs(da.x, z))


def descend(cost, params, learning_rate: float) -> list[tuple]:
    gparams = pt.grad(cost, params)
    return [
        (param, param - learning_rate * gparam)
        for param, gparam in zip(params, gparams, strict=True)
    ]


def zeros_like(param):
    return pytensor.shared(np.zeros_like(param.get_value(borrow=True)))


def _classifier(library, values, setting):
    x, y = pt.matrix("x"), pt.ivector("y")
    activation = pt.tanh if setting.row == "mlp" else pt.sigmoid
    shared = {name: pytensor.shared(value, name) for name, value in values.items()}
    n_hidden_layers = len(shared) // 2 - 1
    layers, below = [], x
    for i in range(n_hidden_layers):
        n_in, n_out = values[f"W{i}"].shape
        W, b = shared[f"W{i}"], shared[f"b{i}"]
        rng = np.random.RandomState(setting.seed)
        layers.append(library.HiddenLayer(rng, below, n_in, n_out, W, b, activation))
        below = layers[-1].output
    W, b = shared[f"W{n_hidden_layers}"], shared[f"b{n_hidden_layers}"]
    top = library.LogisticRegression(below, n_out, N_CLASSES, W, b)

    cost = top.negative_log_likelihood(y)
    if setting.row == "mlp":  # as mlp.py has it, with its L1_reg of 0.00
        L1 = abs(layers[0].W).sum() + abs(top.W).sum()
        L2_sqr = (layers[0].W ** 2).sum() + (top.W**2).sum()
        cost = cost + 0.00 * L1 + L2_REG * L2_sqr
    params = [param for layer in (*layers, top) for param in layer.params]
    return [x, y], cost, descend(cost, params, setting.learning_rate)
