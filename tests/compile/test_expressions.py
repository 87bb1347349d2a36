"""Formulas are proved in any spelling, and nothing else is, however near it comes."""

import math
import operator

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial.compile.rewrites import formulas
from deeptutorial.compile.rewrites.expressions import elementwise_leaves, formula, value_at
from deeptutorial.compile.rewrites.formulas import UNKNOWN, Formula, agree


@pytest.fixture
def variables():
    return pt.dmatrix("x"), pt.dmatrix("a"), pt.dscalar("n")


def formula_in(expression, *leaves):
    return formula(expression, {leaf: Formula.of(leaf) for leaf in leaves})


def is_output_gradient(expression, x, a):
    """Tell whether this is ``s * (sigmoid(a) - x)``, as the rewrite does."""
    scale = formula(expression, {x: 0, a: 0}) * 2
    expected = scale * (formulas.sigmoid(Formula.of(a)) - x)
    return agree(formula_in(expression, x, a), expected)


def cross_entropy(x, z):
    return -pt.sum(x * pt.log(z) + (1 - x) * pt.log(1 - z))


# ---- the gradient


SPELLINGS = {
    "plain": lambda x, a, n: (pt.sigmoid(a) - x) / n,
    "by hand": lambda x, a, n: -(x - 1 / (1 + pt.exp(-a))) / n,
    "gradient": lambda x, a, n: pytensor.grad(cross_entropy(x, pt.sigmoid(a)) / n, a),
    "gradient by hand": lambda x, a, n: pytensor.grad(
        cross_entropy(x, 1 / (1 + pt.exp(-a))) / n, a
    ),
    "with softplus": lambda x, a, n: pytensor.grad(pt.sum(pt.softplus(a) - x * a) / n, a),
    "with tanh": lambda x, a, n: (1 + pt.tanh(a / 2) - 2 * x) / (2 * n),
    "in other floats": lambda x, a, n: (
        pt.cast(pt.sigmoid(a) - x, "float64") / pt.cast(n, "float32")
    ),
    "with a scalar maximum": lambda x, a, n: (pt.sigmoid(a) - x) / pt.maximum(n, 1),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_formula_in_many_spellings(spelling, variables):
    x, a, n = variables
    expression = SPELLINGS[spelling](x, a, n)
    assert is_output_gradient(expression, x, a)
    extracted = pytensor.function([n], value_at(expression, {x: 0, a: 0}), mode="FAST_COMPILE")
    np.testing.assert_allclose(extracted(4.0), 0.5 / 4, rtol=1e-6)


WRONG = {
    "sign": lambda x, a, n: (pt.sigmoid(a) + x) / n,
    "tanh": lambda x, a, n: (pt.tanh(a) - x) / n,
    "last bit": lambda x, a, n: (pt.sigmoid(a) - math.nextafter(1, 2) * x) / n,
    "nearly": lambda x, a, n: (pt.sigmoid(a) - x + 1e-100 * a**3) / n,
    "transposed": lambda x, a, n: (pt.sigmoid(a) - x.T) / n,
    "summed": lambda x, a, n: (pt.sigmoid(a) - x.sum(axis=0)) / n,
    "another": lambda x, a, n: (pt.sigmoid(a) - x * pt.dmatrix("m")) / n,
    "vector": lambda x, a, n: (pt.sigmoid(a) - x * pt.dvector("v")) / n,
    "clipped far out": lambda x, a, n: pt.clip((pt.sigmoid(a) - x) / n, -1e9, 1e9),
    "clipped within": lambda x, a, n: (pt.sigmoid(pt.clip(a, -1e9, 1e9)) - x) / n,
    "guarded": lambda x, a, n: pt.switch(pt.isnan(a), 0, (pt.sigmoid(a) - x) / n),
    "integer division": lambda x, a, n: (pt.sigmoid(a) - x // 1) / n,
    "absolute": lambda x, a, n: (pt.sigmoid(pt.abs(a)) - x) / n,
    "rounded": lambda x, a, n: (pt.cast(pt.cast(pt.sigmoid(a), "float32"), "float64") - x) / n,
    "infinite": lambda x, a, n: (pt.sigmoid(a) - x) * np.inf + 0 * n,
    "not a number": lambda x, a, n: (pt.sigmoid(a) - x) * np.nan + 0 * n,
    "what may be zero cancelled": lambda x, a, n: (pt.sigmoid(a) * x - x * x) / x / n,
    "deep": lambda x, a, n: sum(((pt.sigmoid(a) - x) / n for _ in range(500)), start=0 * x),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_another_formula(kind, variables):
    x, a, n = variables
    assert not is_output_gradient(WRONG[kind](x, a, n), x, a)


# ---- the cost


def entropies(x, a):
    z = pt.sigmoid(a)
    yield x * pt.log(z) + (1 - x) * pt.log(1 - z)
    yield x * pt.log(z) + (1 - x) * pt.log1p(-z)
    yield x * pt.log(z) + (1 - x) * pt.log(pt.sigmoid(-a))
    yield x * pt.log(1 / (1 + pt.exp(-a))) - (1 - x) * pt.log1p(pt.exp(a))
    yield -x * pt.softplus(-a) - (1 - x) * pt.softplus(a)
    yield x * a - pt.softplus(a)


def near_entropies(x, a):
    z = pt.sigmoid(a)
    yield x * pt.log(z + 1e-10) + (1 - x) * pt.log(1 - z + 1e-10)
    yield x * pt.log(pt.maximum(z, 1e-7)) + (1 - x) * pt.log(pt.maximum(1 - z, 1e-7))
    yield x * pt.log(pt.clip(z, 1e-7, 1 - 1e-7)) + (1 - x) * pt.log(1 - z)
    yield x * pt.log(z) + (1 - x) * pt.log(math.nextafter(1, 2) - z)
    yield pt.minimum(x, 3) * a - pt.softplus(a)
    yield x * a - pt.softplus(2 * a)


@pytest.mark.parametrize(("spelled", "same"), [(entropies, True), (near_entropies, False)])
def test_cross_entropy(spelled, same, variables):
    x, a, _ = variables
    expected = Formula.of(x) * a - formulas.softplus(Formula.of(a))
    got = [agree(formula_in(spelling, x, a), expected) for spelling in spelled(x, a)]
    assert got == [same] * 6


# ---- formulas


def test_identities():
    t, u = (Formula.of(pt.dmatrix()) for _ in range(2))
    exp, log, sigmoid, softplus = formulas.exp, formulas.log, formulas.sigmoid, formulas.softplus
    one, zero = Formula.of(1), Formula.of(0)
    for left, right in [
        ((t + u) * (t - u), t * t - u * u),
        (formulas.power(t - u, Formula.of(3)), (t - u) * (t * t - t * u * 2 + u * u)),
        (formulas.power(exp(t), Formula.of(-2)) * exp(t), exp(-t)),
        (sigmoid(-t), one - sigmoid(t)),
        (softplus(u - t), softplus(t - u) - t + u),
        (log(sigmoid(t)), -softplus(-t)),
        (log(one - sigmoid(t)), -softplus(t)),
        (log(exp(t) + exp(u)), t + softplus(u - t)),
        (exp(zero), one),
        (log(one), zero),
        (sigmoid(zero), Formula.of(0.5)),
    ]:
        assert agree(left, right)
        assert not agree(left, right + t * 1e-300)


@pytest.mark.parametrize(
    "unknown",
    [
        lambda t: t / t,
        lambda t: t / (formulas.exp(t) - 1),
        lambda t: t / 0,
        lambda t: formulas.log(t),
        lambda t: formulas.log(formulas.exp(t) * 2),
        lambda t: formulas.exp(formulas.sigmoid(t)),
        lambda t: formulas.power(t, Formula.of(0.5)),
        lambda t: formulas.power(t, Formula.of(1000)),
        lambda t: formulas.power(t, t),
    ],
)
def test_what_is_not_proved_is_unknown(unknown):
    t = Formula.of(pt.dmatrix())
    got = unknown(t)
    assert got == UNKNOWN
    for made_of_it in (got + 1, got * 0, got / 2, -got, formulas.exp(got), formulas.log(got)):
        assert made_of_it == UNKNOWN
    assert not agree(got, got)


@pytest.mark.parametrize("value", [1 / 3, pt.dmatrix()])
def test_a_formula_does_not_grow_without_end(value):
    t = Formula.of(value)
    for _ in range(40):
        t = (t + 1) * t
    assert t == UNKNOWN


def test_scalars_that_share_their_parts_are_looked_at_once(variables):
    x, _, n = variables
    for _ in range(30):
        n = n + n
    assert agree(formula_in(x * n, x), Formula.of(x) * variables[2] * 2**30)


def test_a_scalar_of_an_unknown_kind_is_a_variable(variables):
    x, _, n = variables
    rate = pt.maximum(n, 1e-3)
    assert agree(formula_in(x * rate + x, x), Formula.of(x) * rate + x)


@pytest.mark.parametrize("operation", [operator.add, operator.mul])
def test_less_than_the_leaves_precision_is_unknown(operation):
    x, half = pt.fmatrix(), pt.tensor(dtype="float16", shape=(None, None))
    assert agree(formula_in(operation(x, x), x), operation(Formula.of(x), x))
    assert formula_in(pt.cast(operation(half, half), "float32") + x, x, half) != UNKNOWN
    assert formula_in(pt.cast(operation(x, x), "float16"), x) == UNKNOWN
    assert formula_in(operation(pt.cast(x, "int32"), 1), x) == UNKNOWN


def test_leaves(variables):
    x, a, n = variables
    product = pt.dot(x, a)
    y = pt.sigmoid(product) * n + pt.log(x)
    assert set(elementwise_leaves(y)) == {product, x}
    assert set(elementwise_leaves(y * y, stop={y})) == {y}
    for _ in range(60):
        y = pt.sigmoid(y) * y  # twice as many ways to the leaves each time
    assert set(elementwise_leaves(y)) == {product, x}
