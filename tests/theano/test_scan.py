"""`theano.scan` and its kin, with the arguments and the updates of old."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano


def compiled(inputs, outputs, updates=None):
    return theano.function(inputs, outputs, updates=updates, mode="FAST_COMPILE")


def test_a_power():
    A, k = T.dvector("A"), T.iscalar("k")
    result, updates = theano.scan(
        fn=lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k
    )
    f = compiled([A, k], result[-1], updates)
    np.testing.assert_array_equal(f(np.arange(4.0), 3), np.arange(4.0) ** 3)


def test_taps_and_sequences():
    x, first = T.dvector("x"), T.dvector("first")
    result, _ = theano.scan(
        lambda now, before, a, b: now + before + a * b,
        sequences=dict(input=x, taps=[0, -1]),  # noqa: C408
        outputs_info=dict(initial=first, taps=[-2, -1]),  # noqa: C408
    )
    xs, values = np.array([1.0, 2, 3, 4]), [1.0, 2.0]
    for i in range(1, 4):
        values.append(xs[i] + xs[i - 1] + values[-2] * values[-1])
    np.testing.assert_array_equal(compiled([x, first], result)(xs, np.array([1.0, 2])), values[2:])


def test_updates_come_back_as_a_dictionary_that_can_be_added_to():
    n, other = theano.shared(0), theano.shared(5)
    out, updates = theano.scan(lambda: ([n], {n: n + 2}), n_steps=4)
    updates[other] = other * 2
    updates.update({other: other * 3})
    assert isinstance(updates, dict)
    compiled([], out, updates)()
    assert (n.get_value(), other.get_value()) == (8, 15)


def test_until_stops():
    limit = T.dscalar("limit")
    out, _ = theano.scan(
        lambda x: (x * 2, theano.scan_module.until(x * 2 > limit)),
        outputs_info=T.constant(1.0, dtype="float64"),
        n_steps=100,
    )
    np.testing.assert_array_equal(compiled([limit], out)(10.0), [2, 4, 8, 16])


def test_a_truncated_gradient():
    w = theano.shared(2.0)
    x = T.dvector("x")

    def gradient(steps):
        h, _ = theano.scan(
            lambda x, h, w: w * h + x,
            sequences=x,
            non_sequences=w,
            truncate_gradient=steps,
            outputs_info=T.constant(0.0, dtype="float64"),
            strict=True,
        )
        return compiled([x], T.grad(h[-1], w))(np.ones(4))

    # h = 1, 3, 7, 15: the whole derivative is h3 + w (h2 + w h1), cut off after two steps.
    assert gradient(-1) == 7 + 2 * (3 + 2 * 1)
    assert gradient(2) == 7 + 2 * 3


def test_backwards_and_several_outputs():
    x = T.dvector("x")
    (double, total), _ = theano.scan(
        lambda x, total: (2 * x, total + x),
        sequences=[x],
        go_backwards=True,
        outputs_info=[None, T.constant(0.0, dtype="float64")],
    )
    doubled, sums = compiled([x], [double, total])(np.arange(4.0))
    np.testing.assert_array_equal(doubled, [6, 4, 2, 0])
    np.testing.assert_array_equal(sums, [3, 5, 6, 6])


@pytest.mark.parametrize(
    ("loop", "expected"), [("reduce", 6.0), ("foldl", 6.0), ("foldr", 6.0), ("map", [0, 2, 4, 6])]
)
def test_map_reduce_and_folds(loop, expected):
    x = T.dvector("x")
    if loop == "map":
        out, updates = theano.map(lambda x: 2 * x, sequences=x)
    else:
        start = T.constant(0.0, dtype="float64")
        out, updates = getattr(theano, loop)(lambda x, t: x + t, sequences=x, outputs_info=start)
    np.testing.assert_array_equal(compiled([x], out, updates)(np.arange(4.0)), expected)
