"""NumPy with the gradients written out."""

import numpy as np

from benchmarks.peers import Train
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Copy the parameters."""
    batch_size, p = setting.batch_size, setting.corruption_level
    rate = np.float32(setting.learning_rate / batch_size)
    W, b, b_prime = (value.copy() for value in params)
    rng = np.random.default_rng(setting.seed)

    def step(x: np.ndarray) -> float:
        nonlocal W, b, b_prime
        tilde_x = x * (rng.random(x.shape, dtype=np.float32) >= p) if p > 0 else x
        y = sigmoid(tilde_x @ W + b)
        a = y @ W.T + b_prime
        cost = np.sum(softplus(a) - x * a) / len(x)

        delta = sigmoid(a) - x
        delta_hidden = (delta @ W) * y * (1 - y)
        # np.dot, since @ leaves the BLAS out where a minibatch is a single example.
        W -= rate * (np.dot(tilde_x.T, delta_hidden) + np.dot(delta.T, y))
        b -= rate * delta_hidden.sum(axis=0)
        b_prime -= rate * delta.sum(axis=0)
        return cost

    def train(first: int, count: int) -> np.ndarray:
        starts = range(first * batch_size, (first + count) * batch_size, batch_size)
        return np.array([step(train_x[start : start + batch_size]) for start in starts])

    return train


def sigmoid(t: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-t))


def softplus(t: np.ndarray) -> np.ndarray:
    return np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))
