"""Checkpoints that are written beside the training, from time to time."""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from deeptutorial.texts import printable
from deeptutorial.training.checkpoints import Checkpoints
from deeptutorial.training.folder_lock import RunFolderError
from deeptutorial.training.printing import print_line

__all__ = ["CheckpointWriter"]


class CheckpointWriter:
    """Writes checkpoints of what a run is now, while it goes on.

    Parameters
    ----------
    checkpoints : Checkpoints
        Where they go.
    packed : callable
        Returns header and arrays of a checkpoint, the arrays being copies.
    every : float
        Seconds from one to the next.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        packed: Callable[[], tuple[dict, dict[str, np.ndarray]]],
        every: float,
    ):
        self._checkpoints = checkpoints
        self._asked_for = checkpoints.folder
        self._packed = packed
        self._every = every
        # A disk takes its time and needs no Python for it: training goes on meanwhile.
        self._beside = ThreadPoolExecutor(1)
        self._being_written: Future | None = None
        self._complaint = ""
        self._last_written = time.monotonic()

    def try_out(self) -> None:
        """Find out now whether there is room for a checkpoint, and not after the first epoch."""
        self._checkpoints.secure()
        self._checkpoints.write(*self._packed())
        self._checkpoints.remove()

    def write(self) -> None:
        """Begin to write a checkpoint of what is now; training may go on meanwhile."""
        self.wait()
        try:
            self._checkpoints.secure()
            self._being_written = self._beside.submit(self._checkpoints.write, *self._packed())
        except (OSError, RunFolderError, MemoryError) as error:
            self._complain(error)
        self._last_written = time.monotonic()

    def wait(self) -> None:
        """Wait until the last one is written; where that fails, say so and let the run go on."""
        if self._being_written is None:
            return
        try:
            self._being_written.result()
            self._complaint = ""
        except (OSError, MemoryError) as error:
            self._complain(error)
        self._being_written = None

    def folder(self) -> Path:
        """Return where results go, too: a folder that no other run is at work in."""
        self._checkpoints.secure()
        return self._checkpoints.folder

    def place(self, path: str | os.PathLike) -> str:
        """Return where to write what was to go to a path in the folder that was asked for."""
        folder = self.folder()
        if Path(path).is_relative_to(self._asked_for):
            return str(folder / Path(path).relative_to(self._asked_for))
        return str(path)

    def is_due(self) -> bool:
        """Tell whether the last one is too long ago."""
        return time.monotonic() - self._last_written >= self._every

    def last_good(self) -> str:
        """Describe what is there after a failure, for a message; nothing if there is nothing."""
        self.wait()
        folder = self._checkpoints.folder
        return (
            f" (the last good checkpoint is kept in {folder})" if self._checkpoints.exist() else ""
        )

    def how_to_go_on(self) -> str:
        """Tell an interrupted run's user how to resume it, if that is possible."""
        self.wait()
        if not self._checkpoints.exist():
            return "it cannot be gone on with, since no checkpoint could be written"
        if self._checkpoints.folder == self._asked_for:
            return "go on with `resume=True`"
        return f"go on with `resume=True` and `output_folder` {self._checkpoints.folder}"

    def misfit(self, reason: object) -> RunFolderError:
        """Return what is to be raised where the checkpoint is not of this run."""
        return self._checkpoints.misfit(reason)

    def _complain(self, error: Exception):
        complaint = str(error) or "not enough memory"
        if complaint != self._complaint:
            self._complaint = complaint
            kept = ", and the last good one is kept" if self._checkpoints.exist() else ""
            print_line(
                f"No checkpoint could be written ({printable(complaint)}); training goes on{kept}",
                file=sys.stderr,
            )
