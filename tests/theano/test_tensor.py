"""`theano.tensor`: each name that is written down here, against NumPy, and many that are not."""

import numpy as np
import pytest

import deeptutorial.theano.tensor as T
from deeptutorial import theano

A = np.arange(1.0, 7).reshape(2, 3)
ELEMENTWISE = {
    "abs_": np.abs,
    "exp": np.exp,
    "inv": np.reciprocal,
    "log": np.log,
    "sgn": np.sign,
    "sqr": np.square,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "neg": np.negative,
    "floor": np.floor,
    "round": np.round,
}
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "argmax", "argmin", "std", "var", "any", "all")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, value):
    np.testing.assert_allclose(value(getattr(T, name)(A / 2)), ELEMENTWISE[name](A / 2))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, axis, value):
    x = T.dmatrix()
    expected = getattr(np, name)(A, axis=axis)
    np.testing.assert_allclose(value(getattr(T, name)(x, axis=axis), {x: A}), expected)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("maximum", np.maximum),
        ("minimum", np.minimum),
        ("eq", np.equal),
        ("neq", np.not_equal),
        ("lt", np.less),
        ("gt", np.greater),
        ("le", np.less_equal),
        ("ge", np.greater_equal),
        ("int_div", np.floor_divide),
        ("true_div", np.true_divide),
        ("mod", np.mod),
        ("pow", np.power),
    ],
)
def test_of_two(name, function, value):
    np.testing.assert_allclose(value(getattr(T, name)(A, A[::-1])), function(A, A[::-1]))


@pytest.mark.parametrize(
    ("kind", "dtype", "ndim"),
    [
        ("scalar", "float64", 0),
        ("fscalar", "float32", 0),
        ("lscalar", "int64", 0),
        ("iscalar", "int32", 0),
        ("vector", "float64", 1),
        ("ivector", "int32", 1),
        ("fvector", "float32", 1),
        ("matrix", "float64", 2),
        ("fmatrix", "float32", 2),
        ("dmatrix", "float64", 2),
        ("lmatrix", "int64", 2),
        ("tensor3", "float64", 3),
        ("ftensor4", "float32", 4),
    ],
)
def test_kinds_of_variables(kind, dtype, ndim):
    with theano.config.change_flags(floatX="float64"):
        variable = getattr(T, kind)("name")
    assert (variable.name, variable.dtype, variable.ndim) == ("name", dtype, ndim)


def test_several_variables_at_once():
    assert [v.name for v in T.fmatrices("a", "b")] == ["a", "b"]


def test_tensor_type_and_tensor():
    row = T.TensorType("float32", (True, False))
    assert row("r").broadcastable == (True, False)
    assert T.TensorType("int64", [False] * 3)().ndim == 3
    assert T.tensor("float32", (False, True), name="c").broadcastable == (False, True)
    assert T.tensor(dtype="int32", broadcastable=()).dtype == "int32"


def test_dot_and_its_batches(value, rng):
    a, b = rng.random((2, 3, 4)), rng.random((2, 4, 5))
    np.testing.assert_allclose(value(T.dot(A, A.T)), A @ A.T)
    np.testing.assert_allclose(value(T.batched_dot(a, b)), a @ b)
    np.testing.assert_allclose(
        value(T.batched_dot(a[:, 0], b)), np.einsum("ni,nij->nj", a[:, 0], b)
    )
    rows = np.einsum("ni,ni->n", a[:, 0], b[:, :, 0])
    np.testing.assert_allclose(value(T.batched_dot(a[:, 0], b[:, :, 0])), rows)
    c, d = rng.random((2, 3, 4, 5)), rng.random((2, 4, 5, 6, 7))
    expected = np.einsum("nabc,nbcde->nade", c, d)
    np.testing.assert_allclose(value(T.batched_tensordot(c, d, 2)), expected)
    with pytest.raises(TypeError, match="axes"):
        T.batched_tensordot(c, d, [[1], [1]])


def test_stack_with_and_without_a_list(value):
    rows = np.stack([A[0], A[1]])
    np.testing.assert_array_equal(value(T.stack(A[0], A[1])), rows)
    np.testing.assert_array_equal(value(T.stack([A[0], A[1]])), rows)
    np.testing.assert_array_equal(value(T.stack([A[0], A[1]], axis=1)), rows.T)


def test_flatten(value):
    cube = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(value(T.flatten(cube)), cube.ravel())
    np.testing.assert_array_equal(value(T.flatten(cube, 2)), cube.reshape(2, 12))
    np.testing.assert_array_equal(value(T.flatten(cube, outdim=2)), cube.reshape(2, 12))
    x = T.dtensor3()
    np.testing.assert_array_equal(value(x.flatten(2), {x: cube}), cube.reshape(2, 12))


def test_shapes(value):
    x = T.dmatrix()
    for graph, expected in (
        (T.reshape(x, (3, 2)), A.reshape(3, 2)),
        (x.dimshuffle(1, "x", 0), A.T[:, None]),
        (T.concatenate([x, x], axis=1), np.hstack([A, A])),
        (T.tile(x, (1, 2)), np.tile(A, (1, 2))),
        (T.repeat(x, 2, axis=0), np.repeat(A, 2, axis=0)),
        (T.shape_padleft(x), A[None]),
        (T.alloc(0.5, x.shape[0], 2), np.full((2, 2), 0.5)),
        (T.zeros_like(x), np.zeros_like(A)),
        (T.switch(x > 3, x, -x), np.where(A > 3, A, -A)),
        (T.clip(x, 2, 4), np.clip(A, 2, 4)),
        (T.cast(x, "int32"), A.astype("int32")),
        (T.set_subtensor(x[:, 0], 9.0), np.c_[[9, 9], A[:, 1:]]),
        (T.inc_subtensor(x[0], 1.0), A + np.array([[1], [0]])),
        (T.outer(x[0], x[1]), np.outer(A[0], A[1])),
        (x[[1, 0]], A[[1, 0]]),
        (T.extra_ops.cumsum(x, axis=1), A.cumsum(axis=1)),
    ):
        np.testing.assert_array_equal(value(graph, {x: A}), expected)
    np.testing.assert_array_equal(value(T.arange(2, 8, 3)), [2, 5])


def test_norm_and_one_hot(value):
    np.testing.assert_allclose(value(T.norm(A, 2)), np.sqrt((A**2).sum()))
    np.testing.assert_allclose(value(T.norm(A, 2, axis=1)), np.sqrt((A**2).sum(1)))
    np.testing.assert_array_equal(value(T.to_one_hot(np.array([2, 0]), 3)), [[0, 0, 1], [1, 0, 0]])


def test_broadcast_patterns():
    x = T.matrix()
    assert T.addbroadcast(x, 1).broadcastable == (False, True)
    assert T.patternbroadcast(x, (True, False)).broadcastable == (True, False)
    assert T.unbroadcast(T.row(), 0).ndim == 2


def test_gradients(value, rng):
    x, v = T.dvector("x"), T.dvector("v")
    y = T.sqr(x) * x[0]
    at, direction = rng.random(3), rng.random(3)
    jacobian = np.diag(2 * at * at[0])
    jacobian[:, 0] += at**2
    np.testing.assert_allclose(value(T.jacobian(y, x), {x: at}), jacobian)
    np.testing.assert_allclose(value(T.Rop(y, x, v), {x: at, v: direction}), jacobian @ direction)
    np.testing.assert_allclose(value(T.Lop(y, x, v), {x: at, v: direction}), direction @ jacobian)
    gradient = T.grad(y.sum(), x)
    np.testing.assert_allclose(value(gradient, {x: at}), jacobian.sum(0))
    np.testing.assert_allclose(value(T.hessian(T.sum(x**3), x), {x: at}), np.diag(6 * at))


def test_what_is_constant_to_a_gradient(value):
    x = T.dvector("x")
    at = np.array([1.0, 2.0])
    for constant in (T.consider_constant, T.zero_grad, theano.gradient.disconnected_grad):
        np.testing.assert_array_equal(value(T.grad((x * constant(x)).sum(), x), {x: at}), at)
    y = x**2
    gradient = T.grad((y * x).sum(), x, consider_constant=[y])
    np.testing.assert_array_equal(value(gradient, {x: at}), at**2)


def test_pp_and_print(value, capsys):
    x = T.dscalar("x")
    assert theano.pp(x + 1) == "(x + 1)"
    assert value(theano.printing.Print("seen")(x), {x: 2.0}) == 2.0
    assert "seen" in capsys.readouterr().out


def test_ifelse(value):
    x = T.dscalar("x")
    graph = theano.ifelse.ifelse(T.gt(x, 1), x * 2, x * 3)
    assert value(graph, {x: 2.0}) == 4.0
    assert value(graph, {x: 1.0}) == 3.0


def test_an_op_of_ones_own(value):
    class Double(theano.Op):
        def make_node(self, x):
            x = T.as_tensor_variable(x)
            return theano.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] * 2

    np.testing.assert_array_equal(value(Double()(A)), 2 * A)


def test_ordered_updates():
    a, b = theano.shared(1), theano.shared(2)
    first, second = theano.OrderedUpdates({a: a + 1}), {b: b + 1}
    assert list(first + second) == [a, b]
    with pytest.raises(KeyError, match="two new values"):
        first + {a: a + 2}
    with pytest.raises(TypeError, match="shared variable"):
        first[T.scalar()] = a
