"""PyTorch as its own tutorials write it: a module, autograd and an optimiser."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import Train
from benchmarks.setting import Parameters, Setting

__all__ = ["dA", "over_minibatches", "prepare"]


class dA(nn.Module):
    """Denoising autoencoder with tied weights; called with a minibatch, it returns the cost."""

    def __init__(self, params: Parameters, corruption_level: float):
        super().__init__()
        self.W, self.b, self.b_prime = (nn.Parameter(torch.tensor(value)) for value in params)
        self.corruption_level = corruption_level

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tilde_x = x
        if self.corruption_level > 0:  # comparing is three times faster here than bernoulli
            tilde_x = x * (torch.rand_like(x) >= self.corruption_level)
        y = torch.sigmoid(F.linear(tilde_x, self.W.T, self.b))
        a = F.linear(y, self.W, self.b_prime)
        return F.binary_cross_entropy_with_logits(a, x, reduction="sum") / len(x)


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Build the module and its optimiser."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(setting.seed)
    model = dA(params, setting.corruption_level).to(setting.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=setting.learning_rate)

    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        cost = model(x)
        cost.backward()
        optimizer.step()
        return cost.detach()

    return over_minibatches(step, train_x, setting.batch_size, setting.device)


def over_minibatches(
    step: Callable[[torch.Tensor], torch.Tensor],
    train_x: np.ndarray,
    batch_size: int,
    device: str = "cpu",
) -> Train:
    """Go through the minibatches with `step`, which trains on one and returns its cost."""
    data = torch.from_numpy(train_x).to(device)

    def train(first: int, count: int) -> np.ndarray:
        minibatches = data[first * batch_size : (first + count) * batch_size].split(batch_size)
        return torch.stack([step(x) for x in minibatches]).cpu().numpy()

    return train
