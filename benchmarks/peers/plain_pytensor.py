"""The tutorial's formulas on PyTensor as it comes, without this project."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.random import shared_rng

from benchmarks.peers import Train
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Compile the training step as a reader of the tutorial would port it."""
    pytensor.config.floatX = "float32"
    train_set_x = pytensor.shared(train_x, borrow=True)
    W, b, b_prime = shared = [pytensor.shared(value) for value in params]
    index = pt.lscalar("index")
    x = pt.matrix("x")
    updates = {}

    tilde_x = x
    if setting.corruption_level > 0:
        rng = shared_rng(np.random.default_rng(setting.seed))
        updates[rng], mask = rng.binomial(1, 1 - setting.corruption_level, size=x.shape)
        tilde_x = pt.cast(mask, pytensor.config.floatX) * x
    y = pt.sigmoid(pt.dot(tilde_x, W) + b)
    z = pt.sigmoid(pt.dot(y, W.T) + b_prime)
    L = -pt.sum(x * pt.log(z) + (1 - x) * pt.log(1 - z), axis=1)
    cost = pt.mean(L)
    for param, gparam in zip(shared, pt.grad(cost, shared), strict=True):
        updates[param] = param - setting.learning_rate * gparam

    rows = slice(index * setting.batch_size, (index + 1) * setting.batch_size)
    step = pytensor.function([index], cost, updates=updates, givens={x: train_set_x[rows]})

    def train(first: int, count: int) -> np.ndarray:
        return np.array([step(i) for i in range(first, first + count)])

    return train
