"""The scripts as processes that something happens to, and what is left of them afterwards."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deeptutorial.archives import ArchiveError, read_archive

ROOT = Path(__file__).parents[2]

OUTPUT = "out"
"""The output folder, in the folder that a run has to itself."""


@dataclass(frozen=True)
class Script:
    """A script with options that make it a training of a few seconds.

    A checkpoint after each minibatch makes it a training that writes most of the time, so that
    many a fault strikes while it does.
    """

    name: str
    options: tuple
    backend: str = "numba"
    note: str = ""
    processors: str = ""

    @property
    def label(self) -> str:
        """Return what it is called in a table."""
        engine = "" if self.backend == "numba" else f" on {self.backend}"
        return f"{self.name}{engine}{self.note}"

    def on(self, backend: str) -> "Script":
        return replace(self, backend=backend)

    def command(self, *more) -> list[str]:
        start = [sys.executable, "-W", "error", str(ROOT / self.name), "--output-folder", OUTPUT]
        options = (*self.options, "--backend", self.backend, *more)
        where = ["taskset", "--cpu-list", self.processors] if self.processors else []
        return [*where, *start, *map(str, options)]

    def start(self, folder: Path, *more, **popen) -> subprocess.Popen:
        return started(self.command(*more), folder, **popen)

    def run(self, folder: Path, *more, **popen) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        process = self.start(folder, *more, **popen)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err


def started(
    command: Sequence[str], folder: Path, environment: Mapping | None = None, **popen
) -> subprocess.Popen:
    """Start a process that finds the package, its output in pipes."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        **{**streams, **popen},
    )


def small_dA(data: Path, n_epochs: int, *more) -> Script:
    options = ("--dataset", data, "--training-epochs", n_epochs, "--n-hidden", 12)
    return Script("dA.py", (*options, "--checkpoint-every", 0, *more))


def small_SdA(data: Path, n_epochs: int, *more) -> Script:
    options = ("--dataset", data, "--hidden-layers-sizes", 9, 8, "--batch-size", 20)
    epochs = ("--pretraining-epochs", n_epochs, "--training-epochs", 3 * n_epochs)
    rates = ("--finetune-lr", 0.5, "--finetune-lr-decay", 0.9, "--finetune-corruption", 0.1)
    dropout = ("--finetune-dropout", 0.1, "--corruption-level", 0.1, "--corruption-level", 0.3)
    return Script("SdA.py", (*options, *epochs, *rates, *dropout, "--checkpoint-every", 0, *more))


def wide_dA(data: Path, n_epochs: int) -> Script:
    """Return a training of more weights, which several threads share."""
    options = ("--dataset", data, "--training-epochs", n_epochs, "--n-hidden", 300)
    return Script("dA.py", (*options, "--corruption-level", 0.3, "--checkpoint-every", 0))


def mnist_dA(backend: str, n_threads: int, n_epochs: int, data: Path | str = "mnist") -> Script:
    """Return the tutorial's own training, shorter, on so many processors."""
    cpus = sorted(os.sched_getaffinity(0))[:n_threads]
    options = ("--dataset", data, "--training-epochs", n_epochs, "--checkpoint-every", 0.5)
    note = f", MNIST, {n_threads} thread{'s' * (n_threads > 1)}"
    return Script("dA.py", options, backend, note, ",".join(map(str, cpus)))


def write_wide_data(path: Path) -> Path:
    """Write 1400 pictures of 28x28 pixels."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (1400, 28, 28), dtype=np.uint8) * rng.integers(
        0, 2, (1400, 28, 28), np.uint8
    )
    np.savez_compressed(path, x=x, y=rng.integers(0, 10, 1400))
    return path


def write_small_data(path: Path) -> Path:
    """Write 280 pictures of 6x5 pixels, of three kinds."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 280)
    x = (rng.random((3, 6, 5)) > 0.5)[y] * 0.5 + rng.random((280, 6, 5)) * 0.5
    np.savez(path, x=x.astype("float32"), y=y)
    return path


def outcome(folder: Path) -> dict[str, bytes]:
    """Return all that a run leaves behind, except times of day and how long it took."""
    found = {path.name: path.read_bytes() for path in (folder / OUTPUT).glob("[!.]*")}
    found.pop("report.html", None)  # made of the figures in report.json
    if "report.json" in found:
        report = json.loads(found["report.json"])
        del report["times"]
        found["report.json"] = json.dumps(report).encode()
    return found


def newest_checkpoint(folder: Path) -> int:
    """Return the number of the newest whole checkpoint, 0 if there is none."""
    counts = [0]
    for path in (folder / OUTPUT).glob("checkpoint_*.npz"):
        try:
            counts.append(read_archive(path, "deeptutorial checkpoint", 1)[0]["count"])
        except (ArchiveError, OSError):
            continue
    return max(counts)


def checkpoint_files(folder: Path) -> dict[str, tuple]:
    """Return what changes when a checkpoint is written, at the cost of a glance."""
    found = {}
    for path in (folder / OUTPUT).glob("checkpoint_*.npz"):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def wait_for_training(process: subprocess.Popen, folder: Path, n_checkpoints: int = 1) -> bool:
    """Wait until checkpoints have been written, or the process has ended; tell which it was."""
    seen = checkpoint_files(folder)
    while process.poll() is None:
        now = checkpoint_files(folder)
        if now and now != seen:
            n_checkpoints -= 1
            seen = now
            if n_checkpoints < 0:  # the first one is a trial, removed again
                return True
        time.sleep(0.003)
    return False
