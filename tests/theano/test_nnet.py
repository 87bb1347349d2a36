"""`theano.tensor.nnet` and `theano.tensor.signal`, against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import signal, special

import deeptutorial.theano.tensor as T
from deeptutorial import theano

X = np.array([[-3.0, -0.5, 0.0], [0.25, 1.0, 4.0]])
P = special.softmax(X, axis=1)
LABELS = np.array([2, 0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", special.expit(X)),
        ("ultra_fast_sigmoid", special.expit(X)),
        ("softplus", np.log1p(np.exp(X))),
        ("relu", np.maximum(X, 0)),
        ("elu", np.where(X > 0, X, np.expm1(X))),
        ("selu", 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
        ("hard_sigmoid", np.clip(0.2 * X + 0.5, 0, 1)),
        ("softsign", X / (1 + abs(X))),
        ("softmax", P),
        ("logsoftmax", np.log(P)),
    ],
)
def test_functions(name, expected, value):
    np.testing.assert_allclose(value(getattr(T.nnet, name)(X)), expected)


def test_softmax_of_a_vector_is_a_row(value):
    np.testing.assert_allclose(value(T.nnet.softmax(X[0])), P[:1])


def test_relu_has_a_slope_and_half_a_derivative_at_zero(value):
    np.testing.assert_allclose(value(T.nnet.relu(X, 0.1)), np.where(X > 0, X, 0.1 * X))
    x = T.dvector()
    gradient = T.grad(T.nnet.relu(x).sum(), x)
    np.testing.assert_array_equal(value(gradient, {x: np.array([-1.0, 0, 2])}), [0, 0.5, 1])


def test_cross_entropies(value):
    target = np.array([[0.0, 1, 0], [1, 0, 0]])
    p = special.expit(X)
    binary = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    np.testing.assert_allclose(value(T.nnet.binary_crossentropy(p, target)), binary)
    np.testing.assert_allclose(value(T.nnet.sigmoid_binary_crossentropy(X, target)), binary)
    of_labels = -np.log(P[[0, 1], LABELS])
    np.testing.assert_allclose(value(T.nnet.categorical_crossentropy(P, LABELS)), of_labels)
    of_rows = -(target * np.log(P)).sum(1)
    np.testing.assert_allclose(value(T.nnet.categorical_crossentropy(P, target)), of_rows)
    with pytest.raises(TypeError, match="true_dist"):
        T.nnet.categorical_crossentropy(P, 1)


def test_softmax_with_bias_in_one(value):
    bias = np.array([0.5, 0, -1])
    cost, p, best = T.nnet.crossentropy_softmax_argmax_1hot_with_bias(X, bias, LABELS)
    expected = special.softmax(X + bias, axis=1)
    np.testing.assert_allclose(value(p), expected)
    np.testing.assert_allclose(value(cost), -np.log(expected[[0, 1], LABELS]))
    np.testing.assert_array_equal(value(best), expected.argmax(1))


def test_batch_normalization(value):
    mean, std = X.mean(0), X.std(0)
    gamma, beta = np.array([1.0, 2, 3]), np.array([0.0, 1, 2])
    graph = T.nnet.batch_normalization(X, gamma, beta, mean, std)
    np.testing.assert_allclose(value(graph), (X - mean) / std * gamma + beta)


def test_confusion_matrix(value):
    actual, taken = T.ivector(), T.ivector()
    counts, order = T.nnet.confusion_matrix(actual, taken)
    given = {actual: np.array([0, 2, 2, 0], "int32"), taken: np.array([0, 0, 2, 0], "int32")}
    np.testing.assert_array_equal(value(counts, given), [[2, 0], [1, 1]])
    np.testing.assert_array_equal(value(order, given), [0, 2])


@pytest.mark.parametrize("border", ["valid", "full"])
@pytest.mark.parametrize("step", [(1, 1), (2, 1)])
def test_conv2d(border, step, value, rng):
    pictures, filters = rng.random((2, 3, 6, 5)), rng.random((4, 3, 3, 2))
    full = np.array(
        [
            [
                sum(signal.convolve2d(p, f, mode=border) for p, f in zip(ps, fs, strict=True))
                for fs in filters
            ]
            for ps in pictures
        ]
    )
    x, w = T.dtensor4(), theano.shared(filters)
    expected = full[:, :, :: step[0], :: step[1]]
    for conv2d in (T.nnet.conv2d, T.nnet.conv.conv2d):
        graph = conv2d(x, w, border_mode=border, subsample=step)
        np.testing.assert_allclose(value(graph, {x: pictures}), expected)
    unturned = T.nnet.conv2d(
        x,
        w[:, :, ::-1, ::-1],
        filter_shape=filters.shape,
        border_mode=border,
        subsample=step,
        filter_flip=False,
    )
    np.testing.assert_allclose(value(unturned, {x: pictures}), expected)


def test_conv2d_with_half_a_border_keeps_the_size(value, rng):
    picture, kernel = rng.random((1, 1, 5, 4)), rng.random((1, 1, 3, 3))
    expected = signal.convolve2d(picture[0, 0], kernel[0, 0], mode="same")
    graph = T.nnet.conv2d(picture, kernel, border_mode="half")
    np.testing.assert_allclose(value(graph)[0, 0], expected)


def test_conv2d_of_unknown_filters_is_refused():
    with pytest.raises(ValueError, match="filter_shape"):
        T.nnet.conv2d(T.tensor4(), T.tensor4())
    with pytest.raises(NotImplementedError, match="filter_dilation"):
        T.nnet.conv2d(T.tensor4(), T.tensor4(), filter_dilation=(2, 2))


def test_signal_conv2d(value, rng):
    pictures, kernel = rng.random((2, 5, 4)), rng.random((3, 3))
    each = np.array([signal.convolve2d(p, kernel, mode="valid") for p in pictures])
    np.testing.assert_allclose(value(T.signal.conv.conv2d(pictures, kernel)), each)
    np.testing.assert_allclose(value(T.signal.conv.conv2d(pictures[0], kernel)), each[0])


def pooled(x, size, step, ignore_border, reduce):
    """Pool a picture by going through its windows."""

    def starts(length, window, stride):
        if ignore_border:
            return range(0, length - window + 1, stride)
        last = (
            max(0, (length - 1 - window) // stride + 1)
            if stride < window
            else ((length - 1) // stride)
        )
        return range(0, (last + 1) * stride, stride)

    return np.array(
        [
            [
                reduce(x[i : i + size[0], j : j + size[1]])
                for j in starts(x.shape[1], size[1], step[1])
            ]
            for i in starts(x.shape[0], size[0], step[0])
        ]
    )


@pytest.mark.parametrize("ignore_border", [True, False])
@pytest.mark.parametrize(("size", "step"), [((2, 2), None), ((3, 2), (2, 1)), ((2, 3), (2, 3))])
@pytest.mark.parametrize(
    ("mode", "reduce"), [("max", np.max), ("sum", np.sum), ("average_exc_pad", np.mean)]
)
def test_pooling(ignore_border, size, step, mode, reduce, value, rng):
    x = rng.normal(size=(2, 1, 7, 5))
    expected = [pooled(p[0], size, step or size, ignore_border, reduce) for p in x]
    graph = T.signal.pool.pool_2d(x, size, ignore_border=ignore_border, stride=step, mode=mode)
    np.testing.assert_allclose(value(graph)[:, 0], expected)


def test_pooling_by_its_older_name(value, rng):
    x = rng.random((1, 1, 4, 4))
    graph = T.signal.downsample.max_pool_2d(x, (2, 2), ignore_border=True)
    expected = pooled(x[0, 0], (2, 2), (2, 2), True, np.max)
    np.testing.assert_array_equal(value(graph)[0, 0], expected)
    with pytest.raises(NotImplementedError, match="pad"):
        T.signal.pool.pool_2d(x, (2, 2), pad=(1, 1))


def test_a_layer_of_convolutions_learns_as_finite_differences_say(value, rng):
    pictures, filters = rng.random((2, 1, 6, 6)), rng.random((2, 1, 3, 3))
    w = theano.shared(filters)
    maps = T.tanh(T.signal.pool.pool_2d(T.nnet.conv2d(pictures, w), (2, 2), ignore_border=True))
    cost = (maps**2).sum()
    gradient = value(T.grad(cost, w))
    at = theano.function([], cost, mode="FAST_COMPILE")
    moved = filters.copy()
    moved[1, 0, 2, 1] += 1e-6
    w.set_value(moved)
    above = at()
    moved[1, 0, 2, 1] -= 2e-6
    w.set_value(moved)
    np.testing.assert_allclose(gradient[1, 0, 2, 1], (above - at()) / 2e-6, rtol=1e-5)
