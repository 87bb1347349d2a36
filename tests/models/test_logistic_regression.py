"""Logistic regression against NumPy, and at the edges of float32."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import LogisticRegression

X = np.random.default_rng(3).normal(size=(6, 4))
Y = np.array([0, 2, 1, 1, 2, 0], dtype="int32")


@pytest.fixture
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


def with_random_parameters():
    rng = np.random.default_rng(1)
    x, y = pt.matrix("x"), pt.ivector("y")
    model = LogisticRegression(x, 4, 3)
    for parameter in model.params:
        parameter.set_value(rng.normal(size=parameter.get_value().shape))
    return model, x, y


def numpy_probabilities(x, W, b):
    e = np.exp(x @ W + b)
    return e / e.sum(axis=1, keepdims=True)


def test_probabilities_cost_and_errors(in_float64):
    model, x, y = with_random_parameters()
    p = numpy_probabilities(X, *(parameter.get_value() for parameter in model.params))
    outputs = [model.p_y_given_x, model.y_pred, model.negative_log_likelihood(y), model.errors(y)]
    got_p, got_y, cost, errors = pytensor.function([x, y], outputs)(X, Y)
    np.testing.assert_allclose(got_p, p, rtol=1e-12)
    np.testing.assert_array_equal(got_y, p.argmax(axis=1))
    np.testing.assert_allclose(cost, -np.mean(np.log(p[np.arange(6), Y])), rtol=1e-12)
    np.testing.assert_allclose(errors, np.mean(p.argmax(axis=1) != Y))


def test_gradients(in_float64):
    model, x, y = with_random_parameters()
    p = numpy_probabilities(X, *(parameter.get_value() for parameter in model.params))
    delta = (p - np.eye(3)[Y]) / 6
    gradients = pt.grad(model.negative_log_likelihood(y), model.params)
    got_W, got_b = pytensor.function([x, y], gradients)(X, Y)
    np.testing.assert_allclose(got_W, X.T @ delta, rtol=1e-10)
    np.testing.assert_allclose(got_b, delta.sum(axis=0), rtol=1e-10)


def test_it_starts_undecided():
    model = LogisticRegression(pt.matrix(), 4, 3)
    assert model.params == [model.W, model.b]
    assert not any(parameter.get_value().any() for parameter in model.params)


def test_given_parameters_are_shared():
    first = LogisticRegression(pt.matrix(), 4, 3)
    second = LogisticRegression(pt.matrix(), 4, 3, W=first.W, b=first.b)
    assert second.params == first.params
    with pytest.raises(ValueError, match=r"W must have shape \(4, 2\), got \(4, 3\)"):
        LogisticRegression(pt.matrix(), 4, 2, W=first.W)
    with pytest.raises(ValueError, match=r"b must have shape \(2\), got \(3,\)"):
        LogisticRegression(pt.matrix(), 4, 2, b=first.b)


def test_scores_far_apart_stay_finite_in_float32():
    with pytensor.config.change_flags(floatX="float32"):
        x, y = pt.matrix("x"), pt.ivector("y")
        model = LogisticRegression(x, 1, 2)
        model.W.set_value(np.array([[1000, -1000]], dtype="float32"))
        cost = model.negative_log_likelihood(y)
        function = pytensor.function(
            [x, y], [cost, model.p_y_given_x, *pt.grad(cost, model.params)]
        )
        cost, p, grad_W, grad_b = function(np.float32([[1], [-1]]), np.int32([1, 1]))
    np.testing.assert_allclose(cost, 1000)
    np.testing.assert_allclose(p, [[1, 0], [0, 1]])
    np.testing.assert_allclose(grad_W, [[0.5, -0.5]])
    np.testing.assert_allclose(grad_b, [0.5, -0.5])
    assert {a.dtype for a in (cost, p, grad_W, grad_b)} == {np.dtype("float32")}


def test_a_label_outside_the_classes_is_an_error(in_float64):
    model, x, y = with_random_parameters()
    cost = model.negative_log_likelihood(y)
    labels = pytensor.shared(Y)
    functions = [
        pytensor.function([x, y], model.errors(y), mode="FAST_COMPILE"),
        pytensor.function([x], cost, givens={y: labels}, mode="NUMBA"),  # has no bounds itself
    ]
    for wrong in (3, -1, 10**6, -(2**31)):
        given = np.where(np.arange(6) == 4, wrong, Y).astype("int32")
        labels.set_value(given)
        for function, arguments in zip(functions, ((X, given), (X,)), strict=True):
            with pytest.raises(IndexError, match=f"no class {wrong}: the labels of 3 .* 0 to 2"):
                function(*arguments)
    labels.set_value(Y)
    p = numpy_probabilities(X, *(parameter.get_value() for parameter in model.params))
    np.testing.assert_allclose(functions[1](X), -np.mean(np.log(p[np.arange(6), Y])), rtol=1e-12)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (pt.vector("y"), "y must hold integers, got .*; cast it to int32"),
        (pt.imatrix("y"), "y must be a vector, got 2 dimensions"),
        (np.array([1, 2]), "y must be a PyTensor variable, got ndarray"),
    ],
)
def test_wrong_labels_are_named(y, message):
    model = LogisticRegression(pt.matrix(), 4, 3)
    for build in (model.negative_log_likelihood, model.errors):
        with pytest.raises(TypeError, match=message):
            build(y)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="n_out must be at least 1, got 0"):
        LogisticRegression(pt.matrix(), 4, 0)
    with pytest.raises(TypeError, match="input must be a matrix, got 3 dim"):
        LogisticRegression(pt.tensor3(), 4, 3)
