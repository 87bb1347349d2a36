"""The rows' costs as functions of parameters and minibatch, for PyTorch, eager and compiled."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.peers import Train
from benchmarks.peers.variants import (
    CONTRACTION,
    L2_REG,
    LOG_EPSILON,
    SPARSITY,
    SPARSITY_WEIGHT,
    initial_values,
    training_arrays,
)
from benchmarks.setting import Parameters, Setting

__all__ = ["Params", "cost_of_minibatch", "over_minibatches", "tensors"]

Params = dict[str, torch.Tensor]


def cost_of_minibatch(setting: Setting) -> Callable[..., torch.Tensor]:
    """Return the function of parameters, minibatch, and where there are any labels, to train."""
    cost = COSTS.get(setting.row, cross_entropy)
    corrupt = NOISES.get(setting.row, masking)
    level = setting.corruption_level

    def of_minibatch(params: Params, x: torch.Tensor, *labels: torch.Tensor) -> torch.Tensor:
        return cost(params, x, *(labels or [corrupt(x, level) if level > 0 else x]))

    return of_minibatch


def tensors(params: Parameters, n_visible: int, setting: Setting) -> Params:
    """Return the row's parameters, and set the threads and the seed of the noise."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(setting.seed)
    values = initial_values(params, n_visible, setting)
    return {name: torch.tensor(value) for name, value in values.items()}


def over_minibatches(
    step: Callable[..., torch.Tensor], train_x: np.ndarray, setting: Setting
) -> Train:
    """Go through the minibatches with `step`, which trains on one and returns its cost."""
    x, *labels = (torch.from_numpy(array) for array in training_arrays(train_x, setting))
    data = [x, *(y.long() for y in labels)]

    def train(first: int, count: int) -> np.ndarray:
        rows = slice(first * setting.batch_size, (first + count) * setting.batch_size)
        minibatches = zip(*(array[rows].split(setting.batch_size) for array in data), strict=True)
        return torch.stack([step(*minibatch) for minibatch in minibatches]).numpy()

    return train


def masking(x, level):
    return x * (torch.rand_like(x) >= level)


def salt_and_pepper(x, level):
    u = torch.rand_like(x)
    return torch.where(u < level / 2, 0.0, torch.where(u < level, 1.0, x))


def gaussian(x, level):
    return x + level * torch.randn_like(x)


NOISES = {"salt-and-pepper": salt_and_pepper, "gaussian": gaussian}


def encode(params: Params, x):
    return torch.sigmoid(F.linear(x, params["W"].T, params["b"]))


def decode(params: Params, y):
    return F.linear(y, params["W"], params["b_prime"])


def cross_entropy_of(a, x):
    """Return the reconstruction cost of ``sigmoid(a)``."""
    return F.binary_cross_entropy_with_logits(a, x, reduction="sum") / len(x)


def cross_entropy(params: Params, x, tilde_x):
    return cross_entropy_of(decode(params, encode(params, tilde_x)), x)


def squared_error(params: Params, x, tilde_x):
    a = decode(params, encode(params, tilde_x))
    return F.mse_loss(a, x, reduction="sum") / len(x)


def squared_error_sigmoid(params: Params, x, tilde_x):
    z = torch.sigmoid(decode(params, encode(params, tilde_x)))
    return F.mse_loss(z, x, reduction="sum") / len(x)


def weight_decay(params: Params, x, tilde_x):
    return cross_entropy(params, x, tilde_x) + L2_REG * (params["W"] ** 2).sum()


def untied(params: Params, x, tilde_x):
    a = F.linear(encode(params, tilde_x), params["W_prime"].T, params["b_prime"])
    return cross_entropy_of(a, x)


def tanh(params: Params, x, tilde_x):
    y = torch.tanh(F.linear(tilde_x, params["W"].T, params["b"]))
    return cross_entropy_of(decode(params, y), x)


def sparsity(params: Params, x, tilde_x):
    y = encode(params, tilde_x)
    active = y.mean(0)
    divergence = SPARSITY * torch.log(SPARSITY / active)
    divergence = divergence + (1 - SPARSITY) * torch.log((1 - SPARSITY) / (1 - active))
    return cross_entropy_of(decode(params, y), x) + SPARSITY_WEIGHT * divergence.sum()


def contractive(params: Params, x, tilde_x):
    y = encode(params, x)
    J = (y * (1 - y))[:, None, :] * params["W"][None, :, :]
    return cross_entropy_of(decode(params, y), x) + CONTRACTION * (J**2).sum() / len(x)


def epsilon(params: Params, x, tilde_x):
    z = torch.sigmoid(decode(params, encode(params, tilde_x)))
    L = -(x * torch.log(z + LOG_EPSILON) + (1 - x) * torch.log(1 - z + LOG_EPSILON)).sum(1)
    return L.mean()


def negative_log_likelihood(params: Params, x, labels, activation):
    n_hidden_layers = len(params) // 2 - 1
    for i in range(n_hidden_layers):
        x = activation(F.linear(x, params[f"W{i}"].T, params[f"b{i}"]))
    scores = F.linear(x, params[f"W{n_hidden_layers}"].T, params[f"b{n_hidden_layers}"])
    return F.cross_entropy(scores, labels)


def mlp(params: Params, x, labels):
    L2_sqr = (params["W0"] ** 2).sum() + (params["W1"] ** 2).sum()
    return negative_log_likelihood(params, x, labels, torch.tanh) + L2_REG * L2_sqr


COSTS: dict[str, Callable[..., torch.Tensor]] = {
    "squared-error": squared_error,
    "squared-error-sigmoid": squared_error_sigmoid,
    "weight-decay": weight_decay,
    "untied": untied,
    "tanh": tanh,
    "sparsity": sparsity,
    "contractive": contractive,
    "mlp": mlp,
    "fine-tuning": partial(negative_log_likelihood, activation=torch.sigmoid),
    "epsilon": epsilon,
}
