"""The scripts as processes that something happens to, and what is left of them afterwards."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
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

    def start(self, folder: Path, *more, **popen) -> subprocess.Popen:
        command = [sys.executable, "-W", "error", str(ROOT / self.name), "--output-folder", OUTPUT]
        return subprocess.Popen(
            [*command, *map(str, (*self.options, *more))],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **popen,
        )

    def run(self, folder: Path, *more, **popen) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        process = self.start(folder, *more, **popen)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err


def small_dA(data: Path, n_epochs: int, *more) -> Script:
    options = ("--dataset", data, "--training-epochs", n_epochs, "--n-hidden", 12)
    return Script("dA.py", (*options, "--checkpoint-every", 0, *more))


def small_SdA(data: Path, n_epochs: int, *more) -> Script:
    options = ("--dataset", data, "--hidden-layers-sizes", 9, 8, "--batch-size", 20)
    epochs = ("--pretraining-epochs", n_epochs, "--training-epochs", 3 * n_epochs)
    rates = ("--finetune-lr", 0.5, "--finetune-lr-decay", 0.9, "--finetune-corruption", 0.1)
    dropout = ("--finetune-dropout", 0.1, "--corruption-level", 0.1, "--corruption-level", 0.3)
    return Script("SdA.py", (*options, *epochs, *rates, *dropout, "--checkpoint-every", 0, *more))


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
