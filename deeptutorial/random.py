"""Symbolic random numbers: the tutorial's `RandomStreams` on PyTensor's random generators."""

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.random import shared_rng
from pytensor.tensor.random.type import RandomGeneratorType
from pytensor.tensor.random.utils import custom_rng_deepcopy, normalize_size_param
from pytensor.tensor.variable import TensorVariable

__all__ = ["CoinFlips", "RandomStreams", "flip_coins"]


class RandomStreams:
    """A source of symbolic random arrays that are drawn afresh at each call of a function.

    Every draw in a graph owns a generator of its own (PCG64), spawned from the one seed, as in
    Theano; the numbers themselves are not Theano's. The generator is a shared variable with a
    default update, so a compiled function moves it on without being told to.

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
            # One trial is a comparison with one random number, and much cheaper than a binomial.
            return self._draw(lambda rng: CoinFlips(dtype)(rng, size, p))
        return pt.cast(self._draw(lambda rng: rng.binomial(n, p, size=size)), dtype)

    def uniform(self, size=None, low=0.0, high=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw evenly from [`low`, `high`), in `dtype` (floatX where None)."""
        low, high = _in_floatX(low), _in_floatX(high)
        draw = self._draw(lambda rng: rng.uniform(low, high, size=size))
        return pt.cast(draw, dtype or pytensor.config.floatX)

    def normal(self, size=None, avg=0.0, std=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw from the normal distribution of mean `avg` and deviation `std`, in `dtype`."""
        avg, std = _in_floatX(avg), _in_floatX(std)
        draw = self._draw(lambda rng: rng.normal(avg, std, size=size))
        return pt.cast(draw, dtype or pytensor.config.floatX)

    def _draw(self, draw_from: Callable[[Variable], list[Variable]]) -> TensorVariable:
        """Make a draw from a new generator, and let it move on at each call."""
        (seed,) = self._seeds.spawn(1)
        rng = shared_rng(np.random.default_rng(seed), borrow=True)
        next_rng, draw = draw_from(rng)
        # As in Theano, the draw is fresh at each call even where nobody passes `updates`. The
        # public setter of this attribute warns that PyTensor may give it up;
        # `dA.get_cost_updates` hands the same update on explicitly, so training would not notice.
        rng._default_update = next_rng
        return draw


def _in_floatX(parameter) -> TensorVariable:
    """Keep a parameter, a Python float or a float64 scalar say, from widening the graph."""
    return pt.cast(parameter, pytensor.config.floatX)


class CoinFlips(Op):
    """Zeros and ones, ones with probability `p`.

    Inputs are a random generator, the shape (a vector) and p (a scalar); outputs are the generator
    afterwards and the draw. One number is taken from the generator; `flip_coins` tells what
    becomes of it. In that way the draw costs next to nothing, can be divided among threads, and is
    the same for any number of them.

    Parameters
    ----------
    dtype : str
        Of the draw.
    inplace : bool
        Move the generator on instead of working on a copy.
    """

    __props__ = ("dtype", "inplace")

    def __init__(self, dtype: str = "int64", inplace: bool = False):
        self.dtype = dtype
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}

    def make_node(self, rng, size, p):
        if not isinstance(rng.type, RandomGeneratorType):
            raise TypeError(f"rng must be a random generator, got {rng.type}")
        size = normalize_size_param(size)
        p = pt.as_tensor_variable(p)
        if p.ndim != 0:
            raise TypeError(f"p must be a scalar, got {p.type}")
        draw = pt.tensor(dtype=self.dtype, shape=(None,) * pt.get_vector_length(size))
        return Apply(self, [rng, size, p], [rng.type(), draw])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        node = arguments[-2]
        _, size, _ = node.inputs
        return [None, tuple(size[axis] for axis in range(node.outputs[1].ndim))]

    def perform(self, node, inputs, output_storage):
        rng, size, p = inputs
        if not self.inplace:
            rng = custom_rng_deepcopy(rng)
        output_storage[0][0] = rng
        output_storage[1][0] = flip_coins(rng, tuple(size), float(p)).astype(self.dtype)


def flip_coins(rng: np.random.Generator, shape: tuple[int, ...], p: float) -> np.ndarray:
    """Draw booleans that are true with probability `p` (to within 2^-32).

    One number of the generator seeds SplitMix64 [1]_, whose n-th output is a mixture of the seed
    and n. It has no state to be passed on from one entry to the next.

    Returns
    -------
    ndarray of bool, of the given shape

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood: Fast splittable pseudorandom number generators.
       OOPSLA 2014, figure 17.
    """
    seed = np.uint64(rng.random() * 2.0**53)
    n = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    z = seed + n * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) >> np.uint64(32)
    return (z >= np.uint64((1 - p) * 2.0**32)).reshape(shape)
