"""Random draws that are made of a seed and a count: the Ops, and what they calculate."""

import math

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.random.utils import normalize_size_param

from deeptutorial.compile.ops.box_muller import RADIUS_UNIT, radius_and_angle

__all__ = [
    "CoinFlips",
    "Draw",
    "NoSuchCoinError",
    "NormalNumbers",
    "UniformNumbers",
    "flip_coins",
    "marked_as_state",
    "next_state",
    "no_such_coin",
    "normal_numbers",
    "random_bits",
    "splitmix",
    "uniform_numbers",
]


class NoSuchCoinError(ValueError):
    """A coin was to fall with what is no probability."""


def no_such_coin(p: float) -> str:
    """Return what the error says."""
    return (
        f"a coin cannot fall with probability {p:g}: it must be in [0, 1], and so must a "
        "corruption level (masking keeps an entry with probability 1 - level)"
    )


class Draw(Op):
    """An array of random numbers, each made of a seed and of two counts.

    Inputs are the state, the shape (a vector) and what else there is (scalars); outputs are the
    next state and the draw. The state, two 64-bit integers, is a seed and the number of draws
    before; the second count is that of the entries. So a draw costs next to nothing, can be divided
    among threads, and is the same to the last bit for any number of them, in each backend of
    `deeptutorial.use`, and wherever PyTensor can run an Op in Python (FAST_COMPILE, CVM). (A NumPy
    generator as an input alone costs a compiled function 50 microseconds a call.)
    """

    __props__ = ("dtype",)
    kind: str
    parameters: tuple[str, ...] = ()

    def __init__(self, dtype: str):
        self.dtype = dtype

    def make_node(self, state, size, *parameters):
        state, numbers = pt.as_tensor_variable(state), [*map(pt.as_tensor_variable, parameters)]
        if state.ndim != 1 or state.dtype != "uint64":
            raise TypeError(f"state must be a vector of uint64, got {state.type}")
        for name, parameter in zip(self.parameters, numbers, strict=True):
            if parameter.ndim != 0:
                raise TypeError(f"{name} must be a scalar, got {parameter.type}")
        size = normalize_size_param(size)
        draw = pt.tensor(dtype=self.dtype, shape=(None,) * pt.get_vector_length(size))
        return Apply(self, [state, size, *numbers], [marked_as_state(state.type()), draw])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        node, (state_shape, *_) = arguments[-2:]
        size = node.inputs[1]
        return [state_shape, tuple(size[axis] for axis in range(node.outputs[1].ndim))]

    def perform(self, node, inputs, output_storage):
        state, size, *parameters = inputs
        if (size < 0).any():
            raise ValueError(f"a draw cannot have the shape {tuple(map(int, size))}")
        output_storage[0][0] = next_state(state)
        output_storage[1][0] = self.numbers(state, tuple(size), *map(float, parameters))

    def numbers(self, state, shape, *parameters, xp=np):
        """Return the draw of a state, an array of this shape, made by NumPy or JAX's ``numpy``."""
        raise NotImplementedError


class CoinFlips(Draw):
    """Zeros and ones, ones with probability `p`, the third input; see `flip_coins`.

    Parameters
    ----------
    dtype : str
        Of the draw.

    Raises
    ------
    NoSuchCoinError
        When it runs: where `p` is not in [0, 1]. JAX cannot raise an error from within a graph; a
        draw of floats is NaN there.
    """

    kind = "coins"
    parameters = ("p",)

    def __init__(self, dtype: str = "int64"):
        super().__init__(dtype)

    def numbers(self, state, shape, *parameters, xp=np):
        return flip_coins(state, shape, *parameters).astype(self.dtype)


class UniformNumbers(Draw):
    """Numbers from [0, 1), float32 or float64; see `uniform_numbers`."""

    kind = "uniform"

    def numbers(self, state, shape, *parameters, xp=np):
        return uniform_numbers(state, shape, self.dtype, xp)


class NormalNumbers(Draw):
    """Numbers of the standard normal distribution, float32 or float64; see `normal_numbers`."""

    kind = "normal"

    def numbers(self, state, shape, *parameters, xp=np):
        return normal_numbers(state, shape, self.dtype, xp)


def marked_as_state(state: Variable) -> Variable:
    """Tell NanGuardMode that a variable is no number, and its size no alarm; return it."""
    state.tag.nan_guard_mode_check = False
    return state


def next_state(state: np.ndarray) -> np.ndarray:
    """Return the state after a draw."""
    return state + np.array([0, 1], dtype=np.uint64)


def flip_coins(state: np.ndarray, shape: tuple[int, ...], p: float) -> np.ndarray:
    """Draw booleans that are true with probability `p` (to within 2^-32).

    The n-th number of SplitMix64 [1]_ is a mixture of its seed and n. The seed of a draw is the
    number that the state's seed and count give; entry i is the number of that seed and i.

    Parameters
    ----------
    state : ndarray of uint64, shape (2,)
        A seed, and the count of draws before this one.

    Returns
    -------
    ndarray of bool, of the given shape

    Raises
    ------
    NoSuchCoinError
        If `p` is not in [0, 1].

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood: Fast splittable pseudorandom number generators.
       OOPSLA 2014, figure 17.
    """
    if not 0 <= p <= 1:
        raise NoSuchCoinError(no_such_coin(p))
    bits = random_bits(state, math.prod(shape)) >> np.uint64(32)
    return (bits >= np.uint64((1 - p) * 2.0**32)).reshape(shape)


def uniform_numbers(state, shape: tuple[int, ...], dtype: str, xp=np):
    """Draw numbers from [0, 1), multiples of 2^-24 in float32 and of 2^-53 in float64.

    They are the upper bits of the numbers that `flip_coins` compares.
    """
    digits = np.finfo(dtype).nmant + 1
    bits = random_bits(state, math.prod(shape), xp) >> np.uint64(64 - digits)
    return (bits.astype(dtype) * np.dtype(dtype).type(2.0**-digits)).reshape(shape)


def normal_numbers(state, shape: tuple[int, ...], dtype: str, xp=np):
    """Draw numbers of the standard normal distribution.

    Entries 2 k and 2 k + 1 are made of the 64 bits that entry k of `flip_coins` is made of, by
    `deeptutorial.compile.ops.box_muller`: to nine digits in float64, and in float32 these, rounded.
    None is beyond 6.661, where there should be three in 10^11.
    """
    n = math.prod(shape)
    bits = random_bits(state, (n + 1) // 2, xp)
    halves = bits >> np.uint64(32), bits & np.uint64(2**32 - 1)
    squared_radius, *angle = radius_and_angle(*(half.astype(np.int64) for half in halves))
    radius = xp.sqrt(squared_radius.astype(np.float64)) * RADIUS_UNIT
    pairs = xp.stack([radius * side for side in angle], axis=1)
    return pairs.astype(dtype).reshape(-1)[:n].reshape(shape)


def random_bits(state, n: int, xp=np):
    entries = xp.arange(1, n + 1, dtype=np.uint64)
    return splitmix(splitmix(state[:1], state[1:]), entries)


def splitmix(seed, n):
    """Return the n-th number of SplitMix64; takes anything with operators that wrap around."""
    z = seed + n * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
