"""Formulas are recognised in any spelling, and nothing else is."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial.compile.expressions import Trial, agree, elementwise_leaves, value_at


@pytest.fixture
def variables():
    return pt.matrix("x"), pt.matrix("a"), pt.scalar("n")


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


SPELLINGS = {
    "plain": lambda x, a, n: (pt.sigmoid(a) - x) / n,
    "by hand": lambda x, a, n: -(x - 1 / (1 + pt.exp(-a))) / n,
    "gradient": lambda x, a, n: pytensor.grad(
        -pt.sum(x * pt.log(pt.sigmoid(a)) + (1 - x) * pt.log(1 - pt.sigmoid(a))) / n, a
    ),
    "with softplus": lambda x, a, n: pytensor.grad(pt.sum(pt.softplus(a) - x * a) / n, a),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_formula_in_many_spellings(spelling, variables):
    x, a, n = variables
    expression = SPELLINGS[spelling](x, a, n)
    trial = Trial()
    x_, a_ = trial.draw(), trial.draw()
    got = trial.evaluate(expression, {x: x_, a: a_})
    scale = 2 * trial.evaluate(expression, {x: 0, a: 0})
    assert agree(got, scale * (sigmoid(a_) - x_))
    extracted = pytensor.function([n], value_at(expression, {x: 0, a: 0}))
    np.testing.assert_allclose(extracted(4.0), 0.5 / 4, rtol=1e-6)


WRONG = {
    "sign": lambda x, a, n: (pt.sigmoid(a) + x) / n,
    "tanh": lambda x, a, n: (pt.tanh(a) - x) / n,
    "slightly": lambda x, a, n: (pt.sigmoid(a) - 1.000001 * x) / n,
    "nearly": lambda x, a, n: (pt.sigmoid(a) - x + 1e-7 * a**3) / n,
    "transposed": lambda x, a, n: (pt.sigmoid(a) - x.T) / n,
    "summed": lambda x, a, n: (pt.sigmoid(a) - x.sum(axis=0)) / n,
    "another": lambda x, a, n: (pt.sigmoid(a) - x * pt.matrix("m")) / n,
    "vector": lambda x, a, n: (pt.sigmoid(a) - x * pt.vector("v")) / n,
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_another_formula(kind, variables):
    x, a, n = variables
    expression = WRONG[kind](x, a, n)
    trial = Trial()
    x_, a_ = trial.draw(), trial.draw()
    got = trial.evaluate(expression, {x: x_, a: a_})
    scale = 2 * trial.evaluate(expression, {x: 0, a: 0})
    assert not agree(got, scale * (sigmoid(a_) - x_))


def test_leaves(variables):
    x, a, n = variables
    product = pt.dot(x, a)
    y = pt.sigmoid(product) * n + pt.log(x)
    assert set(elementwise_leaves(y)) == {product, x}
    assert set(elementwise_leaves(y * y, stop={y})) == {y}


def test_scalars_keep_their_values_through_a_trial(variables):
    x, _, n = variables
    trial = Trial()
    n_ = trial.evaluate(n + 0 * x, {x: 1})
    assert len(set(n_)) > 1
    np.testing.assert_allclose(trial.evaluate(x * n, {x: 3}), 3 * n_)
