"""The project itself, through the lines of ``dA.py``."""

import numpy
import pytensor
import pytensor.tensor as T

from benchmarks.peers import Train
from benchmarks.setting import Parameters, Setting
from deeptutorial import RandomStreams, dA

__all__ = ["prepare"]


def prepare(train_x: numpy.ndarray, params: Parameters, setting: Setting) -> Train:
    """Compile ``train_da``; the model draws `params` itself, from the same seed."""
    pytensor.config.floatX = "float32"
    train_set_x = pytensor.shared(train_x, borrow=True)
    batch_size = setting.batch_size

    index = T.lscalar("index")
    x = T.matrix("x")

    rng = numpy.random.RandomState(setting.seed)
    theano_rng = RandomStreams(rng.randint(2**30))

    da = dA(
        numpy_rng=rng,
        theano_rng=theano_rng,
        input=x,
        n_visible=train_x.shape[1],
        n_hidden=setting.n_hidden,
    )

    cost, updates = da.get_cost_updates(
        corruption_level=setting.corruption_level,
        learning_rate=setting.learning_rate,
    )

    train_da = pytensor.function(
        [index],
        cost,
        updates=updates,
        givens={
            x: train_set_x[index * batch_size : (index + 1) * batch_size],
        },
    )

    def train(first: int, count: int) -> numpy.ndarray:
        c = []
        for batch_index in range(first, first + count):
            c.append(train_da(batch_index))
        return numpy.array(c)

    return train
