"""Functions that compile faster return what PyTensor's return, to the last bit."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import predefined_modes
from pytensor.link.numba.dispatch import basic
from pytensor.tensor.special import log_softmax, softmax

from deeptutorial.compile.backends.numba.linker import QuickNumbaLinker
from deeptutorial.compile.backends.numba.modes import quick_mode

X = pt.matrix("X", dtype="float32")
ROWS, COLUMNS = pt.ivector("rows"), pt.lvector("columns")
VALUES = pt.vector("values", dtype="float32")


@pytest.fixture(scope="module")
def entries():
    return np.random.default_rng(0).standard_normal((20, 10)).astype("float32")


def both(inputs, outputs):
    """Compile for PyTensor's linker, which is not to reorder sums either, and for the quick one."""
    mode = predefined_modes["NUMBA"]
    quick = pytensor.function(inputs, outputs, mode=quick_mode(mode))
    assert isinstance(quick.maker.linker, QuickNumbaLinker)
    with pytensor.config.change_flags(numba__fastmath=False):
        return pytensor.function(inputs, outputs, mode=mode), quick


def outcome(function, arguments):
    """Call a function with copies of its arguments; return its results, or what it raises."""
    try:
        results = function(*(np.array(a, order="K") for a in arguments))
    except ValueError:
        return ValueError
    return [(r.dtype, r.shape, r.tobytes()) for r in results]


def layouts(entries):
    spread = np.repeat(np.repeat(entries, 2, axis=0), 2, axis=1)[::2, ::2]
    return [entries, np.asfortranarray(entries), spread, entries[::-1, ::-1], entries[:, :1]]


def assert_same(functions, *arguments):
    plain, quick = (outcome(function, arguments) for function in functions)
    assert quick == plain


REDUCTIONS = {
    "sums": lambda: [X.sum(axis=0), X.sum(axis=1)],
    "sums in float32": lambda: [pt.sum(X, axis=i, acc_dtype="float32") for i in (0, 1)],
    "maxima": lambda: [X.max(axis=0), X.max(axis=1)],
    "places of maxima": lambda: [pt.argmax(X, axis=1)],
    "softmax": lambda: [softmax(X, axis=1), log_softmax(X, axis=1)],
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, entries):
    functions = both([X], REDUCTIONS[name]())
    odd = entries.copy()
    odd[3, 4], odd[5, 0], odd[7] = np.nan, np.nan, -np.inf
    for function in functions:
        function.trust_input = True  # or another layout would be copied
    for x in (*layouts(entries), odd, entries[:0]):
        if name != "maxima" or x is not odd:
            assert_same(functions, x)


def test_maxima_with_nan_are_those_of_numpy(entries):
    odd = entries.copy()
    odd[3, 4], odd[5, 0], odd[7] = np.nan, np.nan, -np.inf
    _, quick = both([X], REDUCTIONS["maxima"]())
    for got, axis in zip(quick(odd), (0, 1), strict=True):
        np.testing.assert_array_equal(got, odd.max(axis=axis))


def test_filling():
    n, value = pt.lscalar(), pt.scalar(dtype="float32")
    functions = both([n, value], [pt.alloc(value, n, 3), pt.alloc(pt.constant([[0.5]]), n, n)])
    for size in (0, 4):
        assert_same(functions, size, np.float32(1.5))


PLACES = {
    "one a row": (np.arange(20), np.arange(20) % 10),
    "from the end": ([-1, -2], [-3, 2]),
    "twice the same": ([1, 1, 2], [4, 4, 5]),
    "one row": ([1], [2, 3, 4]),
    "one column": ([1, 2, 3], [2]),
    "none": ([], []),
    "do not fit": ([1, 2, 3], [2, 3]),
}


@pytest.mark.parametrize("name", PLACES)
def test_entries(name, entries):
    places = [np.array(p, dtype) for p, dtype in zip(PLACES[name], ("int32", "int64"), strict=True)]
    picked = X[ROWS, COLUMNS]
    functions = both([X, ROWS, COLUMNS], [picked, pt.inc_subtensor(picked, 1.5)])
    moving = [change(picked, VALUES) for change in (pt.inc_subtensor, pt.set_subtensor)]
    for x in (entries, np.asfortranarray(entries)):
        assert_same(functions, x, *places)
    functions = both([X, ROWS, COLUMNS, VALUES], moving)
    for n_values in (1, 2, 3, 20):
        values = np.arange(n_values, dtype="float32")
        assert_same(functions, entries, *places, values)


@pytest.mark.parametrize(("row", "column"), [(20, 0), (-21, 0), (0, 10), (0, -11), (0, 1 << 40)])
def test_no_entry_beyond_the_matrix_is_read_or_written(row, column, entries):
    picked = X[ROWS, COLUMNS]
    places = np.array([3, row], "int32"), np.array([2, column])
    for outputs in (picked, pt.inc_subtensor(picked, 1.5), pt.set_subtensor(picked, 1.5)):
        _, quick = both([X, ROWS, COLUMNS], [outputs])
        with pytest.raises(IndexError, match="no such row or column"):
            quick(entries, *places)


def test_other_cases_are_left_to_pytensor(entries):
    whole_rows = both([X, ROWS], [X[ROWS], X.sum(), X.prod(axis=0), pt.argmax(X, axis=0)])
    assert_same(whole_rows, entries, np.array([3, 1], "int32"))


def test_kept_on_disk_for_a_function_that_is_alike():
    def compiled():
        x = pt.vector()
        return pytensor.function([x], pt.exp(x).sum(), mode=quick_mode(predefined_modes["NUMBA"]))

    functions = [compiled() for _ in range(2)]
    results = [function(np.ones(3, pytensor.config.floatX)) for function in functions]
    assert results[0] == results[1]
    stats = functions[1].vm.jit_fn.stats
    assert (sum(stats.cache_hits.values()), sum(stats.cache_misses.values())) == (1, 0)


def test_pytensors_own_linker_stays_as_it_is():
    original = basic.numba_funcify_ensure_cache
    pytensor.function([X], X.sum(axis=1), mode=quick_mode(predefined_modes["NUMBA"]))
    assert basic.numba_funcify_ensure_cache is original
    assert quick_mode(predefined_modes["FAST_COMPILE"]) is predefined_modes["FAST_COMPILE"]
