"""A layer's step as one Op: the same results, where it is asked for and nowhere else."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial.compile.kernels import helpers
from deeptutorial.compile.modes import layer_step_mode
from deeptutorial.compile.ops.layer_step import LayerProduct, LayerStep

SHAPES = [
    (20, 37, 53),
    (1, 100, 120),
    (130, 61, 47),
    (7, 300, 301),
    (3, 1, 5),
    (4, 6, 1),
    (0, 6, 5),
]
"""Examples, units below, units of the layer: tiles with and without edges, one and two threads."""


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with pytensor.config.change_flags(floatX=request.param):
        yield request.param


def uniform(seed, *shape):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def assert_close(got, expected, dtype):
    assert got.dtype == dtype
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def ops_of(function):
    return [type(node.op) for node in function.maker.fgraph.apply_nodes]


@pytest.fixture(scope="module")
def compiled_op():
    """Return the Op compiled on its own, one function for each of its forms."""
    functions = {}

    def compile_op(op, dtype):
        if (op, dtype) not in functions:
            n_inputs = 2 if isinstance(op, LayerProduct) else 4
            inputs = [pt.matrix(dtype=dtype) for _ in range(n_inputs)]
            if n_inputs == 4:
                inputs[2] = pt.scalar(dtype=dtype)
            functions[op, dtype] = pytensor.function(inputs, op(*inputs))
        return functions[op, dtype]

    return compile_op


# ---- the Ops


@pytest.mark.parametrize("shape", SHAPES)
def test_product_is_that_of_numpy(compiled_op, dtype, shape):
    B, n_in, n_out = shape
    x, W = uniform(1, B, n_in).astype(dtype), uniform(2, n_in, n_out).astype(dtype)
    got = compiled_op(LayerProduct(), dtype)(x, W)
    assert_close(got, x.astype("float64") @ W, dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_step_is_that_of_numpy(compiled_op, dtype, shape):
    B, n_in, n_out = shape
    x, d, W = (
        uniform(seed, *size).astype(dtype)
        for seed, size in enumerate([(B, n_in), (B, n_out), (n_in, n_out)])
    )
    before = W.copy()
    dx, new_W = compiled_op(LayerStep(sends_back=True), dtype)(x, d, 0.25, W)
    assert_close(dx, d.astype("float64") @ W.T, dtype)
    assert_close(new_W, W - 0.25 * (x.T.astype("float64") @ d), dtype)
    np.testing.assert_array_equal(W, before)


@pytest.fixture
def set_threads():
    """Return a function that sets how many threads may work; all is as before afterwards."""
    limits = slice(helpers._LIMIT, helpers._LIMIT + 2)
    before = helpers._table[limits].copy()

    def limit(threads):
        helpers._table[limits] = threads, 0

    yield limit
    helpers._table[limits] = before


def test_threads_change_no_bit(compiled_op, dtype, set_threads):
    x, d, W = (
        uniform(seed, *size).astype(dtype)
        for seed, size in enumerate([(20, 203), (20, 305), (203, 305)])
    )
    step, product = (compiled_op(op, dtype) for op in (LayerStep(sends_back=True), LayerProduct()))
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        results.append([*step(x, d, 0.25, W), product(x, W)])
    for others in results[1:]:
        for got, expected in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("wrong", ["x", "d", "W"])
def test_shapes_that_do_not_fit_are_refused(compiled_op, dtype, wrong):
    shapes = {"x": (5, 8), "d": (5, 6), "W": (8, 6)}
    shapes[wrong] = (9, 9)
    x, d, W = (uniform(1, *shape).astype(dtype) for shape in shapes.values())
    with pytest.raises(ValueError, match="fit together"):
        compiled_op(LayerStep(sends_back=True), dtype)(x, d, 0.1, W)
    with pytest.raises(ValueError, match="fit together"):
        compiled_op(LayerProduct(), dtype)(uniform(1, 5, 9).astype(dtype), W[:7])


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="matrices"):
        LayerProduct()(pt.dvector(), pt.dmatrix())
    with pytest.raises(TypeError, match="all float32 or all float64"):
        LayerProduct()(pt.dmatrix(), pt.fmatrix())
    with pytest.raises(TypeError, match="scalar"):
        LayerStep(sends_back=True)(pt.dmatrix(), pt.dmatrix(), pt.dvector(), pt.dmatrix())


def test_the_ops_run_without_numba():
    """In Python, where the default mode is not Numba's."""
    x, d, W = uniform(1, 5, 8), uniform(2, 5, 6), uniform(3, 8, 6)
    inputs = [pt.dmatrix(), pt.dmatrix(), pt.dscalar(), pt.dmatrix()]
    step = LayerStep(sends_back=True)(*inputs)
    product = LayerProduct()(inputs[0], inputs[3])
    dx, new_W, xW = pytensor.function(inputs, [*step, product], mode="FAST_COMPILE")(x, d, 0.1, W)
    np.testing.assert_allclose(dx, d @ W.T)
    np.testing.assert_allclose(new_W, W - 0.1 * x.T @ d)
    np.testing.assert_allclose(xW, x @ W)


# ---- the rewrite


def perceptron(dtype):
    """Two layers and the gradient descent of all they have."""
    x, t = pt.matrix("x", dtype=dtype), pt.matrix("t", dtype=dtype)
    W, U = (
        pytensor.shared(uniform(s, *shape).astype(dtype))
        for s, shape in ((5, (30, 20)), (6, (20, 8)))
    )
    b = pytensor.shared(uniform(7, 20).astype(dtype))
    cost = ((pt.dot(pt.tanh(pt.dot(x, W) + b), U) - t) ** 2).mean()
    return [x, t], cost, [W, U, b]


def descent(cost, params, rate=0.3):
    return [
        (p, p - np.asarray(rate, p.dtype) * g)
        for p, g in zip(params, pytensor.grad(cost, params), strict=True)
    ]


def test_training_is_the_same_with_and_without(dtype):
    batch = [uniform(8, 20, 30).astype(dtype), uniform(9, 20, 8).astype(dtype)]
    ran = []
    for mode in (layer_step_mode(), pytensor.get_mode(None)):
        inputs, cost, params = perceptron(dtype)
        train = pytensor.function(inputs, cost, updates=descent(cost, params), mode=mode)
        costs = [float(train(*batch)) for _ in range(4)]
        ran.append((train, costs, [p.get_value() for p in params]))
    (fused, costs, params), (plain, plain_costs, plain_params) = ran
    assert ops_of(fused).count(LayerStep) == 2
    assert ops_of(fused).count(LayerProduct) == 2
    assert LayerStep not in ops_of(plain)
    assert LayerProduct not in ops_of(plain)
    np.testing.assert_allclose(costs, plain_costs, rtol=1e-5)
    assert costs[-1] < costs[0]
    for got, expected in zip(params, plain_params, strict=True):
        assert_close(got, expected, dtype)


def test_it_writes_into_the_weights():
    inputs, cost, params = perceptron("float32")
    train = pytensor.function(inputs, cost, updates=descent(cost, params), mode=layer_step_mode())
    steps = [n.op for n in train.maker.fgraph.apply_nodes if isinstance(n.op, LayerStep)]
    assert len(steps) == 2
    assert all(step.inplace for step in steps)
    assert sorted(step.sends_back for step in steps) == [False, True]


def test_old_weights_that_are_asked_for_are_the_old_ones():
    inputs, cost, params = perceptron("float64")
    W = params[0]
    before = W.get_value()
    train = pytensor.function(
        inputs, [cost, W * 1], updates=descent(cost, params), mode=layer_step_mode()
    )
    _, seen = train(uniform(8, 20, 30), uniform(9, 20, 8))
    np.testing.assert_array_equal(seen, before)
    assert not np.array_equal(W.get_value(), before)


def left_alone(updates_of):
    inputs, cost, params = perceptron("float64")
    outputs, updates = updates_of(cost, params)
    train = pytensor.function(inputs, outputs, updates=updates, mode=layer_step_mode())
    return ops_of(train).count(LayerStep)


def test_weight_decay_is_left_to_pytensor():
    def with_decay(cost, params):
        cost = cost + 0.1 * sum((p**2).sum() for p in params)
        return cost, descent(cost, params)

    assert left_alone(with_decay) == 0


def test_clipped_gradients_stay_clipped(caplog):
    x, t = pt.dmatrices("x", "t")
    before = uniform(5, 30, 4)
    W = pytensor.shared(before)
    gradient = pytensor.grad(((pt.dot(x, W) - t) ** 2).sum(), W)
    train = pytensor.function(
        [x, t], updates=[(W, W - 0.1 * pt.clip(gradient, -3, 3))], mode=layer_step_mode()
    )
    assert LayerStep not in ops_of(train)
    batch = uniform(8, 20, 30), uniform(9, 20, 4)
    train(*batch)
    expected = 2 * batch[0].T @ (batch[0] @ before - batch[1])
    assert np.abs(expected).max() > 3
    np.testing.assert_allclose(W.get_value(), before - 0.1 * np.clip(expected, -3, 3))
    assert not caplog.records


def test_a_gradient_that_is_needed_elsewhere_is_made():
    def with_norm(cost, params):
        gradient = pytensor.grad(cost, params[0])
        return [cost, (gradient**2).sum()], descent(cost, params)

    assert left_alone(with_norm) == 1  # the upper layer's


def test_momentum_is_left_to_pytensor():
    def with_momentum(cost, params):
        updates = []
        for param, step in descent(cost, params):
            memory = pytensor.shared(np.zeros_like(param.get_value()))
            updates += [(memory, 0.9 * memory + step - param), (param, step + 0.9 * memory)]
        return cost, updates

    assert left_alone(with_momentum) == 0


def test_nobody_gets_it_unasked():
    inputs, cost, params = perceptron("float64")
    train = pytensor.function(inputs, cost, updates=descent(cost, params))
    assert not {LayerStep, LayerProduct} & set(ops_of(train))


def test_excluding_the_tag_leaves_it_out():
    inputs, cost, params = perceptron("float64")
    mode = layer_step_mode().excluding("deeptutorial")
    train = pytensor.function(inputs, cost, updates=descent(cost, params), mode=mode)
    assert not {LayerStep, LayerProduct} & set(ops_of(train))


def test_no_other_backend_gets_it():
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        inputs, cost, params = perceptron("float64")
        mode = layer_step_mode()
        train = pytensor.function(inputs, cost, updates=descent(cost, params), mode=mode)
    assert not {LayerStep, LayerProduct} & set(ops_of(train))
