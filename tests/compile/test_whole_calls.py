"""A signal takes effect before a call of a compiled function or behind it, and never within."""

import ctypes
import errno
import gc
import signal
import sys
import weakref

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numba.core.caching import IndexDataCacheFile
from pytensor.compile import executor
from pytensor.compile.mode import predefined_modes
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from scipy.sparse import csr_matrix

from deeptutorial import RandomStreams, dA
from deeptutorial.compile import one_instruction
from deeptutorial.compile.backends.numba import whole_calls
from deeptutorial.compile.backends.numba.modes import quick_mode

RAISE = ctypes.CDLL(None)["raise"]
RAISE.argtypes, RAISE.restype = [ctypes.c_int], ctypes.c_int
WITHIN = signal.SIGINT.value


class Struck(Op):
    """Return x as it is, while a signal strikes, as it does from outside: seen by C alone."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0].copy()


@register_funcify_and_cache_key(Struck)
def _struck(op, node, **_):
    @numba_njit
    def struck(x):
        RAISE(WITHIN)
        return x.copy()

    return struck, None


@pytest.fixture(params=["plain", "quick"])
def mode(request):
    plain = predefined_modes["NUMBA"]
    return plain if request.param == "plain" else quick_mode(plain)


class HandlerError(Exception):
    pass


def fail(number, frame):
    raise HandlerError(number)


@pytest.fixture(params=["Ctrl-C", "another handler"])
def error(request):
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler if request.param == "Ctrl-C" else fail)
    yield KeyboardInterrupt if request.param == "Ctrl-C" else HandlerError
    signal.signal(signal.SIGINT, before)


def test_a_signal_within_a_call_is_handled_behind_it(mode, error):
    one, two = (pytensor.shared(np.full(3, v), f"v{v}") for v in (1.0, 2.0))
    x = pt.vector("x", dtype="float64")
    updates = [(one, Struck()(one + x)), (two, two * one)]
    train = pytensor.function([x], [(one * two).sum()], updates=updates, mode=mode)
    expected = [np.full(3, 1.0), np.full(3, 2.0)]
    for n in range(3):  # the first call compiles
        with pytest.raises(error):
            train(np.full(3, 10.0))
        expected = [expected[0] + 10, expected[1] * expected[0]]
        for variable, value in zip((one, two), expected, strict=True):
            np.testing.assert_array_equal(variable.get_value(), value, err_msg=f"call {n}")


def test_one_result_and_no_update(mode, error):
    x = pt.vector("x", dtype="float64")
    function = pytensor.function([x], Struck()(x), mode=mode)
    with pytest.raises(error):
        function(np.zeros(2))


class InPython(Struck):
    """The same, but Numba has to run it in Python, where a handler would be called at once."""

    def perform(self, node, inputs, output_storage):
        signal.raise_signal(WITHIN)
        output_storage[0][0] = np.copy(inputs[0])


@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_an_operation_in_python(mode, error):
    one, two = (pytensor.shared(np.full(3, v), f"v{v}") for v in (1.0, 2.0))
    updates = [(one, one + 1), (two, InPython()(two + one))]
    train = pytensor.function([], one.sum(), updates=updates, mode=mode)
    for n in range(3):
        with pytest.raises(error):
            train()
        assert (one.get_value()[0], two.get_value()[0]) == [(2, 3), (3, 5), (4, 8)][n]


def small_step(mode):
    rng = np.random.default_rng(0)
    x, index = pt.matrix("x"), pt.lscalar("index")
    rows = pytensor.shared(rng.uniform(size=(40, 12)).astype(x.dtype), "rows")
    da = dA(np.random.RandomState(1), RandomStreams(2), x, n_visible=12, n_hidden=5)
    cost, updates = da.get_cost_updates(0.3, 0.1)
    train = pytensor.function(
        [index], cost, updates=updates, givens={x: rows[index * 4 : (index + 1) * 4]}, mode=mode
    )
    train(0)
    return train, rows


def test_no_python_runs_within_a_call(mode):
    train, _ = small_step(mode)
    called = []

    def note(frame, event, _):
        if event == "call":
            called.append(frame.f_code)

    sys.setprofile(note)
    try:
        train(1)
    finally:
        sys.setprofile(None)
    files = [code.co_filename for code in called]
    begun = files.index(whole_calls.__file__)
    # Numba says of the compiled function itself that it is called; PyTensor's is back at the end.
    ours = {whole_calls.__file__, one_instruction.__file__}
    assert set(files[begun:]) <= {*ours, "<string>", executor.__file__}


def test_no_function_holds_on_to_its_data(mode):
    train, rows = small_step(mode)
    data = weakref.ref(rows)
    del train, rows
    gc.collect()
    assert data() is None


def test_a_refused_call_holds_on_to_nothing_that_was_lent(mode):
    """To the training set and the index above all; the parameters are changed where they are."""
    data, number = np.eye(40, 6), np.array(1)
    X, index, W = pytensor.shared(data, borrow=True), pt.lscalar(), pytensor.shared(np.zeros(15))
    rows = X[index * 10 : (index + 1) * 10].reshape((4, 15))
    train = pytensor.function([index], rows.sum(), updates=[(W, W + rows.mean(axis=0))], mode=mode)
    assert train(number) == 0
    number[...] = 4

    def refused(times):
        for _ in range(times):
            with pytest.raises(ValueError, match="size of new array"):
                train(number)
        gc.collect()  # errors know what was being done
        return [sys.getrefcount(value) for value in (data, number)]

    assert refused(1) == refused(3)


def test_functions_without_results_or_with_inputs_as_results(mode):
    x = pt.vector("x")
    total = pytensor.shared(np.zeros((), x.dtype), "total")
    nothing = pytensor.function([x], [], mode=mode, on_unused_input="ignore")
    assert nothing([1, 2]) == []
    pytensor.function([x], [], updates=[(total, x.sum())], mode=mode)([1, 2])
    assert total.get_value() == 3
    before = pytensor.function([], total, updates=[(total, total + 1)], mode=mode)
    assert (before(), before(), total.get_value()) == (3, 4, 5)
    same, twice, constant = pytensor.function([x], [x, x * 2, pt.constant(5.0)], mode=mode)([1, 2])
    np.testing.assert_array_equal(same, [1, 2])
    np.testing.assert_array_equal(twice, [2, 4])
    assert constant == 5
    # Results that may be changed, and of the caller alone.
    same[:] = 7
    assert type(same) is np.ndarray


def test_results_keep_their_layout_and_their_errors(mode):
    X, i = pt.matrix("X"), pt.lscalar("i")
    row, turned = pytensor.function([X, i], [X[i], X.T + 1], mode=mode)(np.eye(3, 2), 2)
    np.testing.assert_array_equal(row, [0, 0])
    np.testing.assert_array_equal(turned, np.eye(2, 3) + 1)
    bare = pytensor.function([X], X.reshape((5, 5)), mode=mode)
    with pytest.raises(ValueError, match="size of new array"):
        bare(np.eye(2))


def test_compiled_functions_for_other_compiled_code(mode):
    """Libraries call what is compiled from functions of their own, and take its results apart."""
    from numba import njit

    x = pt.vector("x", dtype="float64")
    compiled = pytensor.function([x], [x.sum(), x * 2], mode=mode).vm.jit_fn

    @njit
    def outside(x):
        total, doubled = compiled(x)
        return total.item() + doubled[0]

    assert outside(np.array([3.0, 4.0])) == 7 + 6


def test_what_is_not_in_place_is_not_called(mode, monkeypatch):
    """Stopped while kernels are waited for: they are waited for again in the next call."""

    def stop(kernels):
        raise KeyboardInterrupt

    x = pt.vector("x", dtype="float64")
    twice = pytensor.function([x], x * 2, mode=mode)
    with monkeypatch.context() as patched:
        patched.setattr(whole_calls, "put_in_place", stop)
        with pytest.raises(KeyboardInterrupt):
            twice(np.ones(3))
    assert len(twice.vm.jit_fn.overloads) == 0
    np.testing.assert_array_equal(twice(np.ones(3)), np.full(3, 2.0))


def test_what_cannot_be_kept_is_run_all_the_same(monkeypatch):
    def save(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", save)
    x = pt.vector("x", dtype="float64")
    mode = quick_mode(predefined_modes["NUMBA"])
    function = pytensor.function([x], x * 2.0625 + 0.125, mode=mode)  # nobody has kept it before
    np.testing.assert_array_equal(function(np.ones(3)), np.full(3, 2.1875))


def test_sparse_matrices(mode):
    sparse = pytest.importorskip("pytensor.sparse")
    a, b = sparse.csr_matrix("a", dtype="float64"), pt.dmatrix("b")
    dense = np.arange(12.0).reshape(3, 4)
    product = pytensor.function([a, b], sparse.structured_dot(a, b), mode=mode)
    np.testing.assert_array_equal(product(csr_matrix(dense), dense.T), dense @ dense.T)


class HandsItsInputOn(Op):
    """Does not tell that it does, as PyTensor wants it to."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]


@register_funcify_and_cache_key(HandsItsInputOn)
def _hands_its_input_on(op, node, **_):
    @numba_njit
    def implementation(x):
        return x[1:]

    return implementation, "a test's Op that hands its input on"


def test_what_is_lent_is_not_handed_out():
    x = pt.vector()
    function = pytensor.function([x], HandsItsInputOn()(x), mode="NUMBA")
    given = np.arange(5, dtype=x.dtype)
    got = function(given)
    assert not np.shares_memory(got, given)
    given[:] = -1
    np.testing.assert_array_equal(got, [1, 2, 3, 4])
