"""Symbolic random numbers: the tutorial's `RandomStreams` on PyTensor's random generators."""

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.random import shared_rng
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.ops.draws import (
    CoinFlips,
    Draw,
    NormalNumbers,
    UniformNumbers,
    marked_as_state,
)

__all__ = ["RandomStreams"]


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
        marked_as_state(state)
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


def _first_state(seed: np.random.SeedSequence) -> np.ndarray:
    return seed.generate_state(2, np.uint64)
