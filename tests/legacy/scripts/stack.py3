"""A perceptron on two pre-trained layers, with the tutorial's modules."""
from __future__ import print_function

import numpy
import theano
import theano.tensor as T
from theano.tensor.shared_randomstreams import RandomStreams

from dA import dA
from logistic_sgd import LogisticRegression
from mlp import HiddenLayer

rng = numpy.random.RandomState(3)
data = numpy.random.RandomState(4).uniform(size=(8, 6))
labels = numpy.arange(8) % 3
train_x = theano.shared(data)

index = T.lscalar('index')
corruption = T.scalar('corruption')
rate = T.scalar('lr')
x = T.matrix('x')
y = T.ivector('y')

theano_rng = RandomStreams(rng.randint(2 ** 30))
layers, dAs = [], []
for n_in, n_out in [(6, 5), (5, 4)]:
    below = layers[-1].output if layers else x
    layer = HiddenLayer(rng=rng, input=below, n_in=n_in, n_out=n_out, activation=T.nnet.sigmoid)
    layers.append(layer)
    dAs.append(dA(numpy_rng=rng, theano_rng=theano_rng, input=below, n_visible=n_in,
                  n_hidden=n_out, W=layer.W, bhid=layer.b))
top = LogisticRegression(input=layers[-1].output, n_in=4, n_out=3)

for i, da in enumerate(dAs):
    cost, updates = da.get_cost_updates(corruption, rate)
    pretrain = theano.function(
        inputs=[index, theano.In(corruption, value=0.), theano.In(rate, value=0.1)],
        outputs=cost,
        updates=updates,
        givens={x: train_x[index * 4: (index + 1) * 4]})
    print('layer', i, repr(float(pretrain(0))), repr(float(pretrain(1, lr=0.3))))
    assert pretrain(index=0, corruption=0.9, lr=0.) != pretrain(index=0, corruption=0.9, lr=0.)

params = [p for layer in layers for p in layer.params] + top.params
cost = top.negative_log_likelihood(y)
finetune = theano.function(
    [x, y], [cost, top.errors(y)],
    updates=[(p, p - 0.5 * g) for p, g in zip(params, T.grad(cost, params))])
for i in range(2):
    cost_now, errors = finetune(data, labels.astype('int32'))
    print('top', repr(float(cost_now)), repr(float(errors)))
