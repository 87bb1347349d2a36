"""The dA against NumPy: its weights, its cost, its gradients, its noise, its manners."""

import pickle
import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.utils import RandomStream

from deeptutorial import RandomStreams, dA

N_VISIBLE, N_HIDDEN, N_EXAMPLES = 7, 5, 4


@pytest.fixture(params=["float64"])
def floatX(request):
    with pytensor.config.change_flags(floatX=request.param):
        yield request.param


@pytest.fixture
def in_float32():
    with pytensor.config.change_flags(floatX="float32"):
        yield


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def numpy_cost(x, tilde_x, W, b, b_prime):
    """Equations (2) to (4), and the mean over the minibatch."""
    y = sigmoid(tilde_x @ W + b)
    z = sigmoid(y @ W.T + b_prime)
    return np.mean(-np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))


def numpy_step(x, tilde_x, W, b, b_prime, learning_rate):
    """One step of gradient descent, the gradients worked out by hand."""
    y = sigmoid(tilde_x @ W + b)
    z = sigmoid(y @ W.T + b_prime)
    dz = (z - x) / len(x)
    dy = (dz @ W) * y * (1 - y)
    gradients = tilde_x.T @ dy + dz.T @ y, dy.sum(axis=0), dz.sum(axis=0)
    return [
        parameter - learning_rate * gradient
        for parameter, gradient in zip((W, b, b_prime), gradients, strict=True)
    ]


def small_dA(**arguments):
    """Return a dA with biases that are not zero, and a minibatch for it."""
    rng = np.random.RandomState(0)
    da = dA(numpy_rng=rng, n_visible=N_VISIBLE, n_hidden=N_HIDDEN, **arguments)
    for bias in (da.b, da.b_prime):
        bias.set_value(rng.uniform(-1, 1, bias.get_value().shape).astype(bias.dtype))
    return da, rng.uniform(size=(N_EXAMPLES, N_VISIBLE)).astype(da.x.dtype)


def values(da):
    return [parameter.get_value() for parameter in da.params]


# ---- construction


def test_initial_weights_are_the_originals(in_float32):
    """The seed is drawn first, then the weights: worked out with NumPy alone."""
    rng = np.random.RandomState(123)
    rng.randint(2**30)
    bound = 4 * np.sqrt(6.0 / (500 + 784))
    expected = rng.uniform(-bound, bound, size=(784, 500)).astype("float32")
    da = dA(numpy_rng=np.random.RandomState(123))
    np.testing.assert_array_equal(da.W.get_value(), expected)
    assert not da.b.get_value().any()
    assert not da.b_prime.get_value().any()


def test_a_given_stream_leaves_the_first_draw_to_the_weights():
    expected = np.random.RandomState(123).uniform(-1, 1, size=(4, 3)) * 4 * np.sqrt(6.0 / 7)
    da = dA(np.random.RandomState(123), RandomStreams(1), n_visible=4, n_hidden=3)
    np.testing.assert_allclose(da.W.get_value(), expected, rtol=1e-6)


def test_a_numpy_generator_is_taken():
    one = dA(np.random.default_rng(5), n_visible=6, n_hidden=3)
    two = dA(np.random.default_rng(5), n_visible=6, n_hidden=3)
    np.testing.assert_array_equal(one.W.get_value(), two.W.get_value())
    assert np.abs(one.W.get_value()).max() <= 4 * np.sqrt(6 / 9)


def test_attributes():
    da, _ = small_dA()
    assert (da.n_visible, da.n_hidden) == (N_VISIBLE, N_HIDDEN)
    assert da.params == [da.W, da.b, da.b_prime]
    assert isinstance(da.theano_rng, RandomStreams)
    assert da.x.ndim == 2
    assert da.x.dtype == pytensor.config.floatX
    W_prime = pytensor.function([], da.W_prime)
    da.W.set_value(da.W.get_value() + 1)
    np.testing.assert_array_equal(W_prime(), da.W.get_value().T)


def test_given_parameters_and_input_are_used_as_they_are():
    floatX = pytensor.config.floatX
    W = pytensor.shared(np.zeros((3, 2), dtype=floatX))  # of no truth value, all zeros
    b, b_prime = (pytensor.shared(np.zeros(n, dtype=floatX)) for n in (2, 3))
    x, streams = pt.matrix(), RandomStreams(0)
    da = dA(np.random.RandomState(0), streams, x, 3, 2, W, b, b_prime)
    assert da.W is W
    assert da.b is b
    assert da.b_prime is b_prime
    assert da.x is x
    assert da.theano_rng is streams


def test_weights_shared_with_another_layer_learn_together():
    """An update through the dA is seen by the layer, and the layer's by the dA."""
    da, x = small_dA()
    layer = pytensor.function([da.x], pt.sigmoid(pt.dot(da.x, da.W) + da.b))
    cost, updates = dA(
        np.random.RandomState(1), input=da.x, n_visible=7, n_hidden=5, W=da.W, bhid=da.b
    ).get_cost_updates(0.0, 0.5)
    before = layer(x)
    pytensor.function([da.x], cost, updates=updates)(x)
    assert not np.allclose(layer(x), before)
    np.testing.assert_allclose(
        layer(x), sigmoid(x @ da.W.get_value() + da.b.get_value()), rtol=1e-5
    )


def test_input_can_be_the_layer_below():
    da, x = small_dA()
    above = dA(
        np.random.RandomState(1), input=da.get_hidden_values(da.x), n_visible=N_HIDDEN, n_hidden=2
    )
    cost, updates = above.get_cost_updates(0.25, 0.1)
    train = pytensor.function([da.x], cost, updates=updates)
    assert np.isfinite(train(x))
    assert {target for target, _ in updates} >= set(above.params)
    assert not {target for target, _ in updates} & set(da.params)


SHARED = {
    shape: pytensor.shared(np.zeros(shape, dtype=pytensor.config.floatX))
    for shape in [(7, 5), (5, 7), (7,), (5,), (7, 5, 1)]
}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_visible": 0}, ValueError, "n_visible must be at least 1, got 0"),
        ({"n_hidden": -5}, ValueError, "n_hidden must be at least 1, got -5"),
        ({"n_hidden": 2.5}, TypeError, "n_hidden must be an integer, got 2.5"),
        ({"n_hidden": True}, TypeError, "n_hidden must be an integer, got True"),
        ({"numpy_rng": 123}, TypeError, "numpy_rng must be .* got 123"),
        ({"theano_rng": 123}, TypeError, "theano_rng must be .* got 123"),
        ({"W": SHARED[5, 7]}, ValueError, r"W must have shape \(7, 5\), got \(5, 7\)"),
        ({"W": SHARED[7, 5, 1]}, TypeError, "W must be a matrix, got 3 dimensions"),
        ({"W": np.zeros((7, 5))}, TypeError, r"W must be .* ndarray; wrap .* pytensor.shared"),
        ({"bhid": SHARED[7,]}, ValueError, r"bhid must have shape \(5\), got \(7,\)"),
        ({"bvis": SHARED[5,]}, ValueError, r"bvis must have shape \(7\), got \(5,\)"),
        ({"bvis": [0.0] * 7}, TypeError, "bvis must be a PyTensor variable, got list"),
        ({"input": pt.vector()}, TypeError, "input must be a matrix, got 1 dim"),
        ({"input": pt.matrix(shape=(None, 8))}, ValueError, r"\(any, 7\), got \(None, 8\)"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    complete = {"numpy_rng": np.random.RandomState(0), "n_visible": 7, "n_hidden": 5} | arguments
    with pytest.raises(error, match=message):
        dA(**complete)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-0.1, 0.1), ValueError, r"corruption_level must be in \[0, 1\], got -0.1"),
        ((1.01, 0.1), ValueError, r"corruption_level must be in \[0, 1\], got 1.01"),
        ((float("nan"), 0.1), ValueError, "corruption_level must be .* got nan"),
        (("0.3", 0.1), TypeError, "corruption_level must be a number .* got '0.3'"),
        ((pt.vector(), 0.1), TypeError, "corruption_level must be .* symbolic scalar"),
        ((0.3, -0.1), ValueError, "learning_rate must be .* got -0.1"),
        ((0.3, float("inf")), ValueError, "learning_rate must be finite .* got inf"),
        ((0.3, None), TypeError, "learning_rate must be a number .* got None"),
    ],
)
def test_wrong_levels_and_rates_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        small_dA()[0].get_cost_updates(*arguments)


# ---- formulas


def test_encode_and_decode(floatX):
    da, x = small_dA()
    W, b, b_prime = values(da)
    y = pytensor.function([da.x], da.get_hidden_values(da.x))(x)
    np.testing.assert_allclose(y, sigmoid(x @ W + b), rtol=1e-12)
    hidden = pt.matrix("hidden")
    z = pytensor.function([hidden], da.get_reconstructed_input(hidden))(y)
    np.testing.assert_allclose(z, sigmoid(y @ W.T + b_prime), rtol=1e-12)


def test_cost_and_updates_are_those_of_numpy(floatX):
    da, x = small_dA()
    cost, updates = da.get_cost_updates(corruption_level=0.0, learning_rate=0.3)
    assert isinstance(updates, list)
    train = pytensor.function([da.x], cost, updates=updates)
    for _ in range(3):
        before = values(da)
        np.testing.assert_allclose(train(x), numpy_cost(x, x, *before), rtol=1e-12)
        for got, expected in zip(values(da), numpy_step(x, x, *before, 0.3), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


def test_updates_with_noise_are_those_of_numpy(floatX):
    """The corrupted input that one step saw is read out and handed to NumPy."""
    da, x = small_dA()
    cost, updates = da.get_cost_updates(corruption_level=0.4, learning_rate=0.3)
    rng_state = next(target for target, _ in updates if target not in da.params)
    tilde_x = next(
        v for v in ancestors([cost]) if v.owner and v.ndim == 2 and v.owner.inputs[-1] is da.x
    )
    state = rng_state.get_value(borrow=False)
    seen = pytensor.function([da.x], tilde_x)(x)
    rng_state.set_value(state)
    assert 0 < (seen == 0).mean() < 1
    before = values(da)
    got_cost = pytensor.function([da.x], cost, updates=updates)(x)
    np.testing.assert_allclose(got_cost, numpy_cost(x, seen, *before), rtol=1e-12)
    for got, expected in zip(values(da), numpy_step(x, seen, *before, 0.3), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_gradients_are_finite_differences_of_the_cost(floatX, which):
    """Weights are moved where both the encoder and the decoder see them."""
    da, x = small_dA()
    cost, updates = da.get_cost_updates(corruption_level=0.0, learning_rate=1.0)
    evaluate = pytensor.function([da.x], cost)
    start = values(da)
    pytensor.function([da.x], cost, updates=updates)(x)
    gradient = start[which] - values(da)[which]
    for parameter, value in zip(da.params, start, strict=True):
        parameter.set_value(value)
    differences = np.empty_like(gradient)
    step = 1e-6
    for place in np.ndindex(gradient.shape):
        ends = []
        for sign in (1, -1):
            moved = start[which].copy()
            moved[place] += sign * step
            da.params[which].set_value(moved)
            ends.append(evaluate(x))
        differences[place] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8)


def test_symbolic_level_and_rate(floatX):
    da, x = small_dA()
    level, rate = pt.dscalar("level"), pt.scalar("rate")
    cost, updates = da.get_cost_updates(corruption_level=level, learning_rate=rate)
    train = pytensor.function([da.x, level, rate], cost, updates=updates)
    before = values(da)
    np.testing.assert_allclose(train(x, 0.0, 0.2), numpy_cost(x, x, *before), rtol=1e-12)
    for got, expected in zip(values(da), numpy_step(x, x, *before, 0.2), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)
    before = values(da)
    everything_masked = train(x, 1.0, 0.0)
    np.testing.assert_allclose(everything_masked, numpy_cost(x, 0 * x, *before), rtol=1e-12)
    for got, unchanged in zip(values(da), before, strict=True):
        np.testing.assert_array_equal(got, unchanged)


def test_pytensors_own_stream_is_refused_with_what_would_do():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTensor is about to give it up
        stream = RandomStream(1)
    with pytest.raises(TypeError, match=r"deeptutorial\.RandomStreams, made as RandomStreams"):
        dA(np.random.RandomState(0), stream, n_visible=7, n_hidden=5)


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_an_input_too_wide_for_floatX_is_refused_with_what_would_do(dtype, in_float32):
    with pytest.raises(TypeError, match=rf"input holds {dtype}, .* float32: .*cast\(x, 'float32'"):
        dA(np.random.RandomState(0), input=pt.matrix(dtype=dtype), n_visible=7, n_hidden=5)
    narrow = dA(np.random.RandomState(0), input=pt.matrix(dtype="uint8"), n_visible=7, n_hidden=5)
    assert narrow.get_cost_updates(0.0, 0.1)[0].dtype == "float32"


def test_a_rate_and_a_level_may_be_arrays_of_no_dimensions():
    da = dA(np.random.RandomState(0), n_visible=N_VISIBLE, n_hidden=N_HIDDEN)
    x = np.random.default_rng(0).random((N_EXAMPLES, N_VISIBLE)).astype(da.x.dtype)
    before = da.b_prime.get_value()
    moved = []
    for rate in (0.25, np.array(0.25), np.array(0.25, dtype="float32")):
        _, updates = da.get_cost_updates(np.array(0.0), rate)
        pytensor.function([da.x], updates=updates[2:], mode="FAST_COMPILE")(x)
        moved.append(da.b_prime.get_value() - before)
        da.b_prime.set_value(before)
    np.testing.assert_array_equal(moved[1:], moved[:1] * 2)
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        da.get_cost_updates(0.0, np.array([0.25]))


@pytest.mark.parametrize(("made_in", "used_in"), [("float32", "float64"), ("float64", "float32")])
def test_a_pickled_dA_trains_under_another_floatX(made_in, used_in):
    with pytensor.config.change_flags(floatX=made_in):
        da = dA(np.random.RandomState(0), n_visible=N_VISIBLE, n_hidden=N_HIDDEN)
        kept = pickle.dumps(da)
    x = np.random.default_rng(0).random((N_EXAMPLES, N_VISIBLE)).astype(made_in)
    with pytensor.config.change_flags(floatX=used_in):
        da = pickle.loads(kept)
        before = [param.get_value().astype("float64") for param in da.params]
        rate = pt.scalar("rate")
        cost, updates = da.get_cost_updates(0.0, rate)
        step = pytensor.function([da.x, rate], cost, updates=updates, mode="FAST_COMPILE")
        assert step(x, 0.1) == pytest.approx(numpy_cost(x, x, *before), rel=1e-5)
    for param, expected in zip(da.params, numpy_step(x, x, *before, 0.1), strict=True):
        assert param.get_value().dtype == made_in
        np.testing.assert_allclose(param.get_value(), expected, rtol=1e-4)


def test_saturated_units_give_finite_costs(in_float32):
    da, _ = small_dA()
    da.b_prime.set_value(np.array([200, -200, 200, -200, 90, -90, 0], dtype="float32"))
    da.W.set_value(np.zeros((N_VISIBLE, N_HIDDEN), dtype="float32"))
    x = np.array([[0, 1, 1, 0, 0, 1, 0.5]], dtype="float32")
    cost, updates = da.get_cost_updates(0.0, 0.1)
    got = pytensor.function([da.x], cost, updates=updates)(x)
    np.testing.assert_allclose(got, 200 + 200 + 0 + 0 + 90 + 90 + np.log(2), rtol=1e-5)
    assert all(np.isfinite(value).all() for value in values(da))


# ---- the graph


@pytest.mark.parametrize("left_out", ["nothing", "deeptutorial"])
def test_float32_stays_float32(left_out, in_float32):
    """No float64 at any node that is run; symbolic scalars of float64 are brought down at once."""
    da, _ = small_dA()
    train_set = pytensor.shared(np.zeros((40, N_VISIBLE), dtype="float32"))
    index, level = pt.lscalar(), pt.scalar()
    cost, updates = da.get_cost_updates(level, np.float64(0.1))
    train = pytensor.function(
        [index, level],
        cost,
        updates=updates,
        givens={da.x: train_set[index * 4 : (index + 1) * 4]},
        mode=pytensor.get_mode(None).excluding(left_out),
    )
    dtypes = {
        str(output.dtype)
        for node in train.maker.fgraph.toposort()
        for output in node.outputs
        if hasattr(output, "dtype")
    }
    assert "float32" in dtypes
    assert "float64" not in dtypes
    assert cost.dtype == "float32"


@pytest.mark.parametrize("nothing", [0, 0.0, np.float32(0), np.int64(0)])
def test_without_corruption_there_is_no_random_node(nothing):
    da, _ = small_dA()
    assert da.get_corrupted_input(da.x, nothing) is da.x
    cost, updates = da.get_cost_updates(nothing, 0.1)
    assert [target for target, _ in updates] == da.params
    assert not [v for v in ancestors([cost]) if "random" in str(v.type).lower()]


def test_building_compiles_nothing(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("compiled")

    monkeypatch.setattr("pytensor.compile.maker.FunctionMaker.__init__", refuse)
    da, _ = small_dA()
    da.get_cost_updates(0.3, 0.1)


# ---- noise


def corrupt(level, seed=1):
    x = pt.matrix("x")
    da = dA(np.random.RandomState(0), RandomStreams(seed), n_visible=400, n_hidden=2)
    return pytensor.function([x], da.get_corrupted_input(x, level))


@pytest.mark.parametrize("level", [0.1, 0.3, 0.5, 1.0])
def test_corruption_zeroes_its_share_and_touches_nothing_else(level):
    x = np.random.default_rng(2).uniform(0.1, 1, (300, 400)).astype(pytensor.config.floatX)
    corrupted = corrupt(level)(x)
    zeroed = corrupted == 0
    np.testing.assert_array_equal(corrupted[~zeroed], x[~zeroed])
    assert abs(zeroed.mean() - level) <= 5 * np.sqrt(level * (1 - level) / x.size)
    for axis in (0, 1):  # no row and no column is spared
        assert zeroed.mean(axis=axis).std() < 0.05


def test_noise_is_fresh_at_each_call_and_the_same_from_the_same_seed():
    x = np.ones((20, 400), dtype=pytensor.config.floatX)
    one, same, other = corrupt(0.3), corrupt(0.3), corrupt(0.3, seed=2)
    first, second = one(x), one(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(same(x), first)
    np.testing.assert_array_equal(same(x), second)
    assert not np.array_equal(other(x), first)


def test_training_draws_fresh_noise_from_the_updates():
    """With a rate of 0 nothing but the noise can change the cost from call to call."""
    da, x = small_dA()
    cost, updates = da.get_cost_updates(0.5, 0.0)
    train = pytensor.function([da.x], cost, updates=updates)
    assert len({float(train(x)) for _ in range(10)}) > 5
