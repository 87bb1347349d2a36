"""dAs of MNIST's digits that the views look at, trained once."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from deeptutorial import RandomStreams, dA

BATCH_SIZE, RATE = 20, 0.1


def new_dA(n_hidden: int, corruption: str = "masking") -> dA:
    """Return a dA that is not trained."""
    rng = np.random.RandomState(123)
    return dA(rng, RandomStreams(5), n_visible=784, n_hidden=n_hidden, corruption=corruption)


def trainer(da: dA, cost, updates, set_x, batch_size: int = BATCH_SIZE):
    """Compile a function that takes a step on a minibatch, and returns its cost."""
    index = pt.lscalar()
    batch = set_x[index * batch_size : (index + 1) * batch_size]
    return pytensor.function([index], cost, updates=updates, givens={da.x: batch})


def train_epoch(train, set_x, batch_size: int = BATCH_SIZE) -> float:
    """Go through a set once; return the mean cost."""
    n_batches = set_x.get_value(borrow=True).shape[0] // batch_size
    return float(np.mean([train(i) for i in range(n_batches)], dtype="float64"))


def trained_dA(level: float, set_x, epochs: int, n_hidden: int = 500) -> dA:
    """Train a dA as the tutorial does."""
    da = new_dA(n_hidden)
    train = trainer(da, *da.get_cost_updates(level, RATE), set_x)
    for _ in range(epochs):
        train_epoch(train, set_x)
    return da
