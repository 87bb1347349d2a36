"""What a dA makes of rows, in NumPy and float64, from its parameters."""

import numpy as np

__all__ = ["codes", "reconstructed", "sigmoid"]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def codes(da, X):
    W, b, _ = (param.get_value().astype("float64") for param in da.params)
    return sigmoid(X @ W + b)


def reconstructed(da, X):
    W, _, b_prime = (param.get_value().astype("float64") for param in da.params)
    return sigmoid(codes(da, X) @ W.T + b_prime)
