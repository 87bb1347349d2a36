"""`theano.function`: defaults, names, updates and what does not fit, as Theano had it."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano
from deeptutorial.theano import In, Param, function


def compiled(*args, **kwargs):
    return function(*args, mode="FAST_COMPILE", **kwargs)


@pytest.fixture
def x():
    return T.dscalar("x")


@pytest.fixture
def rate():
    return T.dscalar("rate")


def test_in_has_a_default(x, rate):
    f = compiled([x, In(rate, value=0.5)], x * rate)
    assert f(4.0) == 2.0
    assert f(4.0, 2.0) == 8.0
    assert f(4.0, rate=3.0) == 12.0
    assert f(x=4.0) == 2.0
    assert f(4.0) == 2.0  # what was passed is not kept


def test_param_takes_its_default_second_and_a_name(x, rate):
    f = compiled([x, Param(rate, 0.5, name="lr")], x * rate)
    assert f(4.0, lr=2.0) == 8.0
    with pytest.raises(TypeError, match="no input named 'rate'"):
        f(4.0, rate=2.0)


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "no value for the input 'x'"),
        ((1.0, 2.0, 3.0), {}, "takes 2 inputs, got 3"),
        ((1.0,), {"x": 2.0}, "'x' is given twice"),
    ],
)
def test_a_wrong_call_is_explained(x, rate, args, kwargs, reason):
    f = compiled([x, In(rate, value=0.5)], x * rate)
    with pytest.raises(TypeError, match=reason):
        f(*args, **kwargs)


def test_an_input_with_an_update_keeps_its_value():
    step, state = T.lscalar("step"), T.lscalar("state")
    f = compiled([In(step, value=1), In(state, value=10, update=state + step)], state)
    assert [f(), f(), f(5), f()] == [10, 11, 12, 17]
    assert f[state] == 18
    f["state"] = 3
    assert f() == 3


def test_defaults_of_arrays_and_results_in_lists(x):
    v = T.dvector("v")
    f = compiled([x, In(v, value=np.arange(3.0))], [v.sum(), v * x])
    total, scaled = f(2.0)
    assert total == 3.0
    np.testing.assert_array_equal(scaled, [0, 2, 4])


def test_a_dict_of_outputs_returns_one(x):
    f = compiled([x], {"double": 2 * x, "square": x**2})
    assert f(3.0) == {"double": 6.0, "square": 9.0}


def test_no_outputs_but_updates():
    n = theano.shared(1)
    f = compiled([], updates=[(n, n + 1)])
    f()
    assert n.get_value() == 2


@pytest.mark.parametrize("as_given", [dict, list, theano.OrderedUpdates])
def test_updates_as_a_dict_a_list_or_ordered(as_given):
    n = theano.shared(np.float64(1))
    f = compiled([], n, updates=as_given([(n, n * 3)]))
    assert f() == 1.0
    assert n.get_value() == 3.0


def test_an_update_of_a_wider_dtype_is_refused_with_the_fix():
    W = theano.shared(np.zeros((2, 2), "float32"), name="W")
    rate = T.dscalar("rate")
    with pytest.raises(TypeError) as caught:
        compiled([rate], updates=[(W, W - rate * W)])
    message = str(caught.value)
    for part in ("An update must have the same type", "W is float32", "float64", "rate", "cast"):
        assert part in message
    compiled([rate], updates=[(W, T.cast(W - rate * W, "float32"))])


def test_an_update_of_another_rank_is_refused():
    W = theano.shared(np.zeros((2, 2)), name="W")
    with pytest.raises(TypeError, match="W has 2, its new value has 0"):
        compiled([], updates=[(W, W.sum())])


def test_an_update_of_a_narrower_dtype_or_a_constant_is_widened():
    W, b = theano.shared(np.zeros(2), name="W"), theano.shared(np.ones(2, "float32"), name="b")
    compiled([], updates=[(W, 2 * b), (b, np.zeros(2))])()
    np.testing.assert_array_equal(W.get_value(), [2, 2])
    np.testing.assert_array_equal(b.get_value(), [0, 0])
    assert b.get_value().dtype == "float32"


def test_givens_take_arrays(x):
    assert compiled([], x + 1, givens={x: np.float64(4)})() == 5.0


def test_float64_into_float32_needs_leave(x):
    v = T.fvector("v")
    values = np.array([0.1, 0.2])
    with pytest.raises(TypeError, match="loss of precision"):
        compiled([v], v.sum())(values)
    f = compiled([v], v.sum(), allow_input_downcast=True)
    np.testing.assert_allclose(f(values), 0.3, rtol=1e-6)


def test_an_unused_input_is_refused_unless_ignored(x, rate):
    with pytest.raises(Exception, match="not part of the computational graph"):
        compiled([x, rate], x)
    assert compiled([x, rate], x, on_unused_input="ignore")(1.0, 2.0) == 1.0


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE", "ProfileMode", theano.Mode("py")])
def test_modes_by_their_old_names(x, mode):
    with theano.change_flags(profile=False):
        assert function([x], x + 1, mode=mode)(1.0) == 2.0


def test_inputs_are_a_list(x):
    with pytest.raises(TypeError, match="in a list"):
        function(x, x)


def test_no_default_updates_keeps_the_stream_still():
    draw = T.shared_randomstreams.RandomStreams(1).uniform((3,))
    still = compiled([], draw, no_default_updates=True)
    np.testing.assert_array_equal(still(), still())


def test_shared_takes_broadcastable():
    row = theano.shared(np.zeros((1, 3)), broadcastable=(True, False))
    assert row.broadcastable == (True, False)


def test_clone_replaces(x, rate):
    assert theano.clone(x * 2, replace={x: rate + 1}).eval({rate: 2.0}) == 6.0


def test_the_functions_get_the_fast_mode(x):
    from deeptutorial.compile.backends.numba.linker import QuickNumbaLinker

    assert isinstance(theano.compile.get_default_mode().linker, QuickNumbaLinker)
    assert isinstance(theano.compile.get_mode("FAST_RUN").linker, QuickNumbaLinker)
