"""`theano.tensor`: PyTensor's `tensor`, and what moved or changed."""

import pytensor
import pytensor.tensor as pt
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.type import TensorType as _TensorType
from pytensor.tensor.variable import TensorVariable

from deeptutorial.theano._names import lookup
from deeptutorial.theano._scan import foldl, foldr, map, reduce, scan
from deeptutorial.theano._shared import shared as _shared
from deeptutorial.theano.gradient import (
    Lop,
    Rop,
    consider_constant,
    disconnected_grad,
    grad,
    hessian,
    jacobian,
    verify_grad,
    zero_grad,
)
from deeptutorial.theano.tensor import nnet, shared_randomstreams, signal

__all__ = [
    "DimShuffle",
    "Dot",
    "Elemwise",
    "Lop",
    "Rop",
    "TensorType",
    "_shared",
    "abs_",
    "addbroadcast",
    "batched_dot",
    "batched_tensordot",
    "consider_constant",
    "disconnected_grad",
    "flatten",
    "foldl",
    "foldr",
    "grad",
    "hessian",
    "inv",
    "jacobian",
    "map",
    "nnet",
    "norm",
    "patternbroadcast",
    "reduce",
    "scan",
    "shared_randomstreams",
    "signal",
    "stack",
    "tensor",
    "to_one_hot",
    "unbroadcast",
    "verify_grad",
    "zero_grad",
]

abs_ = pt.abs
inv = pt.reciprocal
sgn = pt.sign
var = pt.math.var  # not the module of that name


def TensorType(dtype, broadcastable, name=None) -> _TensorType:
    """`pytensor.tensor.TensorType`, where a broadcastable axis is one of length 1."""
    return _TensorType(dtype, shape=[1 if each else None for each in broadcastable], name=name)


def tensor(dtype, broadcastable, name=None) -> TensorVariable:
    """Make a variable: `pytensor.tensor.tensor`, whose first argument is the name."""
    return TensorType(dtype, broadcastable)(name)


def stack(*tensors, axis=0) -> TensorVariable:
    """`pytensor.tensor.stack`, which takes the variables themselves too, not in a list."""
    if isinstance(tensors[0], list | tuple):
        return pt.stack(tensors[0], axis=tensors[1] if len(tensors) > 1 else axis)
    return pt.stack(tensors, axis=axis)


def flatten(x, ndim=None, outdim=None) -> TensorVariable:
    """`pytensor.tensor.flatten`, where `outdim` was the name of `ndim`."""
    return pt.flatten(x, ndim=ndim or outdim or 1)


def norm(x, ord, axis=None) -> TensorVariable:
    """Return a norm of all entries, or along an axis: the method of a variable now."""
    return pt.as_tensor_variable(x).norm(ord, axis=axis)


def to_one_hot(y, nb_class, dtype=None) -> TensorVariable:
    """Make a row of each entry, 1 at its place and 0 elsewhere."""
    y = pt.as_tensor_variable(y)
    return pt.cast(
        pt.eq(pt.shape_padright(y), pt.arange(nb_class)), dtype or pytensor.config.floatX
    )


def batched_dot(a, b) -> TensorVariable:
    """Multiply the matrices, or the vectors, of two stacks, one by one."""
    a, b = pt.as_tensor_variable(a), pt.as_tensor_variable(b)
    left = pt.shape_padaxis(a, 1) if a.ndim == 2 else a
    right = pt.shape_padright(b) if b.ndim == 2 else b
    product = pt.matmul(left, right)
    if b.ndim == 2:
        product = product[..., 0]
    return product[:, 0] if a.ndim == 2 else product


def batched_tensordot(x, y, axes=2) -> TensorVariable:
    """`pytensor.tensor.tensordot` of each pair of two stacks; `axes` is a number only.

    The last axes of the one and the first of the other, after that of the stack, are summed over.
    """
    if not isinstance(axes, int):
        raise TypeError(f"axes must be a number here, got {axes!r}; dimshuffle the others first")
    x, y = pt.as_tensor_variable(x), pt.as_tensor_variable(y)
    left, summed = x.shape[1 : x.ndim - axes], x.shape[x.ndim - axes :]
    right = y.shape[1 + axes :]
    product = pt.matmul(
        x.reshape((x.shape[0], pt.prod(left, dtype="int64"), pt.prod(summed, dtype="int64"))),
        y.reshape((y.shape[0], pt.prod(summed, dtype="int64"), pt.prod(right, dtype="int64"))),
    )
    shape = [x.shape[0], *(left[i] for i in range(x.ndim - axes - 1))]
    return product.reshape([*shape, *(right[i] for i in range(y.ndim - axes - 1))])


def addbroadcast(x, *axes) -> TensorVariable:
    """Say that axes have length 1: `specify_broadcastable`."""
    return pt.specify_broadcastable(x, *axes)


def unbroadcast(x, *axes) -> TensorVariable:
    """Return `x`: an axis that is known to have length 1 fits one that is not."""
    return pt.as_tensor_variable(x)


def patternbroadcast(x, broadcastable) -> TensorVariable:
    """Say which axes have length 1; the others stay as they are."""
    x = pt.as_tensor_variable(x)
    ones = [i for i, each in enumerate(broadcastable) if each and not x.type.broadcastable[i]]
    return pt.specify_broadcastable(x, *ones) if ones else x


def __getattr__(name):
    return lookup(name, "theano.tensor", "pytensor.tensor")
