"""Runs that are resumed where something else computes: the same bits, a refusal, or a word."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numba import njit
from pytensor.compile.mode import Mode

from deeptutorial import dA
from deeptutorial.archives import read_archive, write_archive
from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.surroundings import surroundings
from deeptutorial.training import Run, RunFolderError

ROOT = Path(__file__).parents[1]

N_VISIBLE, N_HIDDEN, BATCH_SIZE = 64, 60, 20
"""Enough for the kernels to share a step between up to four threads."""


@pytest.fixture(scope="module")
def training():
    """Return a function that trains a new dA for a few steps, and the function that it calls."""
    with pytensor.config.change_flags(floatX="float32"):
        x = np.random.default_rng(0).random((5 * BATCH_SIZE, N_VISIBLE)).astype("float32")
        data, index = pytensor.shared(x), pt.lscalar()
        da = dA(np.random.RandomState(1), n_visible=N_VISIBLE, n_hidden=N_HIDDEN)
        cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
        rows = data[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        step = pytensor.function([index], cost, updates=updates, givens={da.x: rows})
    changed = [given.variable for given in step.maker.inputs if given.update is not None]
    before = [variable.get_value() for variable in changed]

    def train():
        for variable, value in zip(changed, before, strict=True):
            variable.set_value(value)
        costs = [float(step(i % 5)) for i in range(20)]
        return costs, da.W.get_value().tobytes()

    return train, step


@pytest.fixture
def thread_limit():
    """Return a function that limits the threads of kernels, whatever the machine has."""
    limits = slice(threads._LIMIT, threads._LIMIT + 2)
    before = threads._table[limits].copy()

    def limit(count):
        threads._table[limits] = count, 0

    yield limit
    threads._table[limits] = before


def test_what_comes_out_depends_on_the_blocks_and_not_on_the_threads(training, thread_limit):
    train, _ = training
    results = {}
    for n_threads in (1, 2, 4):
        thread_limit(n_threads)
        results[n_threads] = train()
    assert len({W for _, W in results.values()}) > 1, "there is nothing to be seen"
    for n_threads in (1, 2, 4):
        thread_limit(n_threads)
        for n_blocks in (1, 2, 4):
            with threads.fixed_blocks(n_blocks):
                assert train() == results[n_blocks]
        assert train() == results[n_threads]


@pytest.mark.parametrize("count", [0, -1, threads.MOST_THREADS + 1, 2**62])
def test_impossible_blocks_are_refused(count):
    with pytest.raises(ValueError, match="blocks of work"), threads.fixed_blocks(count):
        pass


def test_surroundings_tell_the_backend():
    x = pt.dscalar()
    for mode, backend in ((Mode("numba"), "numba"), (Mode("cvm"), "c"), (Mode("py"), "c")):
        found = surroundings(pytensor.function([x], x + 1, mode=mode))
        assert found["backend"] == backend
        assert found["pytensor"] == pytensor.__version__
        assert ("numba" in found) == (backend == "numba")
        assert 1 <= found["threads"] <= threads.MOST_THREADS


def test_surroundings_tell_jax():
    pytest.importorskip("jax")
    import deeptutorial

    mode = pytensor.config.mode
    try:
        deeptutorial.use("jax", "cpu")
        x = pt.dscalar()
        found = surroundings(pytensor.function([x], x + 1))
    finally:
        pytensor.config.mode = mode
    assert found["backend"] == "jax"
    assert "jax" in found


def begun(folder, step, n_epochs=1, cost=lambda: 1.0, **options):
    """Go through epochs of a run, and leave it where it is."""
    labels = pytensor.shared(np.zeros(9, dtype="int32"))
    data = pytensor.shared(np.zeros((9, 2), dtype="float32"))
    run = Run([(data, labels)] * 3, folder, **options)
    stage = run.stage("first", None, step, 0.1)
    for _, c in stage.epochs(n_epochs):
        c.append(cost())
    run.wait_for_checkpoint()
    return run


def altered(folder, **facts):
    """Alter the surroundings that a run's checkpoints tell of."""
    for path in folder.glob("checkpoint_*.npz"):
        header, arrays = read_archive(path, "deeptutorial checkpoint", 1)
        header["surroundings"].update(facts)
        write_archive(path, header, arrays)


def test_another_backend_is_refused(training, tmp_path):
    _, step = training
    begun(tmp_path, step)
    altered(tmp_path, backend="jax")
    with pytest.raises(RunFolderError, match="holds a run on the backend 'jax', not 'numba'"):
        begun(tmp_path, step, resume=True)


def test_other_versions_are_said(training, tmp_path, capsys):
    _, step = training
    begun(tmp_path, step)
    altered(tmp_path, numba="0.1", processor="abacus")
    begun(tmp_path, step, n_epochs=2, resume=True)
    err = capsys.readouterr().err
    assert err.startswith("This run goes on with another processor ('abacus' before, ")
    assert ", numba ('0.1' before, " in err
    assert err.endswith(": the last bits of its results may be other ones\n")
    assert err.count("\n") == 1


def test_a_run_goes_on_with_the_blocks_that_it_began_with(training, tmp_path, thread_limit, capsys):
    _, step = training
    block_count, seen = njit(lambda: threads.block_count()), []

    def seeing():
        seen.append(block_count())
        return 1.0

    thread_limit(3)
    begun(tmp_path, step)
    thread_limit(1)
    begun(tmp_path, step, n_epochs=3, resume=True, cost=seeing)
    assert seen == [3, 3]
    assert block_count() == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "facts", [{"threads": 0}, {"threads": 2**62}, {"threads": "2"}, {"backend": None}]
)
def test_impossible_surroundings_are_refused(facts, training, tmp_path):
    _, step = training
    begun(tmp_path, step)
    altered(tmp_path, **facts)
    with pytest.raises(RunFolderError, match="does not fit this run"):
        begun(tmp_path, step, resume=True)


def script(folder, *options, **environment):
    command = [sys.executable, str(ROOT / "dA.py"), "--dataset", "small.npz"]
    options = ("--n-hidden", N_HIDDEN, "--training-epochs", 10, *options)
    return subprocess.Popen(
        [*command, *map(str, options)],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_threads_stopped_and_one_thread_resumed_end_with_the_same_bits(tmp_path):
    x = np.random.default_rng(0).random((200, 8, 8)).astype("float32")
    np.savez(tmp_path / "small.npz", x=x)
    whole = script(tmp_path, "--output-folder", "whole", OMP_NUM_THREADS="2")
    slowly = ("--output-folder", "stopped", "--checkpoint-every", 0)  # so that it can be stopped
    stopped = script(tmp_path, *slowly, OMP_NUM_THREADS="2")
    assert stopped.stdout.readline().startswith("Training epoch 0")
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err
    resumed = script(tmp_path, "--output-folder", "stopped", "--resume", OMP_NUM_THREADS="1")
    for process in (resumed, whole):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    for level in (0, 30):
        name = f"dA_corruption_{level}.npz"
        assert (tmp_path / "whole" / name).read_bytes() == (
            tmp_path / "stopped" / name
        ).read_bytes()
