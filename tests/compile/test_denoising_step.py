"""The training step as one Op: the same results, on the pattern it is for and on no other."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams, dA
from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.compile.ops.draws import flip_coins
from tests.compile.modes import quick_mode

V, H, N = 23, 11, 60


@pytest.fixture(params=["float32", "float64"])
def floatX(request):
    with pytensor.config.change_flags(floatX=request.param):
        yield request.param


@pytest.fixture
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


def new_dA(n_visible=V, n_hidden=H, **arguments):
    rng = np.random.RandomState(3)
    da = dA(rng, RandomStreams(5), n_visible=n_visible, n_hidden=n_hidden, **arguments)
    for bias in (da.b, da.b_prime):
        bias.set_value(rng.uniform(-1, 1, bias.get_value().shape).astype(bias.dtype))
    return da


def examples(n=N, n_visible=V):
    x = np.random.default_rng(4).uniform(size=(n, n_visible))
    x[x < 0.4] = 0
    return x.astype(pytensor.config.floatX)


def n_steps(function):
    return sum(isinstance(n.op, DenoisingStep) for n in function.maker.fgraph.apply_nodes)


def compile_both(build, with_it=None):
    """Compile what `build` returns for a new dA, with the rewrite and without.

    What is without runs in Python, Op by Op, as the other does in `quick_mode`.

    Returns (function, dA) of each.
    """
    both = []
    for mode in (with_it, quick_mode().excluding("deeptutorial")):
        da = new_dA()
        inputs, outputs, updates = build(da)
        both.append((pytensor.function(inputs, outputs, updates=updates, mode=mode), da))
    return both


def assert_same_training(with_rewrite, without_rewrite, *arguments, calls=4):
    (fused, da), (plain, reference) = with_rewrite, without_rewrite
    tolerance = 2e-5 if pytensor.config.floatX == "float32" else 1e-12
    for _ in range(calls):
        for got, expected in zip(fused(*arguments), plain(*arguments), strict=True):
            np.testing.assert_allclose(got, expected, rtol=tolerance)
    for got, expected in zip(da.params, reference.params, strict=True):
        np.testing.assert_allclose(
            got.get_value(), expected.get_value(), rtol=tolerance, atol=tolerance
        )


# ---- where it is applied


def spelled_as_in_the_class(da):
    cost, updates = da.get_cost_updates(0.0, 0.3)
    return [da.x], [cost], updates


def spelled_with_symbolic_rate(da):
    rate = pytensor.shared(np.asarray(0.2, dtype="float64"))
    cost, updates = da.get_cost_updates(0.0, rate / 2)
    return [da.x], [cost], updates


def by_gradient_descent(da, cost, rate=0.3):
    return [(p, p - rate * pytensor.grad(cost, p)) for p in da.params]


def spelled_with_softplus(da):
    a = pt.dot(da.get_hidden_values(da.x), da.W.T) + da.b_prime
    cost = pt.sum(pt.softplus(a) - da.x * a)
    return [da.x], [cost], by_gradient_descent(da, cost, 0.01)


def spelled_for_each_example(da):
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    L = (da.x * pt.log(z) + (1 - da.x) * pt.log1p(-z)).sum(axis=1)
    return [da.x], [L, -L.mean()], by_gradient_descent(da, -L.mean())


def spelled_with_pytensors_own_cross_entropy(da):
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    cost = pt.special.xlogy(0, 1) + -(da.x * pt.log(z) + (1 - da.x) * pt.log(1 - z)).sum() / N
    return [da.x], [cost], by_gradient_descent(da, cost)


def stacked_on_a_layer(da):
    below = pytensor.shared(np.linspace(-1, 1, V * V).reshape(V, V).astype(da.W.dtype))
    x = pt.matrix("x")
    da.x = pt.sigmoid(pt.dot(x, below))
    cost, updates = da.get_cost_updates(0.0, 0.3)
    return [x], [cost], updates


APPLIED = [
    spelled_as_in_the_class,
    spelled_with_symbolic_rate,
    spelled_with_softplus,
    spelled_for_each_example,
    spelled_with_pytensors_own_cross_entropy,
    stacked_on_a_layer,
]


@pytest.mark.parametrize("build", APPLIED)
def test_same_training_with_and_without(build, floatX):
    both = compile_both(build)
    assert [n_steps(function) for function, _ in both] == [1, 0]
    assert_same_training(*both, examples())


@pytest.mark.parametrize("level", [0.0, 0.3, "symbolic"])
def test_the_tutorials_call_with_givens(level, floatX):
    train_set_x = pytensor.shared(examples(), borrow=True)
    index, symbolic = pt.lscalar("index"), pt.scalar("level")
    inputs = [index] + [symbolic] * (level == "symbolic")
    da = new_dA()
    cost, updates = da.get_cost_updates(symbolic if level == "symbolic" else level, 0.1)
    train = pytensor.function(
        inputs, cost, updates=updates, givens={da.x: train_set_x[index * 20 : (index + 1) * 20]}
    )
    (step,) = (n for n in train.maker.fgraph.apply_nodes if isinstance(n.op, DenoisingStep))
    assert step.op.inplace
    assert step.op.corruption == ("none" if level == 0.0 else "masking")
    arguments = [0.3] * (level == "symbolic")
    costs = [train(k, *arguments) for k in (0, 1, 2, 0, 1, 2)]
    assert costs[3] < costs[0]
    assert costs[0].dtype == floatX


# ---- where it is not


def needs_the_code_too(da):
    cost, updates = da.get_cost_updates(0.0, 0.3)
    return [da.x], [cost, da.get_hidden_values(da.x)], updates


def with_weight_decay(da):
    cost, _ = da.get_cost_updates(0.0, 0.3)
    return [da.x], [cost], by_gradient_descent(da, cost + 0.01 * (da.W**2).sum())


def with_another_rate_for_the_bias(da):
    cost, updates = da.get_cost_updates(0.0, 0.3)
    updates[1] = (da.b, da.b - 0.2 * pytensor.grad(cost, da.b))
    return [da.x], [cost], updates


def with_squared_error(da):
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    cost = ((z - da.x) ** 2).sum(axis=1).mean()
    return [da.x], [cost], by_gradient_descent(da, cost)


def with_fixed_weights(da):
    cost, updates = da.get_cost_updates(0.0, 0.3)
    return [da.x], [cost], updates[1:]


def with_weights_that_are_not_tied(da):
    decoder = pytensor.shared(da.W.get_value().T)
    z = pt.sigmoid(pt.dot(da.get_hidden_values(da.x), decoder) + da.b_prime)
    cost = -(da.x * pt.log(z) + (1 - da.x) * pt.log(1 - z)).sum(axis=1).mean()
    return [da.x], [cost], by_gradient_descent(da, cost)


def with_tanh_units(da):
    y = pt.tanh(pt.dot(da.x, da.W) + da.b)
    z = da.get_reconstructed_input(y)
    cost = -(da.x * pt.log(z) + (1 - da.x) * pt.log(1 - z)).sum(axis=1).mean()
    return [da.x], [cost], by_gradient_descent(da, cost)


def with_clipped_gradients(da):
    cost, _ = da.get_cost_updates(0.0, 0.3)
    return (
        [da.x],
        [cost],
        [(p, p - 0.3 * pt.clip(pytensor.grad(cost, p), -0.05, 0.05)) for p in da.params],
    )


def with_one_target_for_all_examples(da):
    target = pt.row("target")
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    cost = -(target * pt.log(z) + (1 - target) * pt.log(1 - z)).sum(axis=1).mean()
    fixed = pytensor.shared(examples(1), shape=(1, V))
    cost = pytensor.graph.replace.clone_replace(cost, {target: fixed})
    return [da.x], [cost], by_gradient_descent(da, cost)


NOT_APPLIED = [
    with_one_target_for_all_examples,
    needs_the_code_too,
    with_weight_decay,
    with_another_rate_for_the_bias,
    with_squared_error,
    with_fixed_weights,
    with_weights_that_are_not_tied,
    with_tanh_units,
    with_clipped_gradients,
]


@pytest.mark.parametrize("build", NOT_APPLIED)
def test_another_pattern_is_left_alone(build, in_float64):
    both = compile_both(build, quick_mode())
    assert [n_steps(function) for function, _ in both] == [0, 0]
    assert_same_training(*both, examples(), calls=2)


def kind_of_corruption(function):
    (step,) = (n for n in function.maker.fgraph.apply_nodes if isinstance(n.op, DenoisingStep))
    return step.op.corruption


@pytest.mark.parametrize("noise", ["masking", "binomial", "gaussian"])
def test_noise_that_is_looked_at_is_the_noise_that_was_used(noise, in_float64):
    """The user's own noise, or the class's own that is put out too, is handed to the step."""
    da = new_dA()
    rng = pt.random.shared_rng(np.random.default_rng(0))
    more_updates = []
    if noise == "masking":
        tilde_x = da.get_corrupted_input(da.x, 0.5)
    else:
        next_rng, draw = (
            rng.binomial(1, 0.6, size=da.x.shape)
            if noise == "binomial"
            else rng.normal(0, 0.3, size=da.x.shape)
        )
        tilde_x = draw * da.x if noise == "binomial" else da.x + draw
        more_updates = [(rng, next_rng)]
    z = da.get_reconstructed_input(da.get_hidden_values(tilde_x))
    cost = -(da.x * pt.log(z) + (1 - da.x) * pt.log(1 - z)).sum(axis=1).mean()
    updates = by_gradient_descent(da, cost) + more_updates
    train = pytensor.function([da.x], [cost, tilde_x], updates=updates)
    assert kind_of_corruption(train) == "given"
    x = examples()
    W, b, b_prime = (p.get_value() for p in da.params)
    got, seen = train(x)
    expected = step_in_numpy(x, seen, W, b, b_prime, 0.3 / len(x))
    np.testing.assert_allclose(got, expected[0].mean(), rtol=1e-12)
    for parameter, value in zip(da.params, expected[1:], strict=True):
        np.testing.assert_allclose(parameter.get_value(), value, rtol=1e-9, atol=1e-12)
    assert not np.array_equal(train(x)[1], seen)


def test_noise_is_the_same_with_and_without_the_rewrite(floatX):
    def with_noise(da):
        cost, updates = da.get_cost_updates(0.3, 0.2)
        return [da.x], [cost], updates

    both = compile_both(with_noise)
    assert kind_of_corruption(both[0][0]) == "masking"
    assert n_steps(both[1][0]) == 0
    assert_same_training(*both, examples())


def test_old_weights_as_output_are_the_old_weights(in_float64):
    da = new_dA()
    cost, updates = da.get_cost_updates(0.0, 0.3)
    train = pytensor.function([da.x], [cost, da.W * 1, da.W], updates=updates)
    assert n_steps(train) == 1
    before = da.W.get_value()
    _, one, other = train(examples())
    np.testing.assert_array_equal(one, before)
    np.testing.assert_array_equal(other, before)
    assert not np.array_equal(da.W.get_value(), before)


# ---- the Op


def step_in_numpy(x, tilde_x, W, b, b_prime, step_size):
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    x, tilde_x, W, b, b_prime = (v.astype("float64") for v in (x, tilde_x, W, b, b_prime))
    y = sigmoid(tilde_x @ W + b)
    z = sigmoid(y @ W.T + b_prime)
    L = -np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1)
    dz, dy = z - x, ((z - x) @ W) * y * (1 - y)
    return (
        L,
        W - step_size * (tilde_x.T @ dy + dz.T @ y),
        b - step_size * dy.sum(axis=0),
        b_prime - step_size * dz.sum(axis=0),
    )


SIZES = [
    *[(1, 5, 1), (1, 784, 500), (2, 16, 7), (3, 17, 64), (7, 40, 33), (20, 784, 500)],
    *[(20, 100, 1), (64, 61, 129), (130, 33, 20), (300, 300, 40), (5, 1, 3), (1, 1, 1)],
    *[(320, 20, 9), (321, 20, 9), (1500, 40, 70)],  # beyond 320 in pieces
]


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("corruption", ["none", "masking", "given"])
@pytest.mark.parametrize("share_of_zeros", [0.0, 0.95])
@pytest.mark.parametrize(("n", "n_visible", "n_hidden"), SIZES)
def test_step_is_that_of_numpy(n, n_visible, n_hidden, share_of_zeros, corruption, mode, floatX):
    draw = np.random.default_rng(n)
    x = draw.uniform(0.05, 0.95, size=(n, n_visible)).astype(floatX)
    x[draw.uniform(size=x.shape) < share_of_zeros] = 0
    W = draw.normal(size=(n_visible, n_hidden)).astype(floatX) / np.sqrt(n_visible)
    W = W.astype(floatX)
    b, b_prime = (draw.normal(size=k).astype(floatX) for k in (n_hidden, n_visible))

    inputs = [pt.matrix(), pt.scalar(), pt.matrix(), pt.vector(), pt.vector()]
    values = [x, np.asarray(0.1, floatX), W, b, b_prime]
    tilde_x = x
    if corruption == "given":
        inputs.append(pt.matrix())
        tilde_x = np.where(x > 0, draw.uniform(size=x.shape), 0).astype(floatX)
        values.append(tilde_x)
    elif corruption == "masking":
        state = np.array([8, 5], dtype="uint64")
        inputs += [pt.vector(dtype="uint64"), pt.lvector(), pt.scalar()]
        values += [state, np.array(x.shape), np.asarray(0.7, floatX)]
        tilde_x = x * flip_coins(state, x.shape, float(values[-1]))
    outputs = DenoisingStep(corruption)(*inputs)
    step = pytensor.function(inputs, outputs, mode=pytensor.compile.mode.get_mode(mode))
    untouched = [v.copy() for v in values[:5]]
    got = step(*values)
    tolerance = 3e-5 if floatX == "float32" else 1e-11
    for result, expected in zip(got, step_in_numpy(x, tilde_x, W, b, b_prime, 0.1), strict=False):
        assert result.dtype == floatX
        scale = np.abs(expected).max()
        np.testing.assert_allclose(result / scale, expected / scale, atol=tolerance)
    for value, before in zip(values, untouched, strict=False):
        np.testing.assert_array_equal(value, before)
    if corruption == "masking":
        np.testing.assert_array_equal(got[4], [8, 6])


WRONG_SHAPES = {
    "more pixels than the dA has": {"x": (20, 5000)},
    "fewer pixels": {"x": (20, V - 1)},
    "a hidden bias too short": {"b": (H - 1,)},
    "a visible bias too long": {"b_prime": (V + 27,)},
    "weights of another shape": {"W": (H, V)},
}


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("wrong", WRONG_SHAPES)
def test_shapes_that_do_not_fit_are_refused(wrong, mode, floatX):
    shapes = {"x": (20, V), "W": (V, H), "b": (H,), "b_prime": (V,)} | WRONG_SHAPES[wrong]
    values = {name: np.ones(shape, dtype=floatX) for name, shape in shapes.items()}
    inputs = [pt.matrix(), pt.scalar(), pt.matrix(), pt.vector(), pt.vector()]
    step = pytensor.function(inputs, DenoisingStep("none")(*inputs), mode=mode)
    with pytest.raises(ValueError, match="fit"):
        step(values["x"], np.asarray(0.1, floatX), values["W"], values["b"], values["b_prime"])


def test_a_bias_set_to_another_shape_is_refused_before_anything_is_written(in_float64):
    da = new_dA()
    cost, updates = da.get_cost_updates(0.3, 0.3)
    train = pytensor.function([da.x], cost, updates=updates)
    da.b.set_value(np.zeros(3))
    W = da.W.get_value()
    with pytest.raises(ValueError, match="b and b_prime do not fit x"):
        train(examples())
    np.testing.assert_array_equal(da.W.get_value(), W)


@pytest.mark.parametrize("n_targets", [3, 3000])
def test_a_target_of_another_length_is_refused(n_targets, in_float64):
    da = new_dA()
    target = pt.matrix("target")
    a = pt.dot(da.get_hidden_values(da.x), da.W.T) + da.b_prime
    cost = pt.sum(pt.softplus(a) - target * a)
    train = pytensor.function([da.x, target], cost, updates=by_gradient_descent(da, cost))
    assert kind_of_corruption(train) == "given"
    train(examples(20), examples(20))
    with pytest.raises(ValueError, match="does not have the shape of x"):
        train(examples(20), examples(n_targets))


def test_noise_of_another_shape_is_refused(in_float64):
    da = new_dA()
    tilde_x = da.theano_rng.binomial(size=(7, V), n=1, p=0.5, dtype="float64") * da.x
    z = da.get_reconstructed_input(da.get_hidden_values(tilde_x))
    cost = -(da.x * pt.log(z) + (1 - da.x) * pt.log(1 - z)).sum()
    train = pytensor.function([da.x], cost, updates=by_gradient_descent(da, cost))
    assert kind_of_corruption(train) == "masking"
    assert np.isfinite(train(examples(7)))
    with pytest.raises(ValueError, match="does not have the shape of x"):
        train(examples(20))


def test_an_empty_minibatch_changes_nothing(floatX):
    """As one index too many gives it: the mean of no costs is not a number."""
    (fused, da), (plain, _) = compile_both(spelled_as_in_the_class)
    before = [p.get_value() for p in da.params]
    nothing = examples()[:0]
    with np.errstate(all="ignore"):
        assert np.isnan(fused(nothing)[0])
        assert np.isnan(plain(nothing)[0])
    for parameter, value in zip(da.params, before, strict=True):
        np.testing.assert_array_equal(parameter.get_value(), value)


def test_arrays_in_any_layout(floatX):
    """Fortran order and strides: a user may set any array as the weights."""
    da, reference = new_dA(), new_dA()
    da.W.set_value(np.asfortranarray(reference.W.get_value()), borrow=True)
    da.b.set_value(np.repeat(reference.b.get_value(), 2)[::2], borrow=True)
    x = np.repeat(examples(), 3, axis=1)[:, ::3]
    for model in (da, reference):
        cost, updates = model.get_cost_updates(0.0, 0.3)
        train = pytensor.function([model.x], cost, updates=updates)
        assert n_steps(train) == 1
        train(x)
        train(x)
    for got, expected in zip(da.params, reference.params, strict=True):
        np.testing.assert_allclose(got.get_value(), expected.get_value(), rtol=1e-5, atol=1e-6)


def test_nan_is_not_hidden(floatX):
    da = new_dA()
    W = da.W.get_value()
    W[3, 2] = np.nan
    da.W.set_value(W)
    cost, updates = da.get_cost_updates(0.0, 0.3)
    train = pytensor.function([da.x], cost, updates=updates)
    assert n_steps(train) == 1
    assert np.isnan(train(examples()))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_masked_pixel_that_is_no_number_is_not_hidden(floatX, wrong):
    """0 times it is NaN: it goes through its row of the codes, and to all weights."""
    da, x = new_dA(), examples()
    x[3, 4] = wrong
    cost, updates = da.get_cost_updates(1.0, 0.3)  # all are masked
    train = pytensor.function([da.x], cost, updates=updates)
    assert kind_of_corruption(train) == "masking"
    with np.errstate(all="ignore"):
        train(x)
    for parameter in da.params:
        assert np.isnan(parameter.get_value()).all()


def test_large_activations_do_not_overflow(floatX):
    da = new_dA()
    da.b_prime.set_value(np.full(V, 500, dtype=floatX))
    cost, updates = da.get_cost_updates(0.0, 0.0)
    train = pytensor.function([da.x], cost, updates=updates)
    zeros = np.zeros((2, V), dtype=floatX)
    np.testing.assert_allclose(train(zeros), 500 * V, rtol=0.02)
    assert all(np.isfinite(p.get_value()).all() for p in da.params)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (pt.vector(), 0.1, pt.matrix(), pt.vector(), pt.vector()),
            "x, W and tilde_x must be matrices",
        ),
        ((pt.fmatrix(), 0.1, pt.dmatrix(), pt.dvector(), pt.dvector()), "all be float32 or all"),
        ((pt.lmatrix(), 0.1, pt.lmatrix(), pt.lvector(), pt.lvector()), "got .*int64"),
    ],
)
def test_wrong_inputs_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        DenoisingStep("none")(*arguments)
