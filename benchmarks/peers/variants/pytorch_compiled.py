"""PyTorch with ``torch.compile``: cost, gradient and update in one compiled step."""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers import Train
from benchmarks.peers.variants import ADAM_DECAY, ADAM_EPSILON, CLIP, MOMENTUM
from benchmarks.peers.variants.pytorch_rows import (
    Params,
    cost_of_minibatch,
    over_minibatches,
    tensors,
)
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Make the step; it is compiled at its first call."""
    values = tensors(params, train_x.shape[1], setting)
    cost_of = cost_of_minibatch(setting)
    update = OPTIMISERS.get(setting.row, sgd)(values, setting.learning_rate)

    @torch.compile(fullgraph=True, dynamic=False)
    def step(*minibatch: torch.Tensor) -> torch.Tensor:
        gradients, cost = torch.func.grad_and_value(cost_of)(values, *minibatch)
        update(gradients)
        return cost

    return over_minibatches(step, train_x, setting)


Update = Callable[[Params], None]


def sgd(values: Params, rate: float) -> Update:
    def update(gradients: Params) -> None:
        for name, gradient in gradients.items():
            values[name].sub_(gradient, alpha=rate)

    return update


def momentum(values: Params, rate: float) -> Update:
    velocities = {name: torch.zeros_like(value) for name, value in values.items()}

    def update(gradients: Params) -> None:
        for name, gradient in gradients.items():
            velocities[name].mul_(MOMENTUM).sub_(gradient, alpha=rate)
            values[name].add_(velocities[name])

    return update


def adam(values: Params, rate: float) -> Update:
    decay_1, decay_2 = ADAM_DECAY
    t = torch.zeros(())  # a tensor: compiled code would be made anew for each number
    means, squares = ({n: torch.zeros_like(v) for n, v in values.items()} for _ in range(2))

    def update(gradients: Params) -> None:
        t.add_(1)
        for name, gradient in gradients.items():
            means[name].mul_(decay_1).add_(gradient, alpha=1 - decay_1)
            squares[name].mul_(decay_2).add_(gradient**2, alpha=1 - decay_2)
            m_hat, v_hat = means[name] / (1 - decay_1**t), squares[name] / (1 - decay_2**t)
            values[name].sub_(m_hat / (torch.sqrt(v_hat) + ADAM_EPSILON), alpha=rate)

    return update


def clip(values: Params, rate: float) -> Update:
    descend = sgd(values, rate)

    def update(gradients: Params) -> None:
        descend({name: gradient.clamp(-CLIP, CLIP) for name, gradient in gradients.items()})

    return update


OPTIMISERS: dict[str, Callable[[Params, float], Update]] = {
    "momentum": momentum,
    "adam": adam,
    "clip": clip,
}
