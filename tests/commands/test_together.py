"""Scripts in several processes on one machine, beside one process; killed ones among them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dA as dA_script
import deeptutorial
from deeptutorial import dA
from deeptutorial.commands import together
from deeptutorial.commands.script_options import dA_options
from deeptutorial.training.checkpoints import Checkpoints

ROOT = Path(deeptutorial.__file__).parents[1]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--coordinator", "here:1234"], "--coordinator, --processes and --process go together"),
        (["--process", "1"], "go together"),
        (
            ["--coordinator", "here:1234", "--processes", "2", "--process", "2"],
            "--process goes from 0 to 1, got 2",
        ),
        (["--local-processes", "2", "--backend", "pytorch"], "run on JAX: --backend jax"),
        (["--local-processes", "2", "--device", "cpu"], "run on JAX: --backend jax --device all"),
        (["--local-processes", "0"], "at least 1"),
    ],
)
def test_options_that_do_not_go_together(options, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        dA_options(dA_script.test_dA, options)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


ENDS, STAYS = "raise SystemExit(2)", "import time; time.sleep(600)"


@pytest.mark.parametrize(
    ("first", "other", "status"), [(STAYS, ENDS, 128 + 9), (ENDS, STAYS, 2), (ENDS, ENDS, 2)]
)
def test_no_process_is_waited_for_that_hears_of_nothing(first, other, status, monkeypatch):
    """One that was stopped, say, whichever it is."""
    monkeypatch.setattr(together, "TO_HEAR", 0.2)
    monkeypatch.setattr(together, "TO_END", 0.2)
    both = [subprocess.Popen([sys.executable, "-c", code]) for code in (first, other)]
    assert together._status_of(both) == status
    assert None not in [process.poll() for process in both]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = np.arange(1400) % 5
    patterns = rng.random((5, 64)) < 0.3
    rows = np.where(rng.random((1400, 64)) < 0.1, rng.random((1400, 64)), patterns[labels])
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, x=rows.reshape(-1, 8, 8).astype("float32"), y=labels)
    return path


def start(small_set, folder, *options, **environment):
    pytest.importorskip("jax")
    command = [sys.executable, "-m", "deeptutorial", "train", "dA", "--dataset", str(small_set)]
    command += ["--n-hidden", "30", "--corruption-level", "0.3", "--output-folder", str(folder)]
    return subprocess.Popen(
        [*command, "--checkpoint-every", "1", *options],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(folder.parent), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def costs(lines):
    return [float(line.split()[-1]) for line in lines.splitlines() if line.startswith("Training")]


def numbered(launcher, number):
    """Return the process of a number that another one has started."""
    for found in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split():
        words = Path(f"/proc/{found}/cmdline").read_bytes().split(b"\0")
        if words[words.index(b"--process") + 1] == str(number).encode():
            return int(found)
    raise LookupError(number)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for the processes in /proc")
@pytest.mark.parametrize("victim", [0, 1])
def test_one_is_killed_and_one_process_goes_on(victim, small_set, tmp_path):
    """All end with one line, the checkpoint is whole, and the costs are those of a whole run."""
    pytest.importorskip("jax")
    folder, epochs = tmp_path / "run", ("--training-epochs", "30")
    both = start(small_set, folder, "--local-processes", "2", *epochs)
    before = ""
    for line in both.stdout:
        before += line
        if "epoch 9," in line:
            break
    os.kill(numbered(both, victim), signal.SIGKILL)
    _, errors = both.communicate(timeout=30)
    assert both.returncode == (1 if victim else 128 + 9)  # that of process 0
    told = [line for line in errors.splitlines() if "On JAX" not in line]
    assert len(told) == 1
    assert f"error: process {victim} has died; go on with --resume, from the last check" in told[0]

    checkpoints = Checkpoints(folder)
    assert len(checkpoints.read_newest()[0]["stages"]) == 1
    checkpoints.release()

    resumed = start(small_set, folder, "--resume", "--backend", "jax", *epochs)
    rest, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, errors
    whole = start(small_set, tmp_path / "whole", "--backend", "jax", *epochs)
    expected = costs(whole.communicate(timeout=120)[0])
    n_rest = len(costs(rest))
    assert 0 < n_rest < 30
    np.testing.assert_allclose(costs(rest), expected[30 - n_rest :], rtol=1e-4)
    np.testing.assert_allclose(costs(before), expected[:10], rtol=1e-4)
    np.testing.assert_allclose(
        *(
            dA.load(path / "dA_corruption_30.npz").W.get_value()
            for path in (folder, tmp_path / "whole")
        ),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.slow
def test_started_by_hand_on_other_data(small_set, tmp_path):
    other = tmp_path / "other.npz"
    with np.load(small_set) as file:
        np.savez(other, x=file["x"][::-1], y=file["y"][::-1])
    where = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2"]
    both = [
        start(data, tmp_path / "run", *where, "--process", str(number), "--training-epochs", "1")
        for number, data in enumerate((small_set, other))
    ]
    (out, errors), (silent, nothing) = (process.communicate(timeout=120) for process in both)
    assert [process.returncode for process in both] == [2, 2]
    assert "dA.py: error: process 1 has other data than process 0" in errors
    assert (out, silent, nothing) == ("", "", "")
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".run.lock"]


OF_SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "{}",
    "SLURM_LOCALID": "{}",
}
OF_OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://127.0.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "{}",
    "OMPI_COMM_WORLD_LOCAL_RANK": "{}",
}


@pytest.mark.slow
@pytest.mark.parametrize("told", [OF_SLURM, OF_OPEN_MPI], ids=["SLURM", "Open MPI"])
def test_a_runtime_tells_the_rest(told, small_set, tmp_path):
    """In the variables that it sets for each process, as JAX reads them."""
    port = str(free_port())
    options = ["--backend", "jax", "--device", "all", "--training-epochs", "1"]
    both = [
        start(
            *(small_set, tmp_path / "run", *options),
            JAX_COORDINATOR_PORT=port,
            **{name: value.format(number) for name, value in told.items()},
        )
        for number in "01"
    ]
    (out, errors), (silent, nothing) = (process.communicate(timeout=120) for process in both)
    assert [process.returncode for process in both] == [0, 0], errors
    assert "on 2 devices (CPU) of 2 processes" in errors
    assert len(costs(out)) == 1
    assert (silent, nothing) == ("", "")
    assert (tmp_path / "run" / "report.html").is_file()
