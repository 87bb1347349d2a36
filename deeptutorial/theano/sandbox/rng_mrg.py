"""Theano's `MRG_RandomStreams`."""

from deeptutorial.theano.tensor.shared_randomstreams import RandomStreams

__all__ = ["MRG_RandomStreams"]


class MRG_RandomStreams(RandomStreams):
    """`RandomStreams`, with this class's arguments; the generator itself is not Theano's.

    Parameters
    ----------
    seed : int or list of six int
    use_cuda
        Has no meaning any more.
    """

    def __init__(self, seed=12345, use_cuda=None):
        super().__init__(seed)

    def multinomial_wo_replacement(self, size=None, n=1, pvals=None, ndim=None, dtype="int64"):
        """Draw `n` different places for each row of probabilities: `choice`, without `replace`."""
        return self.choice(size=n, a=None, replace=False, p=pvals, ndim=ndim, dtype=dtype)
