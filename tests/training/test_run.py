"""Runs that are interrupted and resumed: the same bits, or one clear refusal."""

import os
import shutil
import signal
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams
from deeptutorial.files import take_lock
from deeptutorial.training import DivergenceError, EarlyStopping, Run, RunFolderError
from deeptutorial.training.packing import changed_by

N_BATCHES = 5
X = np.random.default_rng(0).random((20, 3)).astype("float32")


class Training:
    """What a script has: a weight, noise of both kinds, and a step that changes them."""

    def __init__(self):
        with pytensor.config.change_flags(floatX="float32"):
            streams = RandomStreams(7)
            self.w = pytensor.shared(np.zeros(3, dtype="float32"), name="w")
            self.x = pytensor.shared(X)
            index = pt.lscalar()
            batch = self.x[index * 4 : (index + 1) * 4]
            kept = streams.binomial(size=batch.shape, p=0.7, dtype="float32")
            noisy = kept * batch + streams.normal(size=batch.shape, std=0.1)
            cost = pt.sum((pt.dot(noisy, self.w) - 1) ** 2)
            self.step = pytensor.function(
                [index], cost, updates=[(self.w, self.w - 0.02 * pt.grad(cost, self.w))]
            )
        self.random = [variable for variable in changed_by(self.step) if variable is not self.w]
        self.start = [variable.get_value() for variable in self.random]

    def reset(self):
        self.w.set_value(np.zeros(3, dtype="float32"))
        self.x.set_value(X)
        for variable, value in zip(self.random, self.start, strict=True):
            variable.set_value(value)

    def datasets(self):
        labels = pt.cast(pytensor.shared(np.zeros(20, dtype="float32")), "int32")
        return [(self.x, labels)] * 3

    def run(self, folder, resume=False, stop_at=None, settings=None, n_epochs=4, **options):
        """Train in two stages; return the weight, the mean costs and what was seen.

        The run is interrupted in the minibatch that is the `stop_at`-th of this call.
        """
        self.reset()
        settings = settings or {"rate": 0.02}
        run = Run(self.datasets(), folder, resume, **options, **settings)
        stopping, seen = EarlyStopping(patience=100), []
        for name in ("first", "second"):
            training = run.stage(name, self.w, self.step, 0.02, stopping=stopping)
            for epoch, c in training.epochs(n_epochs, start=1):
                for index in training.minibatches(N_BATCHES):
                    c.append(self.step(index))
                    seen.append((name, epoch, index))
                    if len(seen) == stop_at:
                        signal.raise_signal(signal.SIGINT)
                stopping.improves(training.check(), epoch)
        run.finish()
        means = [mean for stage in run.stages for mean in stage.costs]
        return self.w.get_value(), means, vars(stopping), seen


@pytest.fixture(scope="module")
def training():
    return Training()


@pytest.fixture(scope="module")
def whole(training, tmp_path_factory):
    return training.run(tmp_path_factory.mktemp("whole"))


def files(folder):
    return sorted(path.name for path in folder.glob("[!.]*"))


# ---- the same bits


def test_a_run_by_itself(whole, training):
    """The weight is what NumPy makes of the same steps, without a checkpoint in sight."""
    training.reset()
    costs = [training.step(i % N_BATCHES) for i in range(2 * 4 * N_BATCHES)]
    np.testing.assert_array_equal(whole[0], training.w.get_value())
    np.testing.assert_allclose(whole[1], np.reshape(costs, (-1, N_BATCHES)).mean(axis=1), rtol=1e-6)
    assert len(whole[3]) == 2 * 4 * N_BATCHES


@pytest.mark.parametrize("stop_at", range(1, 2 * 4 * N_BATCHES + 1))
def test_interrupted_anywhere_and_resumed(stop_at, training, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=stop_at)
    w, means, stopping, seen = training.run(tmp_path, resume=True)
    np.testing.assert_array_equal(w, whole[0])
    assert means == whole[1]
    assert stopping == whole[2]
    assert seen == whole[3][stop_at:]
    assert files(tmp_path) == []


def test_interrupted_again_and_again(training, whole, tmp_path):
    n_calls, resume = 0, False
    while True:
        n_calls += 1
        try:
            w, means, *_ = training.run(tmp_path, resume=resume, stop_at=3)
            break
        except KeyboardInterrupt:
            resume = True
    assert n_calls == -(-2 * 4 * N_BATCHES // 3)
    np.testing.assert_array_equal(w, whole[0])
    assert means == whole[1]


def test_checkpoints_within_an_epoch(training, whole, tmp_path):
    """A run that dies without a word loses two minibatches at most, if so often is asked for.

    One is not over, and the checkpoint after the one before may not be written yet.
    """
    n_calls = 0

    def dying(_index):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 13:
            raise SystemError("killed")
        return training_step(_index)

    training_step = training.step
    dying.maker = training_step.maker
    try:
        training.step = dying
        with pytest.raises(SystemError):
            training.run(tmp_path, checkpoint_every=0)
    finally:
        training.step = training_step
    w, means, _, seen = training.run(tmp_path, resume=True)
    np.testing.assert_array_equal(w, whole[0])
    assert means == whole[1]
    assert seen in (whole[3][11:], whole[3][12:])


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_newest_checkpoint_costs_one_step_more(damage, training, whole, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=13)
    newest = max(tmp_path.glob("checkpoint*"), key=lambda path: path.stat().st_mtime_ns)
    content = newest.read_bytes()
    newest.write_bytes(content[:-1] if damage is None else damage)
    w, _, _, seen = training.run(tmp_path, resume=True)
    np.testing.assert_array_equal(w, whole[0])
    assert seen == whole[3][10:]
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{newest}: not a deeptutorial checkpoint, or a damaged one" in err
    assert "taking the other" in err


def test_sigterm_is_held_back_as_well(training, whole, tmp_path, monkeypatch):
    from deeptutorial.training import TerminatedError

    monkeypatch.setattr(signal, "raise_signal", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(TerminatedError):
        training.run(tmp_path, stop_at=7)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    w, *_ = training.run(tmp_path, resume=True)
    np.testing.assert_array_equal(w, whole[0])


# ---- folders


def test_an_unfinished_run_is_not_overwritten(training, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=7)
    before = {path: path.read_bytes() for path in tmp_path.glob("checkpoint*")}
    with pytest.raises(RunFolderError, match=r"interrupted: .*`resume=True`.* another `output_"):
        training.run(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.glob("checkpoint*")} == before


def test_a_finished_run_may_be_overwritten(training, whole, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"old")
    for _ in range(2):
        np.testing.assert_array_equal(training.run(tmp_path)[0], whole[0])
    assert files(tmp_path) == ["picture.png"]


def test_nothing_to_resume_is_said(training, whole, tmp_path, capsys):
    np.testing.assert_array_equal(training.run(tmp_path, resume=True)[0], whole[0])
    assert "holds no run that was interrupted; starting from the begin" in capsys.readouterr().err


def test_other_options_are_refused(training, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=7)
    with pytest.raises(RunFolderError, match=r"rate = 0\.02, not 0\.03: resume it with the same"):
        training.run(tmp_path, resume=True, settings={"rate": 0.03})
    with pytest.raises(RunFolderError, match="more = None, not 1"):
        training.run(tmp_path, resume=True, settings={"rate": 0.02, "more": 1})


class TwoTrainings:
    """What dA.py has: in each stage another model, with noise of its own."""

    def __init__(self):
        self.models = [Training(), Training()]

    def run(self, folder, n_epochs, resume=False, stop_at=None):
        for model in self.models:
            model.reset()
        data = self.models[0].datasets()
        run, n_seen = Run(data, folder, resume, training_epochs=n_epochs), 0
        for name, model in zip(("first", "second"), self.models, strict=True):
            training = run.stage(name, model.w, model.step, 0.02, independent=True)
            for _, c in training.epochs(n_epochs):
                for index in training.minibatches(N_BATCHES):
                    c.append(model.step(index))
                    n_seen += 1
                    if n_seen == stop_at:
                        signal.raise_signal(signal.SIGINT)
        run.finish()
        return [model.w.get_value() for model in self.models], [s.costs for s in run.stages], n_seen


@pytest.fixture(scope="module")
def two():
    return TwoTrainings()


@pytest.mark.parametrize("stop_at", [1, 7, 10, 11, 18, 20])
@pytest.mark.parametrize("again_at", [None, 2])
def test_going_on_to_more_epochs_ends_as_if_there_had_been_as_many(
    stop_at, again_at, two, tmp_path, capsys
):
    weights, costs, n_seen = two.run(tmp_path / "whole", 3)
    assert n_seen == 2 * 3 * N_BATCHES
    folder = tmp_path / "longer"
    with pytest.raises(KeyboardInterrupt):
        two.run(folder, 2, stop_at=stop_at)
    if again_at:
        with pytest.raises(KeyboardInterrupt):
            two.run(folder, 3, resume=True, stop_at=again_at)
    w, c, left = two.run(folder, 3, resume=True)
    np.testing.assert_array_equal(w, weights)
    assert c == costs
    assert again_at or left == n_seen - stop_at  # nothing is gone through again
    assert capsys.readouterr().err.count(f"{folder} holds a run of 2 epochs; going on to 3") == 1


def test_fewer_epochs_are_refused(two, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        two.run(tmp_path, 2, stop_at=3)
    with pytest.raises(RunFolderError, match="a run of 2 epochs, which cannot end after 1: resume"):
        two.run(tmp_path, 1, resume=True)
    assert two.run(tmp_path, 2, resume=True)[2] == 2 * 2 * N_BATCHES - 3


def test_a_stage_that_others_went_on_from_cannot_have_more_epochs(training, tmp_path):
    def run(n_epochs, **options):
        settings = {"training_epochs": n_epochs}
        return training.run(tmp_path, n_epochs=n_epochs, settings=settings, **options)

    with pytest.raises(KeyboardInterrupt):
        run(2, stop_at=2 * N_BATCHES + 1)
    with pytest.raises(ValueError, match=r"'first' was over after 2 epochs, .* have 3"):
        run(3, resume=True)


def test_other_places_are_not(training, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path / "a", stop_at=7, settings={"rate": 0.02, "dataset": "here"})
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = {"rate": 0.02, "dataset": "there"}
    w, *_ = training.run(tmp_path / "b", resume=True, settings=again)
    np.testing.assert_array_equal(w, whole[0])


def test_other_data_are_refused(training, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=7)
    other = X.copy()
    other[19, 2] += 1e-6
    monkeypatch.setitem(globals(), "X", other)
    with pytest.raises(RunFolderError, match="a run on other data"):
        training.run(tmp_path, resume=True)


def test_no_whole_checkpoint_is_refused(training, tmp_path):
    (tmp_path / "checkpoint_0.npz").write_bytes(b"rubbish")
    with pytest.raises(RunFolderError, match=r"no checkpoint can be used .*checkpoint_0\.npz"):
        training.run(tmp_path, resume=True)


def test_what_killed_processes_leave_behind_is_swept_up(training, tmp_path):
    (tmp_path / ".deeptutorial-0123456789abcdef.part").write_bytes(b"half")
    (tmp_path / ".thesis.part").write_bytes(b"somebody's")
    (tmp_path / ".deeptutorial-fedcba9876543210.part").mkdir()
    training.run(tmp_path)
    left = sorted(path.name for path in tmp_path.glob(".*.part"))
    assert left == [".deeptutorial-fedcba9876543210.part", ".thesis.part"]


def test_a_second_run_in_one_folder_is_refused(training, tmp_path):
    refused = []

    def second():
        try:
            Run(training.datasets(), tmp_path)
        except RunFolderError as error:
            refused.append(str(error))

    run = Run(training.datasets(), tmp_path)
    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    assert refused == [
        f"another run is at work in {tmp_path}: wait for its end, or choose another `output_folder`"
    ]
    run.finish()
    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    assert len(refused) == 1


def test_a_run_that_failed_here_does_not_bar_the_next(training, whole, tmp_path):
    """Though its traceback, and so the lock, is still about, as in a notebook."""
    with pytest.raises(KeyboardInterrupt) as caught:
        training.run(tmp_path, stop_at=1)
    np.testing.assert_array_equal(training.run(tmp_path, resume=True)[0], whole[0])
    del caught


def test_a_folder_that_is_removed_is_made_again(training, whole, tmp_path, monkeypatch):
    folder = tmp_path / "plots"

    def remove(_):
        folder.rename(tmp_path / "gone")  # at once: a checkpoint may just be written there
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(signal, "raise_signal", remove)
    with pytest.raises(KeyboardInterrupt):
        training.run(folder, stop_at=8)
    np.testing.assert_array_equal(training.run(folder, resume=True)[0], whole[0])


def test_a_lock_that_is_removed_is_no_loss(training, whole, tmp_path):
    """Of a cleaner of hidden files the end of the run sees nothing, nor does the next one."""
    original = Run.finish

    def finish(run):
        (tmp_path / ".run.lock").unlink()
        original(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "finish", finish)
        np.testing.assert_array_equal(training.run(tmp_path)[0], whole[0])
    assert files(tmp_path) == []
    np.testing.assert_array_equal(training.run(tmp_path)[0], whole[0])


def test_a_folder_that_somebody_else_took_over_is_left_to_him(training, whole, tmp_path, capsys):
    """The folder was removed, and another run, of another thread here, made it again."""
    folder = tmp_path / "plots"
    taken, done = threading.Event(), threading.Event()

    def other():
        run = Run(training.datasets(), folder)
        taken.set()
        done.wait(60)
        run.finish()

    thread = threading.Thread(target=other)

    training.reset()
    run = Run(training.datasets(), folder, checkpoint_every=1e9)
    stage = run.stage("first", training.w, training.step, 0.02)
    for epoch, c in stage.epochs(2):
        c.extend(training.step(i) for i in range(N_BATCHES))
        if epoch == 0:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
            thread.start()
            assert taken.wait(60)
    assert files(folder) == []
    elsewhere = f"{folder}-2"
    message = f"This run goes on in {elsewhere}: another run is at work in {folder} by now\n"
    assert capsys.readouterr().err == message
    assert run.folder == elsewhere
    run.wait_for_checkpoint()
    assert files(tmp_path / "plots-2") == ["checkpoint_0.npz", "checkpoint_1.npz"]
    done.set()
    thread.join()
    assert len(c) == N_BATCHES
    run.finish()
    assert files(tmp_path / "plots-2") == []
    again = Run(training.datasets(), folder)
    assert again.folder == str(folder)
    again.finish()


def test_a_robbed_run_touches_nothing_of_the_others(training, tmp_path, monkeypatch, capsys):
    """On a disk that locks files only: the lock was removed, and another run began."""
    folder = tmp_path / "plots"
    monkeypatch.setattr(
        "deeptutorial.training.folder_lock.take_lock",
        lambda handle: take_lock(handle) if stat.S_ISREG(os.fstat(handle).st_mode) else None,
    )
    robbed = Run(training.datasets(), folder)
    (folder / ".run.lock").unlink()
    came, done, other_folder = threading.Event(), threading.Event(), []

    def other():
        run = Run(training.datasets(), folder)
        stage = run.stage("first", training.w, training.step, 0.02)
        for _, c in stage.epochs(1):
            c.append(1.0)
        run.wait_for_checkpoint()
        came.set()
        done.wait(60)
        other_folder.append(run.folder)
        run.finish()

    thread = threading.Thread(target=other)
    thread.start()
    assert came.wait(60)
    before = {path: path.read_bytes() for path in folder.glob("*")}
    assert len(before) == 2  # the lock, and a checkpoint
    stage = robbed.stage("first", training.w, training.step, 0.02)
    stage.if_interrupted(lambda path: Path(path).write_text("result"), folder / "result")

    def interrupted():
        for _, c in stage.epochs(1):
            for _ in stage.minibatches(2):
                c.append(1.0)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted()
    assert str(caught.value) == (
        f"the filters so far are in {folder}-2/result; go on with `resume=True` and "
        f"`output_folder` {folder}-2"
    )
    assert capsys.readouterr().err.count("another run is at work in") == 1
    robbed.finish()
    assert {path: path.read_bytes() for path in folder.glob("*")} == before
    assert files(tmp_path / "plots-2") == ["result"]
    done.set()
    thread.join()
    assert other_folder == [str(folder)]
    assert files(folder) == []


def test_a_disk_that_fails_is_said_once(training, whole, tmp_path, monkeypatch, capsys):
    written = []

    def full(*_):
        written.append(1)
        if len(written) > 1:  # the first one is a trial
            raise OSError(28, "No space left on device", "x.npz")

    monkeypatch.setattr("deeptutorial.training.checkpoints.write_archive", full)
    w, *_ = training.run(tmp_path)
    np.testing.assert_array_equal(w, whole[0])
    assert len(written) == 9
    assert capsys.readouterr().err.splitlines() == [
        "No checkpoint could be written ([Errno 28] No space left on device: 'x.npz'); training "
        "goes on"
    ]


def test_no_memory_for_a_checkpoint_ends_no_run(training, whole, tmp_path, monkeypatch, capsys):
    """Neither where it is copied nor in the thread that writes it."""
    written = []

    def without_memory(*_):
        written.append(1)
        if len(written) > 1:
            raise MemoryError

    def no_copy(self):
        if len(written) > 4:
            raise MemoryError("Unable to allocate")
        return packed(self)

    packed = Run._packed
    monkeypatch.setattr("deeptutorial.training.checkpoints.write_archive", without_memory)
    monkeypatch.setattr(Run, "_packed", no_copy)
    w, *_ = training.run(tmp_path)
    np.testing.assert_array_equal(w, whole[0])
    assert capsys.readouterr().err.splitlines() == [
        "No checkpoint could be written (not enough memory); training goes on",
        "No checkpoint could be written (Unable to allocate); training goes on",
    ]


def test_no_way_to_go_on_is_advised_where_there_is_none(training, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("deeptutorial.training.writer.CheckpointWriter.try_out", lambda _: None)
    run = Run(training.datasets(), tmp_path)
    stage = run.stage("first", training.w, training.step, 0.02)
    stage.if_interrupted(lambda path: Path(path).write_text("result"), tmp_path / "result")

    def full(*_):
        raise OSError(28, "No space left on device", "x.npz")

    monkeypatch.setattr("deeptutorial.training.checkpoints.write_archive", full)

    def interrupted():
        for _, c in stage.epochs(1):
            for _ in stage.minibatches(2):
                c.append(1.0)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="cannot be gone on with") as caught:
        interrupted()
    assert "resume" not in str(caught.value)


def test_a_disk_that_is_full_from_the_start_is_found_before_training(
    training, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deeptutorial.training.checkpoints.write_archive", full)
    with pytest.raises(OSError, match="No space left"):
        training.run(tmp_path)
    np.testing.assert_array_equal(training.w.get_value(), 0)


# ---- divergence


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (
            [[3.0, 1.0], [2.0, np.nan]],
            "became nan at minibatch 1 .* rate of 0.5 .* try 0.05 .*kept",
        ),
        ([[3.0, 1.0], [2.0, np.inf]], "became inf at minibatch 1"),
        ([[3.0, 1.0], [31.0, 31.0]], "grew from 3 to 31: the learning rate of 0.5 .* try 0.05"),
        ([[3.0, 1.0], [1.0, 1.0], [30.0, 31.0]], "grew from 3 to 30.5"),
    ],
)
def test_divergence_keeps_the_last_good_checkpoint(costs, message, training, tmp_path):
    run = Run(training.datasets(), tmp_path)
    stage = run.stage("first", training.w, training.step, 0.5)

    def train():
        for epoch, c in stage.epochs(len(costs)):
            for index in stage.minibatches(2):
                c.append(costs[epoch][index])

    with pytest.raises(DivergenceError, match=message) as caught:
        train()
    assert str(tmp_path) in str(caught.value)
    newest = Run(training.datasets(), tmp_path, resume=True)
    again = newest.stage("first", training.w, training.step, 0.5)
    assert [epoch for epoch, _ in again.epochs(9)] == list(range(len(costs) - 1, 9))


def test_a_cost_may_rise_without_exploding(training, tmp_path):
    run = Run(training.datasets(), tmp_path)
    stage = run.stage("first", training.w, training.step, 0.5)
    costs = ([3.0, 1.0], [1e-9], [29.0])
    for epoch, c in stage.epochs(3):
        c.extend(costs[epoch])
    assert stage.costs == [2, 1e-9, 29]


def test_divergence_is_not_written_into_a_checkpoint(training, tmp_path):
    run = Run(training.datasets(), tmp_path, checkpoint_every=0)
    stage = run.stage("first", training.w, training.step, pytensor.shared(0.5))

    def train():
        for _, c in stage.epochs(1):
            for index in stage.minibatches(5):
                c.append(1.0 if index < 2 else float("nan"))

    with pytest.raises(DivergenceError, match="became nan at minibatch 2 "):
        train()
    resumed = Run(training.datasets(), tmp_path, resume=True)
    stage = resumed.stage("first", training.w, training.step, pytensor.shared(0.5))
    assert stage.position()["minibatch"] == 2


@pytest.mark.parametrize("size", [np.inf, np.nan, 1e30])
def test_parameters_that_the_last_step_made_useless_are_not_kept(size, training, tmp_path):
    """The costs of the epoch are good ones: each is that before its step."""
    model = SimpleNamespace(params=[training.w, pytensor.shared(np.zeros(1)), training.w])
    training.reset()
    run = Run(training.datasets(), tmp_path)
    stage = run.stage("first", model, training.step, 0.5)

    def train():
        for epoch, c in stage.epochs(2):
            for index in stage.minibatches(2):
                c.append(1.0)
                if (epoch, index) == (1, 1):
                    training.w.set_value(np.array([0, size, 0], dtype="float32"))

    with pytest.raises(DivergenceError, match=r"w became too large .* 0\.5 is too high; try 0\.05"):
        train()
    resumed = Run(training.datasets(), tmp_path, resume=True)
    assert resumed.stage("first", model, training.step, 0.5).position()["epoch"] == 1
    np.testing.assert_array_equal(training.w.get_value(), np.zeros(3))


def test_where_and_how_a_run_is_done_are_no_settings_of_it(training, tmp_path):
    run = Run(training.datasets(), tmp_path, checkpoint_every=5.0, rate=0.5, dataset="here")
    assert run.settings == {"rate": 0.5, "dataset": "here"}
    run.finish()


# ---- what a stage tells


def test_a_stage_tells_its_seconds_over_all_runs(training, tmp_path, monkeypatch):
    clock = iter(range(1000))
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, stop_at=2 * N_BATCHES + 1)
    monkeypatch.setattr("deeptutorial.training.stage.time.monotonic", lambda: float(next(clock)))
    training.reset()
    run = Run(training.datasets(), tmp_path, resume=True, checkpoint_every=1e9, rate=0.02)
    stage = run.stage("first", training.w, training.step, 0.02, stopping=EarlyStopping(patience=1))
    earlier = stage.seconds
    assert 0 < earlier < 60
    for _, c in stage.epochs(3):
        c.extend(training.step(i) for i in range(1, N_BATCHES))
    ended = stage.seconds
    assert ended - earlier >= 1
    next(clock)
    assert stage.seconds == ended
    run.finish()


def test_an_interrupted_stage_saves_what_it_was_asked_to_and_says_where(training, tmp_path):
    run = Run(training.datasets(), tmp_path / "run")
    stage = run.stage("first", training.w, training.step, 0.02)
    path = tmp_path / "weight.npy"
    stage.if_interrupted(lambda w, to: np.save(to, w.get_value()), training.w, path, what="weights")

    def train():
        for _, c in stage.epochs(1):
            for index in stage.minibatches(N_BATCHES):
                c.append(training.step(index))
                if index == 2:
                    signal.raise_signal(signal.SIGINT)

    with pytest.raises(
        KeyboardInterrupt, match=f"^the weights so far are in {path}; go on with `res"
    ):
        train()
    np.testing.assert_array_equal(np.load(path), training.w.get_value())
    assert files(tmp_path / "run") != []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_a_resumed_epoch_has_the_same_bits(dtype, training, tmp_path):
    """Whatever it is taken of: NumPy adds up float32 in an order of its own where there are many.

    The script prints ``numpy.mean(c, dtype="float64")``.
    """
    costs = np.random.default_rng(55).random(20_000).astype(dtype)  # where the order shows
    run = Run(training.datasets(), tmp_path)
    stage = run.stage("first", training.w, training.step, 0.02)

    def interrupted():
        for _, c in stage.epochs(1):
            for index in stage.minibatches(len(costs)):
                c.append(costs[index, ...])
                if index == 7000:
                    signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    resumed = Run(training.datasets(), tmp_path, resume=True)
    stage = resumed.stage("first", training.w, training.step, 0.02)
    for _, c in stage.epochs(1):
        for index in stage.minibatches(len(costs)):
            c.append(costs[index, ...])
        assert len(c) == len(costs)
        assert np.mean(c, dtype="float64") == np.mean(list(costs), dtype="float64")
    resumed.finish()


def test_how_the_data_were_read_is_told_and_not_compared(training, whole, tmp_path):
    run = Run(training.datasets(), tmp_path / "a", dataset=X, rate=0.5, reading={"impute": True})
    assert run.settings == {"rate": 0.5, "impute": True}  # an array in memory is no setting
    run.finish()
    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path / "b", stop_at=7, reading={"label_column": "kind"})
    again = {"rate": 0.02, "reading": {"label_column": "4"}}
    w, *_ = training.run(tmp_path / "b", resume=True, settings=again)
    np.testing.assert_array_equal(w, whole[0])
