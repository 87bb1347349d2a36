"""PyTorch by hand: gradients written out, every array allocated once, updates in place."""

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.peers import Train
from benchmarks.peers.pytorch_eager import over_minibatches
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Allocate parameters and buffers."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(setting.seed)
    p, batch_size = setting.corruption_level, setting.batch_size
    rate = setting.learning_rate / batch_size
    W, b, b_prime = (torch.tensor(value) for value in params)
    n_visible, n_hidden = W.shape
    noise, a = torch.empty(2, batch_size, n_visible)
    slope = torch.empty(batch_size, n_hidden)
    ones = torch.ones(batch_size)
    # The gradient of W has a part for the encoder, tilde_x.T @ delta_hidden, and one for the
    # decoder, delta.T @ y. Lying one below the other, they are a single product.
    left = torch.empty(2 * batch_size, n_visible)
    tilde_x, delta = left.split(batch_size)
    right = torch.empty(2 * batch_size, n_hidden)
    delta_hidden, y = right.split(batch_size)

    @torch.inference_mode()
    def step(x: torch.Tensor) -> torch.Tensor:
        if p > 0:
            torch.ge(noise.uniform_(), p, out=tilde_x)
            tilde_x.mul_(x)
        else:
            tilde_x.copy_(x)
        torch.addmm(b, tilde_x, W, out=y).sigmoid_()
        torch.addmm(b_prime, y, W.T, out=a)
        cost = F.binary_cross_entropy_with_logits(a, x, reduction="sum")

        torch.sigmoid(a, out=delta).sub_(x)
        torch.mm(delta, W, out=delta_hidden)
        torch.addcmul(y, y, y, value=-1, out=slope)
        delta_hidden.mul_(slope)

        W.addmm_(left.T, right, alpha=-rate)
        b.addmv_(delta_hidden.T, ones, alpha=-rate)
        b_prime.addmv_(delta.T, ones, alpha=-rate)
        return cost / batch_size

    return over_minibatches(step, train_x, batch_size)
