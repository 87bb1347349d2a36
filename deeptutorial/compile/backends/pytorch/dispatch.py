"""The Ops' implementations for PyTorch, and of those of PyTensor's that a dA or an SdA needs."""

import math
from collections.abc import Callable
from functools import reduce

import numpy as np
import torch
from pytensor.link.pytorch.dispatch.basic import pytorch_funcify
from pytensor.scalar.basic import EQ, Add, Mod, Mul, Pow, RoundHalfToEven, Switch
from pytensor.scalar.math import Softplus
from pytensor.tensor.basic import ScalarFromTensor
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Argmax
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.type import float_dtypes

from deeptutorial.compile.ops.box_muller import RADIUS_UNIT, radius_and_angle
from deeptutorial.compile.ops.checked_labels import CheckedLabels, NoSuchClassError, no_such_class
from deeptutorial.compile.ops.draws import (
    CoinFlips,
    Draw,
    NormalNumbers,
    NoSuchCoinError,
    UniformNumbers,
    no_such_coin,
)
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice

__all__ = []


@pytorch_funcify.register(MinibatchSlice)
def _minibatch_slice(op: MinibatchSlice, **_):
    def rows(x, index):
        op.check(int(index), len(x))
        return x[op.rows(int(index))]

    return rows


@pytorch_funcify.register(CheckedLabels)
def _checked_labels(op: CheckedLabels, **_):
    def checked(y):
        wrong = y[(y < 0) | (y >= op.n_classes)]
        if len(wrong):
            raise NoSuchClassError(no_such_class(int(wrong[0]), op.n_classes))
        return y

    return checked


@pytorch_funcify.register(Draw)
def _draw(op: Draw, **_):
    make, dtype = _NUMBERS[type(op)], getattr(torch, op.dtype)

    def draw(state, size, *parameters):
        shape = tuple(map(int, size))
        entries = torch.arange(1, math.prod(shape) + 1, device=state.device)
        seed = _splitmix(state[:1], state[1:])
        next_state = state + torch.tensor([0, 1], device=state.device)
        return next_state, make(seed, entries, dtype, *parameters).reshape(shape)

    return draw


def _coins(seed, entries, dtype, p):
    p = float(p)
    if not 0 <= p <= 1:
        raise NoSuchCoinError(no_such_coin(p))
    bits = _shifted(_splitmix(seed, entries), 32)
    return (bits >= int((1 - p) * 2.0**32)).to(dtype)


def _uniform_numbers(seed, entries, dtype):
    digits = 53 if dtype == torch.float64 else 24
    return _shifted(_splitmix(seed, entries), 64 - digits).to(dtype) * 2.0**-digits


def _normal_numbers(seed, entries, dtype):
    n = len(entries)
    bits = _splitmix(seed, entries[: (n + 1) // 2])
    squared_radius, *angle = radius_and_angle(_shifted(bits, 32), bits & (2**32 - 1))
    radius = _root(squared_radius.double()) * RADIUS_UNIT
    pairs = torch.stack([radius * side.double() for side in angle], dim=1)
    return pairs.to(dtype).reshape(-1)[:n]


def _root(x: torch.Tensor) -> torch.Tensor:
    """Return the square root, rounded to the nearest number; PyTorch's own, on a CPU, is not."""
    return torch.sqrt(x) if x.is_cuda else torch.from_numpy(np.sqrt(x.numpy()))


_NUMBERS: dict[type, Callable] = {
    CoinFlips: _coins,
    UniformNumbers: _uniform_numbers,
    NormalNumbers: _normal_numbers,
}


_pytensors_elemwise = pytorch_funcify.dispatch(Elemwise)


@pytorch_funcify.register(Elemwise)
def _elementwise(op: Elemwise, node, **kwargs):
    """Make floats of integers in the precision of the result; PyTorch would make float32."""
    function = _pytensors_elemwise(op, node=node, **kwargs)
    if node.outputs[0].dtype not in float_dtypes or any(
        v.dtype in float_dtypes for v in node.inputs
    ):
        return function
    dtype = getattr(torch, node.outputs[0].dtype)
    return lambda *integers: function(*(torch.as_tensor(x).to(dtype) for x in integers))


@pytorch_funcify.register(Softplus)
def _softplus(op: Softplus, **_):
    """Return log(1 + exp(x)); above 40 that is x, above 20, as PyTorch has it, not quite."""
    return torch.nn.Softplus(threshold=40)


@pytorch_funcify.register(Add)
@pytorch_funcify.register(Mul)
def _sum_or_product(op: Add | Mul, **_):
    """Go through the terms two by two; PyTensor stacks them, in new memory."""
    combine = torch.add if isinstance(op, Add) else torch.mul
    return lambda *terms: reduce(combine, terms)


@pytorch_funcify.register(EQ)
def _equal(op: EQ, **_):
    """Compare entry by entry; PyTensor asks for ``torch.equal``, which compares whole arrays."""
    return lambda x, y: torch.eq(torch.as_tensor(x), torch.as_tensor(y))


@pytorch_funcify.register(Switch)
def _switch(op: Switch, **_):
    """Take any numbers for a condition; PyTorch's own takes truth values only."""
    return lambda condition, x, y: torch.where(torch.as_tensor(condition) != 0, x, y)


_NAMED_OTHERWISE = {Mod: torch.remainder, Pow: torch.pow, RoundHalfToEven: torch.round}
"""What PyTorch calls by another name than NumPy, by which PyTensor looks for it."""


for _scalar_op in _NAMED_OTHERWISE:
    pytorch_funcify.register(_scalar_op)(lambda op, **_: _NAMED_OTHERWISE[type(op)])


@pytorch_funcify.register(Argmax)
def _argmax(op: Argmax, **_):
    (axis,) = op.axis if op.axis is not None and len(op.axis) == 1 else (None,)
    if op.axis is not None and axis is None:
        raise NotImplementedError(f"no PyTorch implementation of {op}: only one axis, or all")
    return lambda x: torch.argmax(x, dim=axis)


@pytorch_funcify.register(ScalarFromTensor)
def _scalar_from_tensor(op: ScalarFromTensor, **_):
    """Return a number as it is; what is compared of shapes, which are Python's numbers, is one."""
    return lambda x: x[()] if isinstance(x, torch.Tensor) else x


def _splitmix(seed: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """Return the n-th number of SplitMix64; as int64, which wraps around as uint64 does."""
    z = seed + n * _signed(0x9E3779B97F4A7C15)
    z = (z ^ _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    return z ^ _shifted(z, 31)


def _signed(number: int) -> int:
    return number - 2**64


def _shifted(z: torch.Tensor, places: int) -> torch.Tensor:
    """Shift to the right as if there were no sign."""
    return (z >> places) & (2 ** (64 - places) - 1)


@pytorch_funcify.register(RandomVariable)
def _random_variable(op: RandomVariable, node, **_):
    """Let NumPy draw, whose generator the graph has."""

    def draw(rng, size, *parameters):
        on_host = [None if v is None else torch.as_tensor(v).cpu().numpy() for v in parameters]
        size = None if size is None else torch.as_tensor(size).cpu().numpy()
        outputs = [[None], [None]]
        op.perform(node, [rng, size, *on_host], outputs)
        return outputs[0][0], torch.as_tensor(np.asarray(outputs[1][0]))

    return draw
