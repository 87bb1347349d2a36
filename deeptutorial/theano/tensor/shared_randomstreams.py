"""Theano's `RandomStreams`: `deeptutorial.RandomStreams` with all that it could draw."""

import secrets

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from deeptutorial import random

__all__ = ["RandomStreams"]


class RandomStreams(random.RandomStreams):
    """Symbolic draws, fresh at each call of a function and at each step of a scan.

    The numbers are not Theano's: a generator of another kind makes them. `ndim` and `nstreams`
    have no meaning any more.

    Parameters
    ----------
    seed : int or list of int, optional
        None takes one from the operating system.

    Attributes
    ----------
    state_updates : list of (shared variable, its next value)
        One for each draw asked for so far. A draw has its own as ``draw.rng`` and ``draw.update``.
    """

    def __init__(self, seed=None, no_warn=False):
        super().__init__(_as_seed(seed))

    def seed(self, seed=None) -> None:
        """Start all draws anew, as if this had been the first seed."""
        super().seed(_as_seed(seed))

    @property
    def state_updates(self) -> list[tuple[SharedVariable, TensorVariable]]:
        return [(state, state.default_update) for state in self._states]

    def updates(self) -> list[tuple[SharedVariable, TensorVariable]]:
        """Return `state_updates`."""
        return self.state_updates

    # Old scripts count on Theano's order of parameters, with `ndim` where ours has `dtype`. What
    # takes either class says `dtype` by name.
    def binomial(  # type: ignore[override]
        self, size=None, n=1, p=0.5, ndim=None, dtype="int64", nstreams=None, prob=None
    ):
        """Draw how many of `n` trials succeed; `prob` is `p` by its oldest name."""
        p = pt.as_tensor_variable(p if prob is None else prob)
        if isinstance(n, int) and n == 1 and p.ndim > 0:
            uniform = self.uniform(p.shape if size is None else size, dtype=p.dtype)
            return self._marked(pt.cast(uniform < p, dtype))
        size = () if size is None and p.ndim == 0 and isinstance(n, int) else _as_size(size)
        return self._marked(super().binomial(size, n, p, dtype))

    def uniform(  # type: ignore[override]
        self, size=None, low=0.0, high=1.0, ndim=None, dtype=None, nstreams=None
    ):
        """Draw evenly from [`low`, `high`)."""
        return self._marked(super().uniform(_as_size(size), low, high, dtype))

    def normal(  # type: ignore[override]
        self, size=None, avg=0.0, std=1.0, ndim=None, dtype=None, nstreams=None
    ):
        """Draw from the normal distribution of mean `avg` and deviation `std`."""
        return self._marked(super().normal(_as_size(size), avg, std, dtype))

    def random_integers(self, size=None, low=0, high=1, ndim=None, dtype="int64"):
        """Draw whole numbers evenly, `high` among them."""
        rng = self._rng()
        draw = rng.integers(low, pt.as_tensor_variable(high) + 1, size=_as_size(size))
        return self._marked(pt.cast(self._updated(rng, draw), dtype))

    def poisson(self, size=None, lam=1.0, ndim=None, dtype="int64"):
        """Draw from the Poisson distribution of mean `lam`."""
        rng = self._rng()
        draw = rng.poisson(pt.as_tensor_variable(lam), size=_as_size(size))
        return self._marked(pt.cast(self._updated(rng, draw), dtype))

    def multinomial(
        self, size=None, n=1, pvals=(0.5, 0.5), ndim=None, dtype="int64", nstreams=None
    ):
        """Draw how often each of several things comes in `n` trials.

        `pvals` are the probabilities, along the last axis: of each row of a matrix one draw, and of
        a vector as many as `size` says.
        """
        pvals = pt.cast(pt.as_tensor_variable(pvals), "float64")  # rounded ones can exceed 1
        if isinstance(n, int) and n == 1:
            size = pvals.shape[:-1] if size is None or pvals.ndim > 1 else _as_size(size)
            places = self._places(pvals, size)
            draw = pt.eq(pt.shape_padright(places), pt.arange(pvals.shape[-1]))
        else:
            rng = self._rng()
            pvals = pvals / pvals.sum(axis=-1, keepdims=True)
            size = None if pvals.ndim > 1 else _as_size(size)
            draw = self._updated(rng, rng.multinomial(n, pvals, size=size))
        return self._marked(pt.cast(draw, dtype))

    def choice(
        self,
        size=None,
        a=2,
        replace=True,
        p=None,
        ndim=None,
        dtype="int64",
        nstreams=None,
    ):
        """Choose among the entries of a vector `a`, or among the numbers below it.

        With a matrix `p`, `size` different places for each of its rows, which `a` is not needed
        for.
        """
        if p is not None and pt.as_tensor_variable(p).ndim == 2:
            p = pt.as_tensor_variable(p)
            if replace:
                raise ValueError("for a matrix p, choice draws with replace=False only")
            # The largest of u^(1/p) are a sample without replacement (Efraimidis, Spirakis 2006).
            uniform = self.uniform(p.shape, dtype="float64")
            n = size[0] if isinstance(size, list | tuple) else size
            order = pt.argsort(-pt.log(uniform) / p, axis=1)[:, :n]
            return self._marked(pt.cast(order, dtype))
        a = pt.as_tensor_variable(a)
        n = a if a.ndim == 0 else a.shape[0]
        size = () if size is None else _as_size(size)
        if p is not None:
            p = pt.cast(pt.as_tensor_variable(p), "float64")
        if not replace:
            weights = pt.ones((n,), dtype="float64") if p is None else p
            uniform = self.uniform(weights.shape, dtype="float64")
            total = pt.prod(pt.as_tensor_variable(size, ndim=1), dtype="int64")
            chosen = pt.argsort(-pt.log(uniform) / weights)[:total].reshape(
                size, ndim=pt.get_vector_length(size)
            )
        elif p is None:
            rng = self._rng()
            chosen = self._updated(rng, rng.integers(0, n, size=size))
        else:
            chosen = self._places(p, size)
        return self._marked(pt.cast(chosen if a.ndim == 0 else a[chosen], dtype))

    def permutation(self, size=None, n=1, ndim=None, dtype="int64"):
        """Draw orders of the numbers below `n`, along the last axis; one where `size` is None."""
        size = () if size is None else tuple(_as_size(size))
        return self._marked(pt.cast(pt.argsort(self.uniform((*size, n)), axis=-1), dtype))

    def shuffle_row_elements(self, input):
        """Put the entries of each row of a matrix, or those of a vector, in a random order."""
        order = pt.argsort(self.uniform(input.shape), axis=-1)
        if input.ndim == 1:
            return self._marked(input[order])
        return self._marked(pt.take_along_axis(input, order, axis=-1))

    def _places(self, p: TensorVariable, size) -> TensorVariable:
        """Draw places of the last axis of `p`, with those probabilities."""
        uniform = pt.shape_padright(self.uniform(size, dtype="float64"))
        below = pt.cumsum(p, axis=-1) <= uniform
        return pt.minimum(pt.sum(below, axis=-1), p.shape[-1] - 1)

    def _marked(self, draw: TensorVariable) -> TensorVariable:
        draw.rng = self._states[-1]
        draw.update = self.state_updates[-1]
        return draw


def _as_seed(seed) -> int:
    if seed is None:
        return secrets.randbits(128)  # as NumPy takes one
    if isinstance(seed, list | tuple | np.ndarray):
        return sum(int(part) << 32 * place for place, part in enumerate(seed))
    return int(seed)


def _as_size(size):
    return (size,) if isinstance(size, int | np.integer) else size
