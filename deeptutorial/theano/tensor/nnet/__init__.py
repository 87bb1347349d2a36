"""`theano.tensor.nnet`: functions of neural networks, which PyTensor keeps in several places."""

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.theano._names import lookup
from deeptutorial.theano.tensor.nnet._convolution import conv2d

__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "confusion_matrix",
    "conv2d",
    "crossentropy_categorical_1hot",
    "crossentropy_softmax_argmax_1hot_with_bias",
    "elu",
    "hard_sigmoid",
    "logsoftmax",
    "relu",
    "selu",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "softmax",
    "softplus",
    "softsign",
    "ultra_fast_sigmoid",
]

sigmoid = pt.sigmoid
softplus = pt.softplus
ultra_fast_sigmoid = pt.sigmoid
"""Theano's approximation saved time that the exact one does not cost here."""


def softmax(c) -> TensorVariable:
    """`pytensor.tensor.special.softmax` of each row; a vector becomes a matrix of one row."""
    return pt.special.softmax(_rows(c), axis=-1)


def logsoftmax(c) -> TensorVariable:
    """`pytensor.tensor.special.log_softmax` of each row; a vector becomes a matrix of one row."""
    return pt.special.log_softmax(_rows(c), axis=-1)


def relu(x, alpha=0) -> TensorVariable:
    """Return `x` where it is positive, and `alpha` times it elsewhere."""
    x = pt.as_tensor_variable(x)
    if isinstance(alpha, int | float) and alpha == 0:
        return 0.5 * (x + pt.abs(x))  # with derivative 1/2 at 0, as Theano's has
    return pt.switch(x > 0, x, alpha * x)


def elu(x, alpha=1) -> TensorVariable:
    """Return `x` where it is positive, and ``alpha * (exp(x) - 1)`` elsewhere."""
    x = pt.as_tensor_variable(x)
    return pt.switch(x > 0, x, alpha * pt.expm1(pt.minimum(x, 0)))


def selu(x) -> TensorVariable:
    """Return `elu`, scaled so that mean 0 and variance 1 stay so from layer to layer."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def hard_sigmoid(x) -> TensorVariable:
    """Return ``0.2 * x + 0.5`` between 0 and 1."""
    return pt.clip(pt.as_tensor_variable(x) * 0.2 + 0.5, 0, 1)


def softsign(x) -> TensorVariable:
    """Return ``x / (1 + abs(x))``."""
    return x / (1.0 + pt.abs(x))


def binary_crossentropy(output, target) -> TensorVariable:
    """Return the cross-entropy of probabilities with targets, entry by entry."""
    return -(target * pt.log(output) + (1.0 - target) * pt.log(1.0 - output))


def sigmoid_binary_crossentropy(output, target) -> TensorVariable:
    """Return `binary_crossentropy` of the sigmoid of `output`."""
    return pt.softplus(-pt.abs(output)) + output * ((output > 0) - target)


def categorical_crossentropy(coding_dist, true_dist) -> TensorVariable:
    """Return the cross-entropy of each row of probabilities with the true ones, or with a class."""
    coding_dist, true_dist = pt.as_tensor_variable(coding_dist), pt.as_tensor_variable(true_dist)
    if true_dist.ndim == coding_dist.ndim:
        return -pt.sum(true_dist * pt.log(coding_dist), axis=coding_dist.ndim - 1)
    if true_dist.ndim == coding_dist.ndim - 1:
        return crossentropy_categorical_1hot(coding_dist, true_dist)
    raise TypeError(
        f"true_dist must be a class or probabilities for each row of coding_dist, got "
        f"{true_dist.ndim} dimensions for {coding_dist.ndim}"
    )


def crossentropy_categorical_1hot(coding_dist, true_one_of_n) -> TensorVariable:
    """Return minus the logarithm of the probability of a class, for each row."""
    return -pt.log(coding_dist)[pt.arange(true_one_of_n.shape[0]), true_one_of_n]


def crossentropy_softmax_argmax_1hot_with_bias(x, b, y_idx) -> list[TensorVariable]:
    """Return the cost, the softmax and the most probable class of each row of ``x + b``."""
    p = softmax(x + b)
    return [crossentropy_categorical_1hot(p, y_idx), p, pt.argmax(p, axis=-1)]


def batch_normalization(inputs, gamma, beta, mean, std, mode="low_mem") -> TensorVariable:
    """Return the inputs with this mean and deviation taken off, scaled and shifted."""
    return (inputs - mean) * (gamma / std) + beta


def confusion_matrix(actual, pred) -> list[TensorVariable]:
    """Count how often each class was taken for each, in the order of the classes that occur."""
    order = pt.extra_ops.Unique()(pt.concatenate([actual, pred]))
    rows = pt.eq(pt.shape_padright(actual), order)
    columns = pt.eq(pt.shape_padright(pred), order)
    return [pt.dot(pt.cast(rows, "int64").T, pt.cast(columns, "int64")), order]


def _rows(c) -> TensorVariable:
    c = pt.as_tensor_variable(c)
    return pt.shape_padleft(c) if c.ndim == 1 else c


def __getattr__(name):
    return lookup(name, "theano.tensor.nnet", "pytensor.tensor.special")
