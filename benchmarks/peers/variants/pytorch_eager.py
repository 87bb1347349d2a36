"""PyTorch as its own tutorials write it: autograd and one of its optimisers."""

import numpy as np
import torch

from benchmarks.peers import Train
from benchmarks.peers.variants import ADAM_DECAY, ADAM_EPSILON, CLIP, MOMENTUM
from benchmarks.peers.variants.pytorch_rows import cost_of_minibatch, over_minibatches, tensors
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Make the parameters and their optimiser."""
    values = tensors(params, train_x.shape[1], setting)
    for value in values.values():
        value.requires_grad_()
    cost_of = cost_of_minibatch(setting)
    if setting.row == "adam":
        optimizer = torch.optim.Adam(
            values.values(), lr=setting.learning_rate, betas=ADAM_DECAY, eps=ADAM_EPSILON
        )
    else:
        momentum = MOMENTUM if setting.row == "momentum" else 0
        optimizer = torch.optim.SGD(values.values(), lr=setting.learning_rate, momentum=momentum)

    def step(*minibatch: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        cost = cost_of(values, *minibatch)
        cost.backward()
        if setting.row == "clip":
            torch.nn.utils.clip_grad_value_(values.values(), CLIP)
        optimizer.step()
        return cost.detach()

    return over_minibatches(step, train_x, setting)
