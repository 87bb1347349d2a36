"""Helper threads: as many as the user allows, and never needed for the result."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from deeptutorial.compile.backends.numba.kernels import denoising_step, threads
from deeptutorial.compile.backends.numba.kernels.ahead import put_in_place

ROOT = Path(__file__).parents[2]

TRAIN = """
import numpy as np, pytensor
from deeptutorial import RandomStreams, dA

def trained(n_hidden=90, steps=5, decay=0):
    pytensor.config.floatX = "float32"
    da = dA(np.random.RandomState(1), RandomStreams(2), n_visible=200, n_hidden=n_hidden)
    cost, updates = da.get_cost_updates(0.3, 0.1)
    if decay:
        (W, new_W), *others = updates
        updates = [(W, new_W - np.float32(decay) * W), *others]
    train = pytensor.function([da.x], cost, updates=updates)
    x = np.random.default_rng(3).uniform(size=(20, 200)).astype("float32")
    costs = [float(train(x)) for _ in range(steps)]
    return costs, da.W.get_value()
"""


def run(program, folder=ROOT, **environment):
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAIN + program],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


COUNT = """
from deeptutorial.compile.backends.numba.kernels import denoising_step, threads
print(threads.thread_count())
"""


several_cores = pytest.mark.skipif(threads._limit() < 2, reason="one thread is all there is here")


@several_cores
def test_thread_count_follows_the_environment():
    assert run(COUNT, OMP_NUM_THREADS="1") == "1\n"


@several_cores
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_thread_count_follows_the_affinity():
    program = "import os\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    process = subprocess.run(
        [sys.executable, "-c", program + COUNT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    assert process.stdout == "1\n"


@several_cores
@pytest.mark.skipif(threads._table[threads._LIMIT + 1] == 0, reason="SciPy has another BLAS")
def test_thread_count_follows_what_is_set_for_blas():
    """As threadpoolctl does it, and back."""
    import ctypes

    from scipy.linalg import cython_blas

    blas = ctypes.CDLL(cython_blas.__file__)
    before = blas.scipy_openblas_get_num_threads()
    blas.scipy_openblas_set_num_threads(1)
    try:
        assert threads.thread_count() == 1
    finally:
        blas.scipy_openblas_set_num_threads(before)
    assert threads.thread_count() == min(before, threads._limit())


@several_cores
def test_one_thread_and_two_agree():
    results = [
        run("costs, W = trained(); print(costs[-1], abs(W).sum())", OMP_NUM_THREADS=n).split()
        for n in ("1", "2")
    ]
    np.testing.assert_allclose(*np.array(results, dtype=float), rtol=1e-4)


def test_the_same_run_is_the_same_to_the_bit():
    program = "costs, W = trained(); import hashlib; print(hashlib.sha256(W).hexdigest())"
    assert run(program) == run(program)


@several_cores
@pytest.mark.slow
def test_a_changed_step_is_the_same_to_the_bit_with_any_number_of_threads():
    program = """
import hashlib
print(hashlib.sha256(trained(n_hidden=300, decay=0.01)[1]).hexdigest())
"""
    digests = {run(program, OMP_NUM_THREADS=n) for n in ("1", "2", "64")}
    assert len(digests) == 1


DRAW = """
import hashlib
from deeptutorial.compile.backends.numba.kernels import threads
pytensor.config.floatX = "float32"
streams, size = RandomStreams(3), (101, 333)
drawn = [streams.normal(size), streams.uniform(size), streams.binomial(size, 1, 0.3, "int8")]
draw = pytensor.function([], drawn)
hashes = [hashlib.sha256() for _ in drawn]
for n_threads in [N] * 10:
    threads._table[threads._LIMIT : threads._LIMIT + 2] = n_threads, 0  # and whatever BLAS uses
    assert threads.thread_count() == n_threads
    for digest, numbers in zip(hashes, draw()):
        digest.update(numbers)
print([digest.hexdigest() for digest in hashes])
"""


@pytest.mark.slow
def test_draws_are_the_same_to_the_bit_with_any_number_of_threads_and_any_processor(tmp_path):
    plainest = {  # that LLVM knows
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
    }
    results = {run(DRAW.replace("N]", f"{n}]")) for n in (1, 2, 9)}
    results.add(run(DRAW.replace("N]", "1]"), **plainest))
    assert len(results) == 1


def test_helpers_that_slept_wake_up():
    """A little rest between two steps, and the helpers are asleep; nothing else changes."""
    program = """
import time
da = dA(np.random.RandomState(1), RandomStreams(2), n_visible=200, n_hidden=300)
cost, updates = da.get_cost_updates(0.0, 0.1)
x = np.random.default_rng(3).uniform(size=(20, 200))
train = pytensor.function([da.x], cost + (da.W**2).sum(), updates=updates)
costs = []
for pause in (0, 0, 0.3, 0.3):
    for param in da.params:
        param.set_value(0 * param.get_value())
    costs.append(float(train(x)))
    time.sleep(pause)
print(len(set(costs)) == 1)
"""
    assert run(program) == "True\n"


@several_cores
def test_helpers_are_started_without_python():
    """Within compiled code a signal's exception would be passed over, and the helper lost."""
    program = """
import sys
from deeptutorial.compile.backends.numba.kernels import threads
da = dA(np.random.RandomState(1), n_visible=200, n_hidden=300)
cost, updates = da.get_cost_updates(0.0, 0.1)
x = np.random.default_rng(3).uniform(size=(20, 200))
train = pytensor.function([da.x], cost + (da.W**2).sum(), updates=updates)
train(x)
started, threads._table[threads._STARTED] = threads._table[threads._STARTED], 0
called = []
sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_filename))
train(x)
sys.setprofile(None)
print(started == threads._table[threads._STARTED], threads.__file__ in called)
"""
    assert run(program) == "True False\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps the semaphores")
def test_helpers_that_outlive_the_interpreter_sleep_in_memory_that_is_never_freed():
    """A helper that lies down while the interpreter ends writes into its semaphore."""
    program = """
from deeptutorial.compile.backends.numba.kernels import threads
threads._table[threads._LIMIT : threads._LIMIT + 2] = 5, 0
trained(steps=1)
table = range(threads._table_address, threads._table_address + threads._table.nbytes)
for t in range(1, 5):
    _, semaphore = threads._table[threads._IDLE + t * threads._WORDS :][:2]
    print(int(semaphore) in table and int(semaphore) + threads.LINE - 1 in table)
"""
    assert run(program).split() == ["True"] * 4


def test_callers_in_many_threads_of_python():
    """Each trains a dA of its own, with a changed step: it is what it is alone."""
    program = """
import threading
pytensor.config.floatX = "float32"

def problem():
    da = dA(np.random.RandomState(1), RandomStreams(2), n_visible=200, n_hidden=300)
    cost, updates = da.get_cost_updates(0.3, 0.1)
    train = pytensor.function([da.x], cost + 0.01 * (da.W**2).sum(), updates=updates)
    train(x[:1])  # compiled here: neither PyTensor nor Numba does so in several threads
    return da, train

def work(train):
    for _ in range(30):
        train(x)

x = np.random.default_rng(3).uniform(size=(20, 200)).astype("float32")
problems = [problem() for _ in range(5)]
work(problems[0][1])
callers = [threading.Thread(target=work, args=(train,)) for _, train in problems[1:]]
for caller in callers: caller.start()
for caller in callers: caller.join()
first, *others = [da.W.get_value() for da, _ in problems]
print(all((W == first).all() for W in others))
"""
    assert run(program) == "True\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("decay", [0, 0.01])
def test_a_forked_child_trains_too(decay):
    program = (
        f"decay = {decay}"
        + """
import hashlib, os, sys
digest = lambda: hashlib.sha256(trained(n_hidden=300, decay=decay)[1]).hexdigest()
before = digest()
child = os.fork()
if child == 0:
    os._exit(0 if digest() == before else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), digest() == before)
"""
    )
    assert run(program).split() == ["0", "True"]


def test_callers_in_many_threads():
    """Threads that train at once, without the GIL: each result is what it is alone."""
    denoising_step.announce("float32")
    put_in_place()
    step = denoising_step.step

    @njit(nogil=True)
    def train(x, W, b, b_prime):
        for _ in range(40):
            step(x, x, False, np.uint64(0), 0.0, 0.01, W, b, b_prime)

    def problem(k):
        draw = np.random.default_rng(k)
        return [
            draw.uniform(size=(20, 300)).astype("float32"),
            draw.normal(size=(300, 100)).astype("float32") / np.float32(20),
            np.zeros(100, dtype="float32"),
            np.zeros(300, dtype="float32"),
        ]

    expected = []
    for k in range(4):
        arrays = problem(k)
        train(*arrays)
        expected.append(arrays[1])
    for _ in range(3):
        problems = [problem(k) for k in range(4)]
        threads = [threading.Thread(target=train, args=arrays) for arrays in problems]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for arrays, W in zip(problems, expected, strict=True):
            np.testing.assert_array_equal(arrays[1], W)


@pytest.mark.slow
def test_edited_kernels_are_compiled_anew(tmp_path):
    """Numba's own cache would go on using what was compiled of another file."""
    shutil.copytree(
        ROOT / "deeptutorial",
        tmp_path / "deeptutorial",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    program = "import sys; print(sys.modules['deeptutorial'].__file__, trained(steps=1)[1].sum())"
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}"}
    where, before = run(program, folder=tmp_path, **flags).split()
    assert where.startswith(str(tmp_path))
    kernel = (
        tmp_path / "deeptutorial" / "compile" / "backends" / "numba" / "kernels" / "elementwise.py"
    )
    source = kernel.read_text()
    assert "d_j = s[j]" in source
    kernel.write_text(source.replace("d_j = s[j]", "d_j = 100 * s[j]"))
    assert run(program, folder=tmp_path, **flags).split()[1] != before


@pytest.mark.slow
def test_a_processor_without_wide_vectors(tmp_path):
    """The portable path: the plainest processor that LLVM knows."""
    program = "costs, W = trained(); print(costs[-1], abs(W).sum())"
    plain = run(
        program,
        NUMBA_CPU_NAME="generic",
        NUMBA_CPU_FEATURES="",
        NUMBA_CACHE_DIR=str(tmp_path / "numba"),
        PYTENSOR_FLAGS=f"base_compiledir={tmp_path / 'pytensor'}",
    )
    np.testing.assert_allclose(
        np.array(plain.split(), dtype=float), np.array(run(program).split(), dtype=float), rtol=1e-4
    )
