"""`dA.py` as a process where something is odd about where it runs and what it writes to."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deeptutorial import load_model

ROOT = Path(__file__).parents[1]

OPTIONS = ("--dataset", "small.npz", "--training-epochs", "2", "--n-hidden", "5")


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a data set of 70 pictures of 6x5 pixels."""
    x = np.random.default_rng(0).random((70, 6, 5)).astype("float32")
    np.savez(tmp_path / "small.npz", x=x)
    return tmp_path


def run(folder, *options, before="", **environment):
    """Run the script from a shell that does something before; return status, stdout, stderr."""
    command = [sys.executable, "-W", "error", str(ROOT / "dA.py"), *OPTIONS, *options]
    process = subprocess.run(
        ["sh", "-c", f'{before}\nexec "$@"', "sh", *command],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.slow
def test_what_stands_in_the_place_of_results(folder):
    """Links are replaced, a pipe is refused and not waited for, and the run can be gone on with."""
    out, elsewhere = folder / "dA_plots", folder / "elsewhere"
    out.mkdir()
    elsewhere.write_text("mine")
    for name in ("filters_corruption_0.png", "report.json"):
        (out / name).symlink_to(elsewhere)
    os.mkfifo(out / "report.html")
    (out / "dA_corruption_0.npz").touch(0o600)
    status, _, err = run(folder)
    assert status == 2
    assert err.splitlines()[-1] == (
        "dA.py: error: [Errno 17] is no regular file, but a pipe or a device: remove it: "
        "'dA_plots/report.html'"
    )
    assert "Traceback" not in err
    (out / "report.html").unlink()
    status, printed, err = run(folder, "--resume")
    assert (status, printed) == (0, ""), err
    assert (out / "report.html").read_text().startswith("<!")
    assert elsewhere.read_text() == "mine"
    assert (out / "dA_corruption_0.npz").stat().st_mode & 0o777 == 0o600
    load_model(out / "dA_corruption_0.npz")


FIRST_LINE = "Training epoch 0, cost  "


def test_closed_standard_streams(folder):
    """And no result gets into a library's standard error, or the other way round."""
    status, out, err = run(folder, "--output-folder", "a", before="exec 2>&-")
    assert (status, err) == (0, "")
    assert out.startswith(FIRST_LINE)
    status, out, err = run(folder, "--output-folder", "b", before="exec 0<&- 1>&- 2>&-")
    assert (status, out, err) == (0, "", "")
    for name in ("dA_corruption_0.npz", "dA_corruption_30.npz", "filters_corruption_30.png"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


@pytest.mark.slow
def test_standard_output_that_is_full(folder):
    status, _, err = run(folder, before="exec 1>/dev/full")
    assert status == 1
    assert "lines were lost on standard output: [Errno 28] No space left" in err.splitlines()[-1]
    load_model(folder / "dA_plots" / "dA_corruption_30.npz")
    assert not list((folder / "dA_plots").glob("checkpoint*"))
    command = f"{sys.executable} -m deeptutorial filters dA_plots/dA_corruption_30.npz --output -"
    for to, problem in ((">/dev/full", "No space left"), (">&-", "standard output is closed: '-'")):
        process = subprocess.run(
            f"{command} {to}",
            shell=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.returncode == 2
        assert problem in process.stderr
        assert len(process.stderr.splitlines()) == 1
