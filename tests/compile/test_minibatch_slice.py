"""Slices with symbolic ends: which of them become a `MinibatchSlice`, and what it returns."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery

from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice, NoSuchMinibatchError

X = np.arange(23 * 3, dtype="float32").reshape(23, 3)
MODE = Mode("py", RewriteDatabaseQuery(include=["minibatch_slice"]))

i = pt.lscalar("i")
j = pt.lscalar("j")
PROPER = {
    "the tutorial's": (i * 5, (i + 1) * 5),
    "the other way round": (5 * i, 5 + 5 * i),
    "rows from the fourth on": (i * 5 + 3, i * 5 + 8),
    "overlapping": (i, i + 5),
    "from the end": (20 - 5 * i, 25 - 5 * i),
    "a narrower index": (pt.cast(i, "int32") * 5, pt.cast(i, "int32") * 5 + 5),
}
OTHERS = {
    "a length that grows": (i * 5, i * 6 + 5),
    "no end": (i * 5, None),
    "nothing": (i * 5, i * 5),
    "another index": (i * 5, (j + 1) * 5),
    "no multiple": (i * i, i * i + 5),
    "constant": (5, 10),
}
SMALL = {
    "bytes": ("int8", [0, 2, 25, 26, 51, 53], lambda i: (i * 5, (i + 1) * 5)),
    "bytes that are cast late": (
        "int8",
        [2, 53],
        lambda i: [pt.cast(v, "int64") for v in (i * 5, i * 5 + 5)],
    ),
    "unsigned": (
        "uint8",
        [0, 1, 2, 53],
        lambda i: ((i - np.uint8(1)) * np.uint8(5), i * np.uint8(5)),
    ),
    "cast to bytes": (
        "int64",
        [2, 53],
        lambda i: (pt.cast(i, "int8") * 5, pt.cast(i, "int8") * 5 + 5),
    ),
}


def compiled(start, stop, mode=MODE, step=None, of=lambda x: x):
    x = pt.matrix("x", dtype="float32")
    return pytensor.function([x, i, j], of(x)[start:stop:step], mode=mode, on_unused_input="ignore")


def has_op(function):
    return any(isinstance(node.op, MinibatchSlice) for node in function.maker.fgraph.apply_nodes)


@pytest.mark.parametrize("name", PROPER)
def test_proper_slices(name):
    start, stop = PROPER[name]
    function, plain = compiled(start, stop), compiled(start, stop, mode=Mode("py", None))
    assert has_op(function)
    assert not has_op(plain)
    for index in (0, 1, 3, 4, 5, 40, -1, -3):  # some beyond the ends
        np.testing.assert_array_equal(function(X, index, 0), plain(X, index, 0))


@pytest.mark.parametrize("name", OTHERS)
def test_other_slices_are_left_alone(name):
    function = compiled(*OTHERS[name])
    assert not has_op(function)
    np.testing.assert_array_equal(
        function(X, 1, 1), compiled(*OTHERS[name], Mode("py", None))(X, 1, 1)
    )


@pytest.mark.parametrize("name", SMALL)
def test_small_integers_begin_anew(name):
    dtype, indices, ends = SMALL[name]
    k, x = pt.scalar(dtype=dtype), pt.matrix(dtype="float32")
    start, stop = ends(k)
    function = pytensor.function([x, k], x[start:stop], mode=MODE)
    plain = pytensor.function([x, k], x[start:stop], mode=Mode("py", None))
    for index in indices:
        np.testing.assert_array_equal(function(X, index), plain(X, index))
    assert not has_op(function)


def test_no_index_at_all(caplog):
    """As in ``x[()]``: nothing for this rewrite, which goes on to the other slices."""
    rows, W, s = pytensor.shared(X), pytensor.shared(np.ones((3, 2), "float32")), pt.fscalar()
    x = rows[i * 5 : (i + 1) * 5]
    updates = [(W, W + pt.dot(x.T, pt.dot(x, W)))]
    train = pytensor.function([s, i], s[()] * x.sum(), updates=updates, mode="NUMBA")
    assert has_op(train)
    assert caplog.records == []


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
@pytest.mark.parametrize(("scale", "index"), [(5, 7), (5, -7), (0, 3), (-5, 2), (5, 4)])
def test_a_slice_that_need_not_have_rows(scale, index, mode):
    x, k = pt.matrix(dtype="float32"), pt.lscalar()
    function = pytensor.function([x, k], MinibatchSlice(5, scale)(x, k), mode=mode)
    np.testing.assert_array_equal(function(X, index), X[scale * index : scale * index + 5])


def test_a_step_and_other_rows_are_left_alone():
    start, stop = PROPER["the tutorial's"]
    assert not has_op(compiled(start, stop, step=2))
    assert not has_op(compiled(start, stop, of=lambda x: x.T))
    assert has_op(compiled(start, stop, of=lambda x: pt.cast(x, "int32")))


def test_an_index_that_is_cast_is_left_alone():
    """Unless it was an integer before: of another number, nobody has multiples to count by."""
    x, f = pt.matrix("x", dtype="float32"), pt.fscalar("f")
    start = pt.cast(f, "int64")
    function = pytensor.function([x, f], x[start * 5 : start * 5 + 5], mode=MODE)
    assert not has_op(function)
    np.testing.assert_array_equal(function(X, 1.5), X[5:10])


def test_switched_off():
    start, stop = PROPER["the tutorial's"]
    assert not has_op(compiled(start, stop, mode=MODE.excluding("deeptutorial")))


@pytest.mark.parametrize(
    ("index", "n_rows", "whole"),
    [(0, 23, True), (3, 20, True), (4, 23, False), (4, 25, True), (-1, 23, False)],
)
def test_whole(index, n_rows, whole):
    assert MinibatchSlice(length=5, scale=5).is_whole(index, n_rows) is whole


def test_only_a_function_that_trains_has_to_have_rows():
    """Elsewhere a slice is what it is in NumPy, in Numba mode too."""
    x, w = pytensor.shared(X), pytensor.shared(np.ones((3, 2), "float32"))
    batch = x[i * 5 : (i + 1) * 5]
    codes = batch @ w
    look = pytensor.function([i], codes, mode="NUMBA")
    assert not has_op(look)
    assert look(7).shape == (0, 2)
    updates = [(w, w + batch.T @ codes)]
    train = pytensor.function([i], codes.sum(), updates=updates, mode="NUMBA")
    assert has_op(train)
    with pytest.raises(NoSuchMinibatchError, match="no minibatch 7: 23 rows make 5 minibatches"):
        train(7)
    excluded = pytensor.get_mode("NUMBA").excluding("deeptutorial")
    assert not has_op(
        pytensor.function([i], codes, updates=[(w, w + batch.T @ codes)], mode=excluded)
    )


def test_rows_are_not_written_to():
    """The rows of a minibatch lie in those of the set, and what is made of them does not."""
    x, w = pytensor.shared(X.copy()), pytensor.shared(np.ones((3, 2), "float32"))
    batch = x[i * 5 : (i + 1) * 5]
    train = pytensor.function(
        [i], [batch, batch * 2 + 1], updates=[(w, w + batch.T @ (batch @ w))], mode="NUMBA"
    )
    rows, made = train(1)
    rows += 1
    np.testing.assert_array_equal(made, X[5:10] * 2 + 1)
    np.testing.assert_array_equal(x.get_value(), X)


@pytest.mark.parametrize("offset", [0, -7, 6])
def test_which_exist(offset):
    """Windows of 8 rows, a new one each 5 rows, of 23: those that have rows in NumPy."""
    slices = MinibatchSlice(length=8, scale=5, offset=offset, must_exist=True)
    x, w = pytensor.shared(X), pytensor.shared(np.ones((3, 2), "float32"))
    rows = x[i * 5 + offset : i * 5 + offset + 8]
    train = pytensor.function([i], rows, updates=[(w, w + rows.T @ (rows @ w))], mode="NUMBA")
    for index in range(-9, 9):
        start = 5 * index + offset
        expected = X[start : start + 8]
        if len(expected):
            slices.check(index, 23)
            np.testing.assert_array_equal(train(index), expected)
        else:
            for look in (train, lambda index: slices.check(index, 23)):
                with pytest.raises(NoSuchMinibatchError):
                    look(index)
