"""A subclass of the tutorial's dA, whose constructor calls no other: sparse codes."""
import numpy
import theano
import theano.tensor as T
from theano.sandbox.rng_mrg import MRG_RandomStreams

from dA import dA
from utils import tile_raster_images


class SparseDA(dA):
    def __init__(self, rng, input, n_visible, n_hidden):
        self.n_visible = n_visible
        self.n_hidden = n_hidden
        self.W = theano.shared(numpy.asarray(
            rng.uniform(-0.5, 0.5, size=(n_visible, n_hidden)), dtype=theano.config.floatX))
        self.b = theano.shared(numpy.zeros(n_hidden, dtype=theano.config.floatX))
        self.b_prime = theano.shared(numpy.zeros(n_visible, dtype=theano.config.floatX))
        self.W_prime = self.W.T
        self.theano_rng = MRG_RandomStreams(rng.randint(2 ** 30))
        self.x = input
        self.params = [self.W, self.b, self.b_prime]

    def get_cost_updates(self, corruption_level, learning_rate, sparsity=0.1):
        tilde_x = self.get_corrupted_input(self.x, corruption_level)
        y = self.get_hidden_values(tilde_x)
        z = self.get_reconstructed_input(y)
        L = - T.sum(self.x * T.log(z) + (1 - self.x) * T.log(1 - z), axis=1)
        cost = T.mean(L) + sparsity * T.mean(abs(y))
        gparams = T.grad(cost, self.params)
        updates = []
        for param, gparam in zip(self.params, gparams):
            updates.append((param, param - learning_rate * gparam))
        return (cost, updates)


x = T.matrix('x')
data = numpy.random.RandomState(1).uniform(size=(5, 6))

model = SparseDA(numpy.random.RandomState(2), x, 6, 4)
cost, updates = model.get_cost_updates(0., 0.2)
step = theano.function([x], cost, updates=updates)
print('clean', *[repr(float(step(data))) for i in range(3)])

model = SparseDA(numpy.random.RandomState(2), x, 6, 4)
cost, updates = model.get_cost_updates(0.5, 0.)
step = theano.function([x], cost, updates=updates)
print('noisy', *[repr(float(step(data))) for i in range(4)])

cost, updates = dA.get_cost_updates(model, 0., 0.1)
print('inherited', repr(float(theano.function([x], cost)(data))))
model.save('sparse.npz')
print('tiles', *tile_raster_images(model.W.get_value().T, (2, 3), (2, 2)).shape)
