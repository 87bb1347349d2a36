"""The tutorial's classes on PyTensor as it comes, for those that do without this project."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.random import shared_rng
from pytensor.tensor.special import log_softmax

__all__ = ["HiddenLayer", "LogisticRegression", "RandomStreams", "dA"]


class RandomStreams:
    """Draws that move their generators on by themselves, as the tutorial's do."""

    def __init__(self, seed):
        self.seeds = np.random.SeedSequence(seed)

    def binomial(self, size, n, p):
        return self._draw("binomial", n, p, size)

    def normal(self, size):
        return self._draw("normal", 0.0, 1.0, size)

    def _draw(self, distribution, first, second, size):
        rng = shared_rng(np.random.default_rng(self.seeds.spawn(1)[0]))
        rng._default_update, draw = getattr(rng, distribution)(first, second, size=size)
        return pt.cast(draw, pytensor.config.floatX)


class dA:
    def __init__(
        self,
        numpy_rng,
        theano_rng,
        input,
        n_visible,
        n_hidden,
        W,
        bhid,
        bvis,
        corruption="masking",
        reconstruction_cost="cross-entropy",
    ):
        self.theano_rng = theano_rng
        self.x = input
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.W, self.b, self.b_prime = W, bhid, bvis
        self.W_prime = self.W.T
        self.params = [self.W, self.b, self.b_prime]
        self.corruption = corruption
        self.reconstruction_cost = reconstruction_cost

    def get_corrupted_input(self, input, corruption_level):
        rng = self.theano_rng
        if corruption_level == 0:
            return input
        if self.corruption == "gaussian":
            return input + corruption_level * rng.normal(size=input.shape)
        if self.corruption == "salt-and-pepper":
            hit = rng.binomial(size=input.shape, n=1, p=corruption_level)
            salt = rng.binomial(size=input.shape, n=1, p=0.5)
            return pt.switch(pt.eq(hit, 1), salt, input)
        return rng.binomial(size=input.shape, n=1, p=1 - corruption_level) * input

    def get_hidden_values(self, input):
        return pt.sigmoid(pt.dot(input, self.W) + self.b)

    def get_reconstructed_input(self, hidden):
        a = pt.dot(hidden, self.W_prime) + self.b_prime
        return a if self.reconstruction_cost == "squared-error" else pt.sigmoid(a)

    def get_reconstruction_costs(self, x, z):
        if self.reconstruction_cost == "squared-error":
            return pt.sum((x - z) ** 2, axis=1)
        return -pt.sum(x * pt.log(z) + (1 - x) * pt.log(1 - z), axis=1)

    def get_cost_updates(self, corruption_level, learning_rate):
        tilde_x = self.get_corrupted_input(self.x, corruption_level)
        y = self.get_hidden_values(tilde_x)
        z = self.get_reconstructed_input(y)
        cost = pt.mean(self.get_reconstruction_costs(self.x, z))
        gparams = pt.grad(cost, self.params)
        updates = [
            (param, param - learning_rate * gparam)
            for param, gparam in zip(self.params, gparams, strict=True)
        ]
        return cost, updates


class HiddenLayer:
    def __init__(self, rng, input, n_in, n_out, W, b, activation):
        self.W, self.b = W, b
        self.output = activation(pt.dot(input, self.W) + self.b)
        self.params = [self.W, self.b]


class LogisticRegression:
    def __init__(self, input, n_in, n_out, W, b):
        self.W, self.b = W, b
        self.scores = pt.dot(input, self.W) + self.b
        self.params = [self.W, self.b]

    def negative_log_likelihood(self, y):
        return -pt.mean(log_softmax(self.scores, axis=1)[pt.arange(y.shape[0]), y])
