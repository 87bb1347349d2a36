"""What is trained: the same for every implementation of a comparison."""

import os
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Parameters", "Setting", "usable_cpus"]

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray]
"""W of shape (n_visible, n_hidden), b of shape (n_hidden,), b_prime of shape (n_visible,)."""

LONGEST_STRETCH = 2500
"""Minibatches timed in one go at 500 hidden units or fewer: an epoch of MNIST in twenties."""


def usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Setting:
    """Sizes and rates of one comparison.

    Attributes
    ----------
    batch_size, n_hidden : int
    corruption_level : float
        The part of the pixels that is set to zero.
    learning_rate : float
    seed : int
        Of the initial weights and the noise.
    threads : int
        Threads, and CPUs, that an implementation gets.
    epochs : float, optional
        Length of a timed stretch. None is an epoch, or less where that would be more than 2500
        minibatches (fewer of more than 500 hidden units).
    device : {"cpu", "cuda"}
    row : str
        What is changed in the step, a name of `benchmarks.peers.variants.ROWS`; only the
        implementations there know of it.
    labels : str
        A ``.npy`` file with the training set's labels, for the rows that need them.
    """

    batch_size: int = 20
    n_hidden: int = 500
    corruption_level: float = 0.3
    learning_rate: float = 0.1
    seed: int = 123
    threads: int = field(default_factory=usable_cpus)
    epochs: float | None = None
    device: str = "cpu"
    row: str = "nothing"
    labels: str = ""

    def __str__(self) -> str:
        if self.row != "nothing":
            return f"{self.row}, batch {self.batch_size}, {self.n_hidden} hidden units"
        return (
            f"batch {self.batch_size}, {self.n_hidden} hidden units, "
            f"{100 * self.corruption_level:g} % masking"
        )

    def initial_parameters(self, n_visible: int) -> Parameters:
        """Draw the weights that ``dA.py`` starts from: first a seed for the noise, then W."""
        rng = np.random.RandomState(self.seed)
        rng.randint(2**30)
        bound = 4 * np.sqrt(6.0 / (self.n_hidden + n_visible))
        W = rng.uniform(low=-bound, high=bound, size=(n_visible, self.n_hidden))
        return (
            W.astype(np.float32),
            np.zeros(self.n_hidden, np.float32),
            np.zeros(n_visible, np.float32),
        )

    def stretch(self, n_train_batches: int) -> int:
        """Return how many minibatches are timed in one go."""
        if self.epochs is not None:
            return min(n_train_batches, max(1, round(self.epochs * n_train_batches)))
        longest = LONGEST_STRETCH * 500 // max(500, self.n_hidden)
        return min(n_train_batches, max(1, longest))
