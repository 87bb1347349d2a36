"""Rows in a file on JAX: the bits of the same rows in memory, and never all on the device."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import deeptutorial
from deeptutorial import RandomStreams, SdA, dA, load_data

jax = pytest.importorskip("jax")

from deeptutorial.compile.backends.jax import loops, windows  # noqa: E402  they need JAX
from deeptutorial.compile.backends.jax.on_host import OnHost  # noqa: E402
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice, NoSuchMinibatchError  # noqa: E402
from deeptutorial.mapped_files import is_mapped  # noqa: E402

N, BATCH, N_VISIBLE = 57, 5, 12
ROWS = np.random.default_rng(0).random((N, N_VISIBLE), dtype="f4")
OF_A_MINIBATCH = BATCH * N_VISIBLE * 4
RANDOM_ORDER = np.random.default_rng(3).permutation(np.repeat(np.arange(N // BATCH), 10)).tolist()


@pytest.fixture(scope="module", params=["cpu", "all"])
def training(request):
    """Return the tutorial's lines, compiled, with functions that take the set in other ways."""
    before = pytensor.config.mode
    with pytensor.config.change_flags(floatX="float32"):
        deeptutorial.use("jax", request.param)
        rows = pytensor.shared(ROWS.copy())
        index, x = pt.lscalar(), pt.matrix()
        da = dA(np.random.RandomState(1), RandomStreams(2), x, n_visible=N_VISIBLE, n_hidden=7)
        cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
        givens = {x: rows[index * BATCH : (index + 1) * BATCH]}
        codes = da.get_hidden_values(x)
        found = SimpleNamespace(
            rows=rows,
            variables=[*da.params, *(old for old, _ in updates if old not in da.params)],
            train_da=pytensor.function([index], cost, updates=updates, givens=givens),
            score=pytensor.function([index], codes.mean(), givens=givens),
            encode=pytensor.function([index], codes, givens=givens),
            total=pytensor.function([], rows.sum(axis=0)),
        )
    pytensor.config.mode = before
    beginning = [variable.get_value() for variable in found.variables]

    def begin(value):
        rows.set_value(value, borrow=True)
        for variable, first in zip(found.variables, beginning, strict=True):
            variable.set_value(first)

    found.begin = begin
    return found


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Return the rows in a file, of which two minibatches are as much as a window may have."""
    monkeypatch.setattr(windows, "LARGEST_WINDOW", 2 * OF_A_MINIBATCH)
    np.save(tmp_path / "rows.npy", ROWS)
    return np.load(tmp_path / "rows.npy", mmap_mode="c")


@pytest.fixture
def read(monkeypatch):
    """Return the sizes of the windows that have been read since."""
    sizes = []
    before = windows.Minibatches.read

    def noting(minibatches, part=()):
        window = before(minibatches, part)
        sizes.append(window.nbytes)
        return window

    monkeypatch.setattr(windows.Minibatches, "read", noting)
    return sizes


def bits(training, train=None):
    """Train in a random order, and a bit more; return the bits of costs, parameters and streams."""
    costs = [(train or training.train_da)(i) for i in [*RANDOM_ORDER, N // BATCH, 2]]
    values = [variable.get_value() for variable in training.variables]
    return [np.array(costs, "float64").tobytes(), *(np.asarray(v).tobytes() for v in values)]


def test_costs_and_parameters_have_the_bits_of_rows_in_memory(training, mapped, read):
    """In any order of the minibatches, the one at the end among them, that is not whole."""
    training.begin(ROWS.copy())
    expected = bits(training)
    assert not read
    training.begin(mapped)
    assert bits(training) == expected
    assert len(read) > len(RANDOM_ORDER) / 2
    assert max(read) == 2 * OF_A_MINIBATCH
    kept = training.rows.container.storage[0]
    assert isinstance(kept, OnHost)
    assert not kept._placed  # on any device


def test_other_functions_of_minibatches(training, mapped):
    looks = []
    for rows in (ROWS.copy(), mapped):
        training.begin(rows)
        found = [training.encode(i) for i in (3, N // BATCH, 100)]
        scores = [training.score(i) for i in (3, 0, 3, N // BATCH)]
        looks.append([*found, *map(float, scores)])
    for one, other in zip(*looks, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(NoSuchMinibatchError, match="no minibatch 12: 57 rows"):
        training.train_da(12)


def test_all_rows_at_once(training, mapped, read):
    """They are there where they are asked for, and windows go on beside."""
    training.begin(mapped)
    np.testing.assert_allclose(training.total(), ROWS.sum(axis=0), rtol=1e-5)
    assert not read
    before = bits(training)
    assert read
    training.begin(ROWS.copy())
    assert bits(training) == before


def test_all_rows_that_do_not_fit_are_said(training, mapped, monkeypatch):
    def put(array):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    training.begin(mapped)
    monkeypatch.setattr(jax, "device_put", put)
    with pytest.raises(MemoryError, match=r"rows of shape \(57, 12\), .* GB, do not fit .*x\[i"):
        training.total()


def test_the_next_window_is_read_while_this_one_trains(training, mapped, read, monkeypatch):
    training.begin(mapped)
    costs = [training.train_da(i) for i in range(7)]
    done = []
    wait = jax.block_until_ready

    def waiting(values):
        done.append(len(read))
        return wait(values)

    monkeypatch.setattr(loops.jax, "block_until_ready", waiting)
    float(costs[0])
    assert done[-4:] == [2, 3, 4, 4]


@pytest.mark.parametrize("n_read", [0, 1, 3])
def test_ctrl_c_while_a_window_is_read(training, mapped, monkeypatch, n_read):
    """The calls count as not made yet, and run as soon as somebody looks again."""
    training.begin(ROWS.copy())
    expected = bits(training)
    read, before = [], windows.Minibatches.read

    def interrupted(minibatches, part=()):
        read.append(minibatches)
        if len(read) == n_read + 1:
            raise KeyboardInterrupt
        return before(minibatches, part)

    training.begin(mapped)
    costs = [training.train_da(i) for i in RANDOM_ORDER[:20]]
    monkeypatch.setattr(windows.Minibatches, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        float(costs[3])
    rest = iter(costs)
    assert bits(training, lambda i: next(rest, None) or training.train_da(i)) == expected


def test_values_of_the_rows_are_as_on_any_backend(training, mapped):
    training.begin(mapped)
    training.train_da(0)
    assert training.rows.get_value(borrow=True) is mapped
    np.testing.assert_array_equal(training.rows.get_value(), ROWS)
    assert not is_mapped(training.rows.get_value())


def test_a_numba_function_takes_the_file_and_no_copy(training, mapped):
    training.begin(mapped)
    training.train_da(0)
    with pytensor.config.change_flags(floatX="float32"):
        total = pytensor.function([], training.rows.sum(axis=0), mode="NUMBA")
    np.testing.assert_allclose(total(), ROWS.sum(axis=0), rtol=1e-5)
    assert training.rows.get_value(borrow=True) is mapped


def test_an_index_that_a_shared_variable_counts(mapped):
    """It is known only when the step before has run."""
    with pytensor.config.change_flags(floatX="float32"):
        deeptutorial.use("jax", "cpu")
        rows, index = pytensor.shared(ROWS.copy()), pytensor.shared(np.int64(0))
        total = rows[index * BATCH : (index + 1) * BATCH].sum()
        step = pytensor.function([], total, updates=[(index, index + 1)])
    for value in (ROWS.copy(), mapped):
        rows.set_value(value, borrow=True)
        index.set_value(0)
        expected = [ROWS[i * BATCH : (i + 1) * BATCH].sum() for i in range(4)]
        np.testing.assert_allclose([step() for _ in range(4)], expected, rtol=1e-6)


def test_what_is_taken_by_minibatches():
    """One slice a call, through elementwise functions too; anything else needs all rows."""
    rows, index, other = pytensor.shared(ROWS.copy()), pt.lscalar(), pt.lscalar()
    batch, another = (rows[i * BATCH : (i + 1) * BATCH] for i in (index, other))
    with pytensor.config.change_flags(floatX="float32"):
        deeptutorial.use("jax", "cpu")

        def taken(*outputs, **options):
            function = pytensor.function(
                [index, other], outputs, on_unused_input="ignore", **options
            )
            fgraph = function.maker.fgraph
            return {fgraph.inputs[i]: t for i, t in windows.taken_by_minibatches(fgraph).items()}

        (found,) = taken(batch.sum(), batch).values()
        assert (found.op.length, found.index_place) == (BATCH, 0)
        assert taken(pt.exp(rows)[index * BATCH : (index + 1) * BATCH].sum())
        assert not taken(batch.sum(), another.sum())
        assert not taken(batch.sum(), rows.sum())
        assert not taken(batch, updates=[(rows, rows * 2)])


def test_windows_have_a_size():
    rows = np.lib.stride_tricks.as_strided(np.zeros(1, "f4"), (10**6, 784), (0, 0))
    sizes = {
        n: windows.calls_in_window([(rows, MinibatchSlice(n, n))], 100) for n in (1, 1000, 10**5)
    }
    assert sizes == {1: 25, 1000: windows.LARGEST_WINDOW // (1000 * 784 * 4), 10**5: 1}


def test_codes_of_rows_in_a_file_lie_in_one_too(tmp_path, monkeypatch):
    """And the layer that learns from them has the bits of one in memory."""
    monkeypatch.setattr("deeptutorial.models.inference.ROWS_AT_A_TIME", 10)
    monkeypatch.setattr("deeptutorial.models.pretraining.ROWS_OF_A_PIECE", 20)
    np.save(tmp_path / "rows.npy", ROWS)
    ends = [len(ROWS) - 16, len(ROWS) - 8]
    outcomes = []
    with pytensor.config.change_flags(floatX="float32"):
        deeptutorial.use("jax", "cpu")
        in_memory = [(part.copy(), None) for part in np.split(ROWS, ends)]
        for data in (str(tmp_path / "rows.npy"), in_memory):
            train_set_x = load_data(data)[0][0]
            network = SdA(np.random.RandomState(1), None, N_VISIBLE, [6, 4], n_outs=5)
            functions = network.pretraining_functions(train_set_x, BATCH, encode_once=True)
            costs = [train(i, 0.2, 0.3) for train in functions for i in range(8)]
            codes = functions[1]._codes.rows[1].get_value(borrow=True)
            outcomes.append((np.array(costs, "float64").tobytes(), is_mapped(codes)))
    (costs, is_in_file), (same_costs, is_in_file_too) = outcomes
    assert costs == same_costs
    assert (is_in_file, is_in_file_too) == (True, False)


TRAINING = """
import threading, time
import numpy, pytensor
import pytensor.tensor as pt
pytensor.config.floatX = "float32"
import deeptutorial
from deeptutorial import RandomStreams, dA, load_data

deeptutorial.use("jax", "cpu")
peak, is_over = 0, False

def own_memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) << 10

def look():
    global peak
    while not is_over:
        peak = max(peak, own_memory())
        time.sleep(0.01)

train_set_x = load_data("large.npy")[0][0]
n, batch_size = train_set_x.get_value(borrow=True).shape[0], 1000
x, index = pt.matrix(), pt.lscalar()
da = dA(numpy.random.RandomState(1), RandomStreams(2), x, n_visible=1000, n_hidden=4)
cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
batch = train_set_x[index * batch_size : (index + 1) * batch_size]
train_da = pytensor.function([index], cost, updates=updates, givens={x: batch})
float(train_da(0))
before = own_memory()
looking = threading.Thread(target=look)
looking.start()
costs = [float(c) for c in [train_da(i) for i in range(n // batch_size)]]
is_over = True
looking.join()
print(peak - before, n * 4000)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells memory on Linux only")
def test_a_set_takes_no_more_memory_than_windows(tmp_path):
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", "f4", (400_000, 1000))
    large[::50] = 0.5
    del large
    out = subprocess.run(
        [sys.executable, "-c", TRAINING],
        cwd=tmp_path,
        # Left to itself, glibc keeps several windows that were freed, for the next ones.
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)},
        capture_output=True,
        text=True,
        check=True,
    )
    taken, size = map(int, out.stdout.split())
    # A window that runs, one that waits, one that is read, the two latter twice while they are
    # copied to the device; and what JAX needs itself.
    assert taken < 6 * windows.LARGEST_WINDOW < size / 4
