"""A training run that can be killed at any instant and resumed to the same bits."""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from tqdm import tqdm

from deeptutorial.datasets import label_values
from deeptutorial.training.checkpoints import Checkpoints, RunFolderError
from deeptutorial.training.epochs import DivergenceError, mean_cost, minibatches
from deeptutorial.training.interrupts import interrupts_held
from deeptutorial.training.kept import changed_by, pack, restore

__all__ = ["Run", "Stage"]

MAY_DIFFER = ("output_folder", "dataset", "resume", "checkpoint_every")
"""Settings that a resumed run may have otherwise; the data are compared by their content."""

EXPLOSION = 10
"""How many times the cost of untrained parameters an epoch may cost."""


class Run:
    """A run in a folder: it writes checkpoints there, and goes on from them.

    A run has one stage after the other, each with a function that trains. What has to be kept for
    going on is what that function changes, random states among it, and what the stage is told of
    besides. It is written to a checkpoint after each epoch, every so many seconds within a long
    one, and when the run is interrupted. A resumed run does all that the first one did, in the same
    order, except that stages and epochs that are over are not gone through again; it ends with the
    same bits.

    Parameters
    ----------
    folder : str or path
        Made if there is none. No two runs can be at work in one.
    settings : dict
        What makes this run another one than others: a checkpoint of other settings is refused.
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them; other data are refused likewise.
    resume : bool
        Go on from the newest checkpoint in the folder that is whole.
    checkpoint_every : float
        Seconds.

    Raises
    ------
    RunFolderError
        If another run is at work in the folder; if one was interrupted there and this one does not
        resume it; if it cannot be resumed. The message tells the ways out.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    The loop of `dA.py`, with what makes it one that can be resumed::

        run = Run(output_folder, settings, datasets, resume=resume)
        training = run.stage("training", train_da, learning_rate=0.1)
        for epoch in training.epochs(15):
            c = []
            for batch_index in training.minibatches(n_train_batches, c):
                c.append(train_da(batch_index))
        da.save(...)
        run.finish()
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: dict,
        datasets: Sequence[tuple],
        resume: bool = False,
        checkpoint_every: float = 30.0,
    ):
        self.folder = Path(folder)
        self.checkpoint_every = checkpoint_every
        self._checkpoints = Checkpoints(self.folder)
        if self._checkpoints.exist() and not resume:
            raise RunFolderError(
                f"{folder} holds a run that was interrupted: go on with it by --resume, or choose "
                f"another --output-folder (or remove {self.folder / 'checkpoint_*.npz'})"
            )
        self._settings = _comparable(settings)
        # Checksums and disks take their time and need no Python for it: training goes on meanwhile.
        self._beside = ThreadPoolExecutor(1)
        self._data = self._beside.submit(_sha256, datasets)
        self._being_written: Future | None = None
        self._stages: list[Stage] = []
        self._kept: dict[str, object] = {}
        self._complaint = ""
        self._last_written = time.monotonic()
        self._header, self._arrays = self._resumed() if resume else (None, {})

    def stage(
        self, name: str, train, learning_rate: float | SharedVariable, **kept: object
    ) -> "Stage":
        """Begin a stage, or go on with it; the stages before are over.

        Parameters
        ----------
        name : str
        train : compiled function
            What it changes is kept.
        learning_rate : float, or a shared variable, which is kept too
        **kept : list, dict, shared variable or other object with attributes
            What else changes in this stage. What a checkpoint has of it is put in place at once.
        """
        prefix = f"{len(self._stages)} {name}"
        for i, variable in enumerate(changed_by(train)):
            self._keep(f"{prefix}.{i}", variable)
        for key, value in {"learning_rate": learning_rate, **kept}.items():
            if not isinstance(value, float | int):
                self._keep(f"{prefix}.{key}", value)
        stage = Stage(self, name, learning_rate, self._position_of(name))
        self._stages.append(stage)
        if len(self._stages) == 1 and self._header is None:
            self._try_out()
        return stage

    def finish(self) -> None:
        """Say that everything is saved: the checkpoints are removed, and others may come."""
        self.wait_for_checkpoint()
        self._checkpoints.remove()
        self._checkpoints.release()

    def write_checkpoint(self) -> None:
        """Begin to write a checkpoint of what is now; training may go on meanwhile."""
        self.wait_for_checkpoint()
        try:
            self._checkpoints.lock_again_if_removed()
            self._being_written = self._beside.submit(self._checkpoints.write, *self._packed())
        except (OSError, RunFolderError) as error:
            self._complain(error)
        self._last_written = time.monotonic()

    def wait_for_checkpoint(self) -> None:
        """Wait until the last one is written; where that fails, say so and let the run go on."""
        if self._being_written is None:
            return
        try:
            self._being_written.result()
            self._complaint = ""
        except OSError as error:
            self._complain(error)
        self._being_written = None

    def is_checkpoint_due(self) -> bool:
        """Tell whether the last one is too long ago."""
        return time.monotonic() - self._last_written >= self.checkpoint_every

    def kept_checkpoint(self) -> str:
        """Describe what is there after a failure, for a message; nothing if there is nothing."""
        self.wait_for_checkpoint()
        return (
            f" (the last good checkpoint is kept in {self.folder})"
            if self._checkpoints.exist()
            else ""
        )

    def _packed(self) -> tuple[dict, dict[str, np.ndarray]]:
        arrays: dict[str, np.ndarray] = {}
        header = {
            "settings": self._settings,
            "data": self._data.result(),
            "stages": [stage.position() for stage in self._stages],
            "kept": {name: pack(value, name, arrays) for name, value in self._kept.items()},
        }
        arrays["costs"] = self._stages[-1].costs_so_far()
        return header, {name: array.copy() for name, array in arrays.items()}

    def _complain(self, error: Exception):
        if str(error) != self._complaint:
            self._complaint = str(error)
            tqdm.write(
                f"No checkpoint could be written ({error}); training goes on, and the last good "
                "one is kept",
                file=sys.stderr,
            )

    def _position_of(self, name: str) -> dict:
        """Return how far the stage that is about to begin has come in an earlier run."""
        fresh: dict = {"epoch": 0, "minibatch": 0, "first_cost": None, "seconds": 0.0, "costs": []}
        number = len(self._stages)
        if self._header is None or number >= len(self._header["stages"]):
            return {"is_over": False, **fresh}
        with self._refusing_misfits():
            found = self._header["stages"][number]
            if found["name"] != name:
                raise ValueError(f"its stage is called {found['name']!r}, not {name!r}")
            is_over = number + 1 < len(self._header["stages"])
            costs = [] if is_over else self._arrays["costs"].tolist()
            return {
                "is_over": is_over,
                **{key: found[key] for key in fresh if key != "costs"},
                "costs": costs,
            }

    def _keep(self, name: str, value: object):
        if any(value is other for other in self._kept.values()):
            return  # a weight that an earlier stage trained already
        if self._header is not None and name in self._header["kept"]:
            with self._refusing_misfits():
                restore(value, self._header["kept"][name], self._arrays)
        self._kept[name] = value

    def _try_out(self):
        """Find out now whether there is room for a checkpoint, and not after the first epoch."""
        self._checkpoints.write(*self._packed())
        self._checkpoints.remove()

    def _resumed(self) -> tuple[dict | None, dict[str, np.ndarray]]:
        newest = self._checkpoints.read_newest()
        if newest is None:
            print(
                f"{self.folder} holds no run that was interrupted; starting from the beginning",
                file=sys.stderr,
            )
            return None, {}
        header, arrays = newest
        with self._refusing_misfits():
            _check_header(header, arrays)
            for name, value in self._settings.items():
                found = header["settings"].get(name)
                if found != value:
                    raise RunFolderError(
                        f"{self.folder} holds a run with {name} = {found}, not {value}: resume it "
                        "with the same options, or choose another --output-folder"
                    )
            if header["data"] != self._data.result():
                raise RunFolderError(
                    f"{self.folder} holds a run on other data: resume it with the same ones, or "
                    "choose another --output-folder"
                )
        return header, arrays

    @contextmanager
    def _refusing_misfits(self) -> Iterator[None]:
        """Turn what a checkpoint of another program can lead to into one message."""
        try:
            yield
        except RunFolderError:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise RunFolderError(
                f"the checkpoint in {self.folder} does not fit this run ({error}): remove "
                f"{self.folder / 'checkpoint_*.npz'} to start from the beginning"
            ) from error


class Stage:
    """A stage of a run, as `Run.stage` begins it.

    Attributes
    ----------
    is_over : bool
        Whether an earlier run went through all of it.
    earlier_seconds : float
        How long runs that were interrupted spent on it.
    """

    def __init__(self, run: Run, name: str, learning_rate: float | SharedVariable, found: dict):
        self._run = run
        self._name = name
        self._learning_rate = learning_rate
        self.is_over: bool = found["is_over"]
        self.earlier_seconds: float = found["seconds"]
        self._epoch: int = found["epoch"]
        self._minibatch: int = found["minibatch"]
        self._first_cost: float | None = found["first_cost"]
        self._costs: list[float] = found["costs"]
        self._start_time: float | None = None
        self._label = 0

    def epochs(self, n_epochs: int, start: int = 0) -> Iterator[int]:
        """Count through the epochs that are left, and write a checkpoint after each.

        Parameters
        ----------
        n_epochs : int
        start : int
            The number of the first one.
        """
        if self.is_over:
            return
        self._start_time = time.monotonic()
        with interrupts_held() as self._interrupt:
            for epoch in range(self._epoch, n_epochs):
                self._label = start + epoch
                yield self._label
                self.mean_cost(self._costs)
                self._epoch, self._minibatch, self._costs = epoch + 1, 0, []
                self._run.write_checkpoint()
                self._raise(self._interrupt())

    def minibatches(self, n_train_batches: int, costs: list) -> Iterator[int]:
        """Count through the minibatches of an epoch that are left.

        Ctrl-C and SIGTERM take effect between two of them, after a checkpoint.

        Parameters
        ----------
        n_train_batches : int
        costs : list
            Those of the minibatches; comes empty, is filled by the caller, and gets what an
            interrupted run had in it.

        Raises
        ------
        DivergenceError
            If the costs are not finite, or have exploded, when a checkpoint is due.
        KeyboardInterrupt
            After a checkpoint.
        """
        costs.extend(self._costs)
        self._costs = costs
        for batch_index in minibatches(n_train_batches, self._label, start=self._minibatch):
            yield batch_index
            self._minibatch = batch_index + 1
            interrupt = self._interrupt()
            if interrupt or self._run.is_checkpoint_due():
                self.mean_cost(costs)
                self._run.write_checkpoint()
            self._raise(interrupt)

    def mean_cost(self, costs: Sequence[float]) -> float:
        """Average the costs of an epoch's minibatches, in float64.

        Raises
        ------
        DivergenceError
            If the mean is not finite, or many times the cost of the very first minibatch, which
            met untrained parameters.
        """
        if not costs:
            return math.nan
        rate = self._learning_rate
        rate = float(rate.get_value() if isinstance(rate, SharedVariable) else rate)
        try:
            mean = mean_cost(costs, rate)
            if self._first_cost is None:
                self._first_cost = float(costs[0])
            if mean > EXPLOSION * self._first_cost > 0:
                raise DivergenceError(
                    f"the cost grew from {self._first_cost:g} to {mean:g}: the learning rate of "
                    f"{rate:g} is too high; try {rate / 10:g}"
                )
        except DivergenceError as error:
            raise DivergenceError(f"{error}{self._run.kept_checkpoint()}") from None
        return mean

    def _raise(self, interrupt: KeyboardInterrupt | None):
        if interrupt:
            self._run.wait_for_checkpoint()
            raise interrupt

    def costs_so_far(self) -> np.ndarray:
        """Return the costs of the epoch's minibatches until now."""
        return np.asarray(self._costs, dtype="float64")

    def position(self) -> dict:
        """Return how far it has come, as JSON can hold it."""
        this_time = 0 if self._start_time is None else time.monotonic() - self._start_time
        return {
            "name": self._name,
            "epoch": self._epoch,
            "minibatch": self._minibatch,
            "first_cost": self._first_cost,
            "seconds": self.earlier_seconds + this_time,
        }


def _check_header(header: dict, arrays: dict[str, np.ndarray]):
    """Refuse what has the form of a checkpoint and was not written by `Run`."""
    for name, kind in {"settings": dict, "data": str, "stages": list, "kept": dict}.items():
        if not isinstance(header[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    for stage in header["stages"]:
        for name, kinds in {
            "name": (str,),
            "epoch": (int,),
            "minibatch": (int,),
            "first_cost": (float, type(None)),
            "seconds": (float,),
        }.items():
            if type(stage[name]) not in kinds or (kinds == (int,) and stage[name] < 0):
                raise TypeError(f"{name} is {str(stage[name])[:60]}")
    if arrays["costs"].ndim != 1 or arrays["costs"].dtype != np.float64:
        raise TypeError("costs is no vector of floats")


def _comparable(settings: dict) -> dict:
    """Return the settings that tell runs apart, as they are after a way through JSON."""
    chosen = {name: value for name, value in settings.items() if name not in MAY_DIFFER}
    chosen |= {"floatX": pytensor.config.floatX}
    return json.loads(json.dumps(chosen, default=str))


def _sha256(datasets: Sequence[tuple]) -> str:
    digest = hashlib.sha256()
    for images, labels in datasets:
        for part in (images.get_value(borrow=True), label_values(labels)):
            digest.update(f"{part.dtype} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
