"""Products that take their elementwise graph along: the same results, for whatever stands there."""

import os
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import predefined_modes
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.type import TensorType

from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.backends.numba.kernels.plans import run_in_python
from deeptutorial.compile.ops.fused_products import FusedProducts
from tests.compile.modes import quick_mode

SIZES = [0, 1, 2, 3, 5, 7, 13, 16, 17, 20, 31, 33, 64, 65, 100, 130, 192, 300, 513]
LARGE = [64, 65, 70, 100, 113, 128, 193, 260]
PACKED = [65, 70, 79, 80, 81, 96, 97, 113, 128, 160, 175, 176, 193, 241, 500]  # see `_is_packed`
TOLERANCE = {"float32": 2e-4, "float64": 1e-12}


@pytest.fixture
def set_threads():
    """Return a function that sets how many threads may work; all is as before afterwards."""
    limits = slice(threads._LIMIT, threads._LIMIT + 2)
    before = threads._table[limits].copy()

    def limit(n):
        threads._table[limits] = n, 0

    yield limit
    threads._table[limits] = before


# ---- the Op against NumPy


def matrix(rng, rows, columns, dtype):
    """Return a matrix, of zeros for the most part perhaps, and not always in C order."""
    values = rng.normal(size=(rows, columns)).astype(dtype)
    if rng.random() < 0.5:
        values *= rng.random((rows, columns)) < 0.2
    match rng.integers(5):
        case 0:
            values = np.asfortranarray(values)
        case 1:
            around = np.zeros((rows + 2, columns + 5), dtype)
            around[1 : rows + 1, 2 : columns + 2] = values
            values = around[1 : rows + 1, 2 : columns + 2]
        case 2:
            values = values[::-1]
        case 3:
            values.flags.writeable = False
    return values


class Problem:
    """Random products with a graph behind them, and what NumPy makes of it in float64."""

    def __init__(self, seed, sizes):
        rng = np.random.default_rng(seed)
        self.dtype = dtype = ["float32", "float64"][seed % 2]
        M, N = rng.choice(sizes, 2)
        kinds = [["nn", "nt", "tn"][rng.integers(3)] for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))]
        if rng.random() < 0.5:
            kinds = kinds[:1] * len(kinds)
        products, operands, results = [], [], []
        for kind in kinds:
            K = rng.choice(sizes)
            A = matrix(rng, *((K, M) if kind == "tn" else (M, K)), dtype)
            B = matrix(rng, *((N, K) if kind == "nt" else (K, N)), dtype)
            if rng.random() < 0.2 and B.size:
                B = B.copy()
                B.flat[rng.integers(B.size)] = [np.nan, np.inf][rng.integers(2)]
            a, b = A.astype("float64"), B.astype("float64")
            with np.errstate(invalid="ignore"):
                product = (a.T if kind == "tn" else a) @ (b.T if kind == "nt" else b)
            added = results and kind != "nt" and "nt" not in kinds and rng.random() < 0.5
            if added:
                results[-1] = results[-1] + product
            else:
                results.append(product)
            products.append((kind, len(results) - 1))
            operands += [A, B]
        roles = [
            ["full", "row", "column", "scalar"][r] for r in rng.integers(4, size=rng.integers(4))
        ]
        if not kinds:
            roles.insert(rng.integers(len(roles) + 1), "full")
        shapes = {"full": (M, N), "row": (N,), "column": (M,), "scalar": ()}
        others = [
            matrix(rng, M, N, dtype) if role == "full"
            else rng.normal(size=2 * np.array(shapes[role], int)).astype(dtype)[::2] if shapes[role]
            else np.array(rng.normal(), dtype)
            for role in roles
        ]  # fmt: skip
        self.inputs = [*operands, *others]
        spread = [
            v.astype("float64")[:, None] if role == "column" else v.astype("float64")
            for v, role in zip(others, roles, strict=True)
        ]
        scalars = [getattr(ps, dtype)() for _ in range(len(results) + len(roles))]
        graph = [sum(scalars[1:], scalars[0])]
        graph.append(ps.tanh(graph[0]) * scalars[0])
        values = [*results, *spread]
        with np.errstate(invalid="ignore"):
            total = sum(values[1:], values[0]) + np.zeros((M, N))
            whole = [total, np.tanh(total) * values[0]]
        stored = [[0, 1], [1], []][rng.integers(3)]
        sums = [(int(rng.integers(2)), [0, 1, None][rng.integers(3)]) for _ in range(3)]
        shape_of = {0: (None,), 1: (None,), None: ()}
        self.op = FusedProducts(
            products,
            scalars,
            graph,
            roles,
            stored,
            sums,
            [TensorType(dtype, (None, None))] * len(stored)
            + [TensorType(dtype, shape_of[axis]) for _, axis in sums],
        )
        with np.errstate(invalid="ignore"):
            self.expected = [whole[o] for o in stored] + [whole[o].sum(axis) for o, axis in sums]
        largest = [np.abs(np.where(np.isfinite(v), v, 0)).max(initial=1) for v in whole]
        terms = {0: max(M, 1), 1: max(N, 1), None: max(M * N, 1)}
        self.scale = [largest[o] for o in stored] + [largest[o] * terms[a] for o, a in sums]


@pytest.mark.parametrize(
    ("seed", "sizes"),
    [(k, SIZES) for k in range(40)]
    + [(k, LARGE) for k in range(40, 60)]
    + [(k, PACKED) for k in range(60, 90)],
)
def test_op_is_what_numpy_makes_of_it(seed, sizes, set_threads):
    problem = Problem(seed, sizes)
    before = [v.copy() for v in problem.inputs]
    results = []
    for n in (1, 2, 3, 9):
        set_threads(n)
        results.append(run_in_python(problem.op, problem.inputs))
    for value, was in zip(problem.inputs, before, strict=True):
        np.testing.assert_array_equal(value, was)
    for got, expected, scale in zip(results[0], problem.expected, problem.scale, strict=True):
        assert got.shape == expected.shape
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
        finite = np.isfinite(expected)
        error = np.abs(got[finite] - expected[finite]).max(initial=0)
        assert error <= TOLERANCE[problem.dtype] * scale
    for others in results[1:]:  # no bit depends on the number of threads
        for got, expected in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processor", "features"), [("generic", ""), ("haswell", "+avx,+avx2,+fma")]
)
def test_vectors_of_16_and_32_bytes(processor, features, tmp_path):
    """Other processors' tiles have other sizes: the tests above and below, once more with these."""
    surroundings = {
        **os.environ,
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
    }
    chosen = "what_numpy_makes_of_it or change_no_bit"
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command = [*pytest_, "-k", chosen, __file__]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["nn", "tn"])
def test_skipped_zeros_change_no_bit(kind, dtype, set_threads):
    """The same rows have the same products beside others so dense that nothing is skipped."""
    rng = np.random.default_rng(8)
    s = getattr(ps, dtype)()
    op = FusedProducts(
        [(kind, 0)], [s], [ps.neg(s)], [], [0], [], [TensorType(dtype, (None, None))]
    )
    for M, K, N, n_dense in [(21, 784, 517, 43), (9, 20, 128, 40), (131, 300, 160, 260)]:
        A = np.zeros((M + n_dense, K), dtype)
        A[:M] = rng.normal(size=(M, K)) * (rng.random((M, K)) < 0.15)
        A[:M, K // 3 : K // 2], A[5] = 0, 0
        A[:M] *= np.where(rng.random((M, K)) < 0.5, -1, 1)  # zeros of either sign
        A[M:] = rng.normal(size=(n_dense, K))
        B = rng.normal(size=(K, N)).astype(dtype)
        for special in (None, np.nan, np.inf, -np.inf):
            if special is not None:
                A[2, K - 1], B[K // 3, N - 1], B[1, 3] = special, special, special
            few, all_ = A[:M], A
            if kind == "tn":
                few, all_ = np.ascontiguousarray(few.T), np.ascontiguousarray(all_.T)
            for n in (1, 2):
                set_threads(n)
                (got,), (dense,) = run_in_python(op, [few, B]), run_in_python(op, [all_, B])
                np.testing.assert_array_equal(got, dense[:M])
                signs = [np.signbit(v[~np.isnan(v)]) for v in (got, dense[:M])]
                np.testing.assert_array_equal(*signs)
            with np.errstate(invalid="ignore"):
                expected = -(A[:M].astype("float64") @ B.astype("float64"))
            np.testing.assert_allclose(got, expected, TOLERANCE[dtype], 100 * TOLERANCE[dtype])


def test_shapes_that_do_not_fit_are_refused():
    x, y, z = pt.dmatrices("x", "y", "z")
    scalars = [ps.float64(), ps.float64()]
    op = FusedProducts([("nn", 0)], scalars, [scalars[0] + scalars[1]], ["full"], [0], [], [x.type])
    run = pytensor.function([x, y, z], op(x, y, z))
    assert run(np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4))).tolist() == [[4] * 4] * 2
    for shapes in ([(2, 3), (2, 4), (2, 4)], [(2, 3), (3, 4), (2, 5)], [(2, 3), (3, 4), (1, 4)]):
        with pytest.raises(ValueError, match="do not fit"):
            run(*(np.ones(shape) for shape in shapes))


def test_floats_of_two_types_are_refused():
    scalars = [ps.float32(), ps.float64()]
    with pytest.raises(TypeError, match="of one type"):
        FusedProducts([], scalars, [scalars[0] * 1], ["full"] * 2, [0], [], [pt.fmatrix().type])


# ---- which graphs


def descent(cost, params, rate=0.3):
    gradients = pytensor.grad(cost, params)
    return [(p, p - rate * g) for p, g in zip(params, gradients, strict=True)]


class Perceptron:
    """Two layers, and what trains them."""

    def __init__(self, updates_of=descent, mode=None, outputs=lambda net: [net.cost]):
        def draw(seed, *shape):
            return np.random.default_rng(seed).normal(size=shape)

        self.batch = [draw(8, 20, 30), draw(9, 20, 8)]
        self.x, self.t = pt.dmatrices("x", "t")
        self.W, self.b, self.U = (
            pytensor.shared(draw(s, *shape) / 3)
            for s, shape in ((5, (30, 20)), (7, (20,)), (6, (20, 8)))
        )
        self.params = [self.W, self.b, self.U]
        self.y = pt.tanh(pt.dot(self.x, self.W) + self.b)
        self.cost = ((pt.dot(self.y, self.U) - self.t) ** 2).mean()
        self.updates = updates_of(self.cost, self.params)
        self.function = pytensor.function(
            [self.x, self.t], outputs(self), updates=self.updates, mode=mode or quick_mode()
        )

    def train(self, steps=3):
        outputs = [self.function(*self.batch) for _ in range(steps)]
        return [*(o for out in outputs for o in out), *(v.get_value() for v, _ in self.updates)]

    def fused(self):
        return [
            n.op for n in self.function.maker.fgraph.apply_nodes if isinstance(n.op, FusedProducts)
        ]


def agrees(updates_of=descent, **options):
    """Train with the rewrites and without; return the first."""
    net = Perceptron(updates_of, **options)
    plain = Perceptron(updates_of, mode=quick_mode().excluding("deeptutorial"), **options)
    assert not plain.fused()
    for got, expected in zip(net.train(), plain.train(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    return net


def test_a_perceptron_is_five_products():
    """Two forward, one back, and two updates: W and U are read where they lie and written there."""
    net = agrees()
    assert len(net.fused()) == 5
    assert [op.inplace for op in net.fused() if op.inplace] == [((0, 0),)] * 2
    left = [type(n.op).__name__ for n in net.function.maker.fgraph.apply_nodes]
    assert "Dot" not in left


def momentum(cost, params):
    updates = []
    for p, g in zip(params, pytensor.grad(cost, params), strict=True):
        v = pytensor.shared(np.zeros(p.get_value().shape))
        new_v = 0.9 * v - 0.1 * pt.clip(g, -5, 5)
        updates += [(v, new_v), (p, p + new_v)]
    return updates


def test_momentum_is_written_in_the_same_pass():
    net = agrees(momentum)
    assert len(net.fused()) == 5
    assert sorted(len(op.inplace) for op in net.fused()) == [0, 0, 0, 2, 2]


def never_heard_of(cost, params):
    """An optimiser of nobody's: a step by the sign of a leaking sum of odd powers."""
    updates = []
    for p, g in zip(params, pytensor.grad(cost, params), strict=True):
        m = pytensor.shared(np.full(p.get_value().shape, 0.01))
        new_m = pt.switch(pt.abs(g) > 1e-3, 0.8 * m + g**3, pt.log1p(pt.exp(m)) - 0.69)
        step = pt.sign(new_m) * pt.minimum(pt.sqrt(pt.abs(new_m)), 0.1) + 1e-4 * pt.sin(p)
        updates += [(m, new_m), (p, pt.clip(p - step, -1, 1))]
    return updates


def test_an_optimiser_that_the_code_has_never_heard_of():
    net = agrees(never_heard_of)
    assert len(net.fused()) == 5
    assert sorted(len(op.inplace) for op in net.fused()) == [0, 0, 0, 2, 2]


class Bent(ps.UnaryScalarOp):
    """A scalar Op of a user's own."""

    def impl(self, x):
        return x if x > 0 else 0.1 * x

    def grad(self, inputs, gradients):
        return [gradients[0] * ps.switch(ps.gt(inputs[0], 0), 1.0, 0.1)]


bent = Elemwise(Bent(ps.upgrade_to_float, name="bent"))


def test_a_users_own_scalar_op_stays_what_it_is():
    def build(mode):
        x = pt.dmatrix("x")
        W = pytensor.shared(np.random.default_rng(1).normal(size=(6, 5)))
        cost = (bent(pt.dot(x, W)) ** 2).sum()
        return W, pytensor.function([x], cost, updates=descent(cost, [W], 0.01), mode=mode)

    x = np.random.default_rng(2).normal(size=(7, 6))
    (W, fused), (plain_W, plain) = (
        build(mode) for mode in (quick_mode(), quick_mode().excluding("deeptutorial"))
    )
    for _ in range(3):
        np.testing.assert_allclose(fused(x), plain(x))
    np.testing.assert_allclose(W.get_value(), plain_W.get_value())
    assert any(isinstance(n.op, FusedProducts) for n in fused.maker.fgraph.apply_nodes)


def test_signed_and_unsigned_integers_are_compared_as_they_are():
    """In floats they are rounded, and equal."""
    x, i, u = pt.dmatrix(), pt.lmatrix(), pt.matrix(dtype="uint64")
    W = pytensor.shared(np.ones((5, 4)))
    y = pt.dot(x, W) * pt.eq(i, u)
    updates = [(W, W - 0.1 * pt.dot(x.T, pt.dot(x, W)))]
    compare = pytensor.function([x, i, u], y, updates=updates, mode=quick_mode())
    large = np.full((6, 4), 2**53)
    assert (compare(np.ones((6, 5)), large + 1, large.astype("uint64")) == 0).all()
    assert (compare(np.ones((6, 5)), large, large.astype("uint64")) != 0).all()


def test_old_weights_that_are_asked_for_are_the_old_ones():
    net = Perceptron(outputs=lambda net: [net.cost, net.W * 1])
    before = net.W.get_value()
    _, seen = net.function(*net.batch)
    np.testing.assert_array_equal(seen, before)
    assert not np.array_equal(net.W.get_value(), before)


def test_another_variable_that_takes_the_old_weights_gets_the_old_ones():
    def remembering(cost, params):
        old = pytensor.shared(np.zeros((30, 20)))
        return [*descent(cost, params), (old, params[0])]

    net = agrees(remembering)
    (old, _) = net.updates[-1]
    before = net.W.get_value()
    net.function(*net.batch)
    np.testing.assert_array_equal(old.get_value(), before)


@pytest.mark.parametrize("mode", [quick_mode(), predefined_modes["NUMBA"]])
def test_weights_that_must_not_be_written_to_are_not(mode):
    """Weights that somebody still has, a file mapped into memory say."""
    net = Perceptron(mode=mode)
    kept = net.W.get_value()
    kept.flags.writeable = False
    net.W.set_value(kept, borrow=True)
    before = kept.copy()
    net.function(*net.batch)
    np.testing.assert_array_equal(kept, before)
    assert not np.array_equal(net.W.get_value(), before)


@pytest.mark.parametrize("mode", [quick_mode(), predefined_modes["NUMBA"]])
def test_a_column_and_a_row_make_a_matrix(mode):
    """The code of one hidden unit, whose number is known, and a bias whose length is not."""
    rng = np.random.default_rng(0)
    start = {"W": rng.normal(size=(5, 1)), "b": rng.normal(size=1)}
    W = pytensor.shared(start["W"], shape=(5, 1))
    b = pytensor.shared(start["b"])
    x = pt.dmatrix("x")
    y = pt.tanh(pt.dot(x, W) + b)
    updates = descent(pt.sqr(y - y.mean(axis=0)).mean(), [W, b])
    function = pytensor.function([x], [y, y.sum(axis=0)], updates=updates, mode=mode)
    ops = [node.op for node in function.maker.fgraph.apply_nodes]
    assert any(getattr(op, "roles", None) == ("column", "row") for op in ops)

    batch = rng.normal(size=(7, 5))
    expected = np.tanh(batch @ start["W"] + start["b"])
    d = 2 * (expected - expected.mean(axis=0)) / 7 * (1 - expected**2)
    code, total = function(batch)
    np.testing.assert_allclose(code, expected, rtol=1e-12)
    np.testing.assert_allclose(total, expected.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(W.get_value(), start["W"] - 0.3 * batch.T @ d, rtol=1e-12)
    np.testing.assert_allclose(b.get_value(), start["b"] - 0.3 * d.sum(axis=0), rtol=1e-12)


def test_a_sum_of_what_was_float64():
    """Of numbers that are cast: they are summed up in the type that they are cast to."""

    def outputs(net):
        return [net.cost, (pt.cast(net.x, "float32") * np.float32(2)).sum(axis=0)]

    net = agrees(outputs=outputs)
    _, sums = net.function(*net.batch)
    assert sums.dtype == "float32"
    np.testing.assert_allclose(sums, 2 * net.batch[0].sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    "outputs",
    [
        lambda net: [net.cost, *pytensor.grad(net.cost, net.params)],
        lambda net: [net.cost, pt.dot(net.x, net.W), net.y],
        lambda net: [net.cost, pt.dot(net.x, net.W).sum(axis=0), net.y.max()],
        lambda net: [
            net.cost,
            pt.sqrt(sum((g**2).sum() for g in pytensor.grad(net.cost, net.params))),
        ],
    ],
    ids=["gradients", "products", "sums of products", "norm"],
)
def test_what_is_asked_for_besides(outputs):
    agrees(outputs=outputs)


@pytest.mark.parametrize(("built", "now"), [("float32", "float64"), ("float64", "float32")])
def test_a_graph_keeps_its_types_where_floatX_is_another_one_now(built, now):
    """Integers that are divided make floats of floatX, of that when they were divided."""
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(8, 5)).astype(built), rng.normal(size=(5, 16)).astype(built)
    i, j = rng.integers(1, 100, (2, 8, 16), dtype="int16")
    with pytensor.config.change_flags(floatX=built):
        W = pytensor.shared(start.copy())
        a, b = pt.matrix(dtype="int16"), pt.matrix(dtype="int16")
        ratio = pt.true_div(a, b)
        outputs = [ratio.sum(axis=0), ratio.sum(), pt.dot(x, W) * ratio]
        updates = [(W, W - 0.125 * pt.dot(x.T, pt.dot(x, W)).astype(built))]
    with pytensor.config.change_flags(floatX=now):
        train = pytensor.function([a, b], outputs, updates=updates, mode="NUMBA")
    assert any(isinstance(node.op, FusedProducts) for node in train.maker.fgraph.apply_nodes)
    expected = [(i / j).sum(axis=0), (i / j).sum(), (x @ start) * (i / j)]
    for found, value in zip(train(i, j), expected, strict=True):
        assert found.dtype == built
        np.testing.assert_allclose(found, value, rtol=1e-5)


def test_gradients_scaled_by_their_norm():
    """The update needs all of the gradient before any of it."""

    def scaled(cost, params):
        gradients = pytensor.grad(cost, params)
        norm = pt.sqrt(sum((g**2).sum() for g in gradients))
        return [
            (p, p - 0.1 * g * pt.minimum(1, 0.5 / norm))
            for p, g in zip(params, gradients, strict=True)
        ]

    agrees(scaled)


def test_functions_that_do_not_train_are_left_alone():
    x, W = pt.dmatrices("x", "W")
    counter = pytensor.shared(0)
    for updates in ([], [(counter, counter + 1)]):
        function = pytensor.function(
            [x, W], pt.tanh(pt.dot(x, W)), updates=updates, mode=quick_mode()
        )
        assert not any(isinstance(n.op, FusedProducts) for n in function.maker.fgraph.apply_nodes)


def test_where_it_is_asked_for_every_product_is_one():
    x, W = pt.dmatrices("x", "W")
    mode = quick_mode().including("fuse_every_product")
    function = pytensor.function([x, W], pt.tanh(pt.dot(x, W)), mode=mode)
    (node,) = function.maker.fgraph.apply_nodes
    assert isinstance(node.op, FusedProducts)
    x, W = np.random.default_rng(1).normal(size=(2, 5, 5))
    np.testing.assert_allclose(function(x, W), np.tanh(x @ W))


# ---- through Numba


@pytest.mark.parametrize("updates_of", [descent, momentum, never_heard_of])
def test_numba_makes_the_same_of_it(updates_of):
    compiled = Perceptron(updates_of, mode=predefined_modes["NUMBA"])
    assert len(compiled.fused()) == 5
    for got, expected in zip(compiled.train(), Perceptron(updates_of).train(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_all_layouts_through_numba(dtype):
    """Inputs in Fortran's order, cut out, reversed and read-only."""
    rng = np.random.default_rng(3)
    x = pt.matrix("x", dtype=dtype)
    arrays = [matrix(np.random.default_rng(k), 21, 34, dtype) for k in range(12)]

    def build(mode):
        W = pytensor.shared(
            np.asfortranarray(rng.normal(size=(34, 19)).astype(dtype) * 0), borrow=True
        )
        cost = ((pt.dot(x, W) - 1) ** 2).sum()
        return W, pytensor.function(
            [x], cost, updates=descent(cost, [W], np.asarray(1e-3, dtype)), mode=mode
        )

    (W, compiled), (plain_W, plain) = (
        build(mode) for mode in (predefined_modes["NUMBA"], quick_mode().excluding("deeptutorial"))
    )
    for array in arrays:
        was = array.copy()
        np.testing.assert_allclose(compiled(array), plain(array), rtol=1e-4)
        np.testing.assert_array_equal(array, was)
    np.testing.assert_allclose(W.get_value(), plain_W.get_value(), rtol=1e-3, atol=1e-5)
