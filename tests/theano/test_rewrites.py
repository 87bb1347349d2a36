"""The old dA step through Theano's names is the one that the project's rewrites make fast."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano
from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.theano.sandbox.rng_mrg import MRG_RandomStreams
from deeptutorial.theano.tensor.shared_randomstreams import RandomStreams


@pytest.mark.parametrize("streams", [RandomStreams, MRG_RandomStreams])
@pytest.mark.parametrize("level", [0.3, None])
def test_the_old_step_becomes_one_operation(streams, level):
    with theano.config.change_flags(floatX="float32", mode="NUMBA"):
        W = theano.shared(np.zeros((30, 20), "float32"))
        b = theano.shared(np.zeros(20, "float32"))
        b_prime = theano.shared(np.zeros(30, "float32"))
        x, rate = T.matrix("x"), T.scalar("rate")
        corruption = T.scalar("level") if level is None else level
        mask = streams(1).binomial(size=x.shape, n=1, p=1 - corruption, dtype=theano.config.floatX)
        y = T.nnet.sigmoid(T.dot(mask * x, W) + b)
        z = T.nnet.sigmoid(T.dot(y, W.T) + b_prime)
        cost = T.mean(-T.sum(x * T.log(z) + (1 - x) * T.log(1 - z), axis=1))
        params = [W, b, b_prime]
        updates = [(p, p - rate * g) for p, g in zip(params, T.grad(cost, params), strict=True)]
        inputs = [x, theano.In(rate, value=0.1)]
        if level is None:
            inputs.append(theano.Param(corruption, default=0.2))
        step = theano.function(inputs, cost, updates=updates)
    ops = [type(node.op) for node in step.maker.fgraph.apply_nodes]
    assert DenoisingStep in ops
