"""A contractive autoencoder with tied weights: two steps down the gradient."""
import numpy
import theano
import theano.tensor as T

n_visible, n_hidden, batch = 5, 3, 4
rng = numpy.random.RandomState(6)
data = rng.uniform(size=(batch, n_visible))
W = theano.shared(rng.normal(0, 0.5, (n_visible, n_hidden)), name='W')
x = T.dmatrix('x')

y = T.nnet.sigmoid(T.dot(x, W))
z = T.nnet.sigmoid(T.dot(y, W.T))
J = T.reshape(y * (1 - y), (batch, 1, n_hidden)) * T.reshape(W, (1, n_visible, n_hidden))
L_rec = T.sum(T.nnet.binary_crossentropy(z, x), axis=1)
L_jacob = T.sum(J ** 2) / batch
cost = T.mean(L_rec) + 0.3 * L_jacob
step = theano.function([x], [T.mean(L_rec), L_jacob], updates={W: W - 0.1 * T.grad(cost, W)})
for epoch in range(2):
    print(*[repr(float(value)) for value in step(data)])
