"""Symbolic random numbers: the tutorial's `RandomStreams` on PyTensor's random generators."""

import math
from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.random import shared_rng
from pytensor.tensor.random.utils import normalize_size_param
from pytensor.tensor.variable import TensorVariable

from deeptutorial.box_muller import RADIUS_UNIT, radius_and_angle

__all__ = [
    "CoinFlips",
    "Draw",
    "NormalNumbers",
    "RandomStreams",
    "UniformNumbers",
    "flip_coins",
    "next_state",
    "normal_numbers",
    "splitmix",
    "uniform_numbers",
]


class RandomStreams:
    """A source of symbolic random arrays that are drawn afresh at each call of a function.

    Every draw in a graph owns a generator of its own, spawned from the one seed, as in Theano; the
    numbers themselves are not Theano's. The generator is a shared variable with a default update,
    so a compiled function moves it on without being told to. Coins, uniform and normal numbers are
    drawn by `CoinFlips`, `UniformNumbers` and `NormalNumbers`; a binomial of several trials, and
    what has a parameter for each entry, by PyTensor's generator (NumPy's PCG64).

    Parameters
    ----------
    seed : int
        Two streams of the same seed, asked for the same draws in the same order, give the same
        numbers.

    Examples
    --------
    >>> import pytensor
    >>> from deeptutorial import RandomStreams
    >>> coin = RandomStreams(123).binomial(size=(5,), n=1, p=0.5)
    >>> throw = pytensor.function([], coin)
    >>> first, second = throw(), throw()  # two different throws of five coins
    """

    def __init__(self, seed: int):
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise TypeError(f"seed must be an integer, got {seed!r}")
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self._seeds = np.random.SeedSequence(int(seed))
        self._states: list[SharedVariable] = []  # of all draws, in the order of their seeds

    def seed(self, seed: int) -> None:
        """Start all draws that were asked for so far anew, as if this had been the first seed."""
        self._seeds = np.random.SeedSequence(int(seed))
        for state in self._states:
            is_counted = isinstance(state, TensorVariable)
            first = _first_state if is_counted else np.random.default_rng
            state.set_value(first(self._spawn()), borrow=True)

    def binomial(self, size=None, n=1, p=0.5, dtype: str = "int64") -> TensorVariable:
        """Draw how many of `n` trials succeed, each with probability `p`.

        Parameters
        ----------
        size : sequence of int, or symbolic vector such as ``x.shape``
            Shape of the draw; None takes the shape of the parameters.
        n : int or symbolic
            Number of trials. With ``n=1`` the draw is an array of zeros and ones.
        p : float or symbolic, in [0, 1]
            Probability of success.
        dtype : str
            Type of the result. Say ``pytensor.config.floatX`` where it is to be multiplied with
            floats: an int64 array would turn float32 data into float64.

        Returns
        -------
        TensorVariable
        """
        p = _in_floatX(p)
        if isinstance(n, int) and n == 1 and p.ndim == 0 and size is not None:
            # Many times cheaper than a binomial, and what a dA draws at every step.
            return self._counted(CoinFlips(dtype), size, p)
        rng = self._rng()
        return pt.cast(self._updated(rng, rng.binomial(n, p, size=size)), dtype)

    def uniform(self, size=None, low=0.0, high=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw evenly from [`low`, `high`), but for rounding, in `dtype` (floatX where None)."""
        low, high = _in_floatX(low), _in_floatX(high)
        if size is None or low.ndim > 0 or high.ndim > 0:
            rng = self._rng()
            draw = self._updated(rng, rng.uniform(low, high, size=size))
        else:
            unit = self._counted(UniformNumbers(pytensor.config.floatX), size)
            draw = low + (high - low) * unit
        return pt.cast(draw, dtype or pytensor.config.floatX)

    def normal(self, size=None, avg=0.0, std=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw from the normal distribution of mean `avg` and deviation `std`, in `dtype`."""
        avg, std = _in_floatX(avg), _in_floatX(std)
        if size is None or avg.ndim > 0 or std.ndim > 0:
            rng = self._rng()
            draw = self._updated(rng, rng.normal(avg, std, size=size))
        else:
            draw = avg + std * self._counted(NormalNumbers(pytensor.config.floatX), size)
        return pt.cast(draw, dtype or pytensor.config.floatX)

    def _spawn(self) -> np.random.SeedSequence:
        (seed,) = self._seeds.spawn(1)
        return seed

    def _rng(self):
        return self._kept(shared_rng(np.random.default_rng(self._spawn()), borrow=True))

    def _counted(self, op: "Draw", size, *parameters) -> TensorVariable:
        state = self._kept(pytensor.shared(_first_state(self._spawn()), name=op.kind))
        return self._updated(state, op(state, size, *parameters))

    def _kept(self, state: SharedVariable) -> SharedVariable:
        self._states.append(state)
        return state

    def _updated(self, state: SharedVariable, outputs: Sequence[Variable]) -> TensorVariable:
        """Let a generator move on at each call of a function with its draw; return the draw."""
        next_state, draw = outputs
        # As in Theano, the draw is fresh at each call even where nobody passes `updates`. The
        # public setter of this attribute warns that PyTensor may give it up;
        # `dA.get_cost_updates` hands the same update on explicitly, so training would not notice.
        state._default_update = next_state
        return draw


def _in_floatX(parameter) -> TensorVariable:
    """Keep a parameter, a Python float or a float64 scalar say, from widening the graph."""
    return pt.cast(parameter, pytensor.config.floatX)


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
        state, *parameters = map(pt.as_tensor_variable, (state, *parameters))
        if state.ndim != 1 or state.dtype != "uint64":
            raise TypeError(f"state must be a vector of uint64, got {state.type}")
        for name, parameter in zip(self.parameters, parameters, strict=True):
            if parameter.ndim != 0:
                raise TypeError(f"{name} must be a scalar, got {parameter.type}")
        size = normalize_size_param(size)
        draw = pt.tensor(dtype=self.dtype, shape=(None,) * pt.get_vector_length(size))
        return Apply(self, [state, size, *parameters], [state.type(), draw])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        node, (state_shape, *_) = arguments[-2:]
        size = node.inputs[1]
        return [state_shape, tuple(size[axis] for axis in range(node.outputs[1].ndim))]

    def perform(self, node, inputs, output_storage):
        state, size, *parameters = inputs
        output_storage[0][0] = next_state(state)
        output_storage[1][0] = self.numbers(state, tuple(size), *map(float, parameters))

    def numbers(self, state: np.ndarray, shape: tuple[int, ...], *parameters: float) -> np.ndarray:
        raise NotImplementedError


class CoinFlips(Draw):
    """Zeros and ones, ones with probability `p`, the third input; see `flip_coins`.

    Parameters
    ----------
    dtype : str
        Of the draw.
    """

    kind = "coins"
    parameters = ("p",)

    def __init__(self, dtype: str = "int64"):
        super().__init__(dtype)

    def numbers(self, state, shape, p):
        return flip_coins(state, shape, p).astype(self.dtype)


class UniformNumbers(Draw):
    """Numbers from [0, 1), float32 or float64; see `uniform_numbers`."""

    kind = "uniform"

    def numbers(self, state, shape):
        return uniform_numbers(state, shape, self.dtype)


class NormalNumbers(Draw):
    """Numbers of the standard normal distribution, float32 or float64; see `normal_numbers`."""

    kind = "normal"

    def numbers(self, state, shape):
        return normal_numbers(state, shape, self.dtype)


def _first_state(seed: np.random.SeedSequence) -> np.ndarray:
    return seed.generate_state(2, np.uint64)


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

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood: Fast splittable pseudorandom number generators.
       OOPSLA 2014, figure 17.
    """
    bits = _random_bits(state, math.prod(shape)) >> np.uint64(32)
    return (bits >= np.uint64((1 - p) * 2.0**32)).reshape(shape)


def uniform_numbers(state: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Draw numbers from [0, 1), multiples of 2^-24 in float32 and of 2^-53 in float64.

    They are the upper bits of the numbers that `flip_coins` compares.
    """
    digits = np.finfo(dtype).nmant + 1
    bits = _random_bits(state, math.prod(shape)) >> np.uint64(64 - digits)
    return (bits.astype(dtype) * np.dtype(dtype).type(2.0**-digits)).reshape(shape)


def normal_numbers(state: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Draw numbers of the standard normal distribution.

    Entries 2 k and 2 k + 1 are made of the 64 bits that entry k of `flip_coins` is made of, by
    `deeptutorial.box_muller`: to nine digits in float64, and in float32 these, rounded. None is
    beyond 6.661, where there should be three in 10^11.
    """
    n = math.prod(shape)
    bits = _random_bits(state, (n + 1) // 2)
    high, low = bits >> np.uint64(32), bits & np.uint64(2**32 - 1)
    squared_radius, *angle = radius_and_angle(high.view(np.int64), low.view(np.int64))
    radius = np.sqrt(squared_radius.astype(np.float64)) * RADIUS_UNIT
    pairs = np.stack([radius * side for side in angle], axis=1)
    return pairs.astype(dtype).reshape(-1)[:n].reshape(shape)


def _random_bits(state: np.ndarray, n: int) -> np.ndarray:
    entries = np.arange(1, n + 1, dtype=np.uint64)
    return splitmix(splitmix(state[:1], state[1:]), entries)


def splitmix(seed: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the n-th number of SplitMix64; takes any arrays of uint64 that wrap around."""
    z = seed + n * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
