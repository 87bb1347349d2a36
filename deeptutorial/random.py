"""Symbolic random numbers: the tutorial's `RandomStreams` on PyTensor's random generators."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.random import shared_rng
from pytensor.tensor.variable import TensorVariable

__all__ = ["RandomStreams"]


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
        # One trial is a comparison with one uniform number, several times cheaper to draw.
        if isinstance(n, int) and n == 1:
            return self._draw("bernoulli", _in_floatX(p), size=size, dtype=dtype)
        return self._draw("binomial", n, _in_floatX(p), size=size, dtype=dtype)

    def uniform(self, size=None, low=0.0, high=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw evenly from [`low`, `high`), in `dtype` (floatX where None)."""
        return self._draw("uniform", _in_floatX(low), _in_floatX(high), size=size, dtype=dtype)

    def normal(self, size=None, avg=0.0, std=1.0, dtype: str | None = None) -> TensorVariable:
        """Draw from the normal distribution of mean `avg` and deviation `std`, in `dtype`."""
        return self._draw("normal", _in_floatX(avg), _in_floatX(std), size=size, dtype=dtype)

    def _draw(self, distribution: str, *parameters, size, dtype: str | None) -> TensorVariable:
        (seed,) = self._seeds.spawn(1)
        rng = shared_rng(np.random.default_rng(seed), borrow=True)
        next_rng, draw = getattr(rng, distribution)(*parameters, size=size)
        # As in Theano, the draw is fresh at each call even where nobody passes `updates`. The
        # public setter of this attribute warns that PyTensor may give it up;
        # `dA.get_cost_updates` hands the same update on explicitly, so training would not notice.
        rng._default_update = next_rng
        return pt.cast(draw, dtype or pytensor.config.floatX)


def _in_floatX(parameter) -> TensorVariable:
    """Keep a parameter, a Python float or a float64 scalar say, from widening the graph."""
    return pt.cast(parameter, pytensor.config.floatX)
