"""A training run that can be killed at any instant and resumed to the same bits."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.texts import printable
from deeptutorial.training.checkpoints import Checkpoints, RunFolderError
from deeptutorial.training.fingerprints import comparable, sha256
from deeptutorial.training.headers import Position, position_in
from deeptutorial.training.packing import changed_by, pack, restore
from deeptutorial.training.stage import Stage
from deeptutorial.training.writer import CheckpointWriter

__all__ = ["Run"]


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
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them; a checkpoint of other data is refused.
    output_folder : str or path
        Made if there is none. No two runs can be at work in one.
    resume : bool
        Go on from the newest checkpoint in the folder that is whole.
    checkpoint_every : float
        Seconds.
    **settings
        All else that makes this run another one than others: a checkpoint of other settings is
        refused.

    Attributes
    ----------
    settings : dict
    stages : list of Stage
        Those that have begun.

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

        run = Run(datasets, "dA_plots", resume=resume, learning_rate=0.1)
        training = run.stage("training", da, train_da, learning_rate=0.1)
        for epoch, c in training.epochs(15):
            for batch_index in training.minibatches(n_train_batches):
                c.append(train_da(batch_index))
        da.save(...)
        run.finish()
    """

    def __init__(
        self,
        datasets: Sequence[tuple],
        output_folder: str | os.PathLike,
        resume: bool = False,
        checkpoint_every: float = 30.0,
        **settings: object,
    ):
        self.settings = settings
        self.stages: list[Stage] = []
        self._folder = Path(output_folder)
        self._checkpoints = Checkpoints(self._folder)
        if self._checkpoints.exist() and not resume:
            raise RunFolderError(
                f"{output_folder} holds a run that was interrupted: go on with it by "
                f"`resume=True`, or choose another `output_folder` (or remove "
                f"{self._folder / 'checkpoint_*.npz'})"
            )
        self._comparable = comparable(settings)
        # A checksum takes its time and needs no Python for it: graphs are built meanwhile.
        beside = ThreadPoolExecutor(1)
        self._data = beside.submit(sha256, datasets)
        beside.shutdown(wait=False)
        self._writer = CheckpointWriter(self._checkpoints, self._packed, checkpoint_every)
        self._state: dict[str, object] = {}  # what checkpoints hold, by the names in them
        self._header, self._arrays = self._resumed() if resume else (None, {})

    def stage(
        self,
        name: str,
        model,
        train,
        learning_rate: float | SharedVariable,
        **state: object,
    ) -> Stage:
        """Begin a stage, or go on with it; the stages before are over.

        Parameters
        ----------
        name : str
        model
            What is trained in it.
        train : compiled function
            What it changes is kept in checkpoints.
        learning_rate : float, or a shared variable, which is kept too
        **state : list, dict, shared variable or other object with attributes
            What else changes in this stage, and is kept. What a checkpoint has of it is put in
            place at once.
        """
        if "costs" in state:
            raise ValueError("costs are kept in any case, as those of the stage")
        number = len(self.stages)
        position, left = self._found(number, name)
        stage = Stage(model, learning_rate, self._writer, position, left)
        for i, variable in enumerate(changed_by(train)):
            self._keep(f"{number} {name}.{i}", variable)
        state = {"learning_rate": learning_rate, "costs": stage.costs, **state}
        for key, value in state.items():
            if not isinstance(value, float | int):
                self._keep(f"{number} {name}.{key}", value)
        self.stages.append(stage)
        self._check_that_all_is_known(number)
        if number == 0 and self._header is None:
            self._writer.try_out()
        return stage

    def finish(self) -> None:
        """Say that everything is saved: the checkpoints are removed, and others may come."""
        self._writer.wait()
        self._checkpoints.remove()
        self._checkpoints.release()

    def wait_for_checkpoint(self) -> None:
        """Wait until the last checkpoint is written; where that fails, say so."""
        self._writer.wait()

    def _packed(self) -> tuple[dict, dict[str, np.ndarray]]:
        arrays: dict[str, np.ndarray] = {}
        header = {
            "settings": self._comparable,
            "data": self._data.result(),
            "stages": [stage.position() for stage in self.stages],
            "kept": {name: pack(value, name, arrays) for name, value in self._state.items()},
        }
        arrays["costs"] = self.stages[-1].costs_so_far()
        return header, {name: array.copy() for name, array in arrays.items()}

    def _found(self, number: int, name: str) -> tuple[Position, np.ndarray | None]:
        """Return how far an earlier run came with a stage, and the costs of the epoch it was in.

        None in their place says that the stage is over.
        """
        if self._header is None or number >= len(self._header["stages"]):
            return Position(name), np.zeros(0)
        try:
            position = position_in(self._header, number, name)
        except ValueError as error:
            raise self._checkpoints.misfit(error) from error
        is_over = number + 1 < len(self._header["stages"])
        return position, None if is_over else self._arrays["costs"]

    def _keep(self, name: str, value: object):
        if any(value is other for other in self._state.values()):
            return  # a weight that an earlier stage trained already
        if self._header is not None and len(self.stages) < len(self._header["stages"]):
            if name not in self._header["kept"]:
                raise self._checkpoints.misfit(f"it has no {name}")
            try:
                restore(value, name, self._header["kept"][name], self._arrays)
            except ValueError as error:
                raise self._checkpoints.misfit(error) from error
        self._state[name] = value

    def _check_that_all_is_known(self, number: int):
        """See that nothing is left of the checkpoint once its last stage has begun."""
        if self._header is not None and number == len(self._header["stages"]) - 1:
            unknown = sorted(set(self._header["kept"]) - set(self._state))
            if unknown:
                raise self._checkpoints.misfit(f"it has {unknown[0]!r:.60}, which is not known")

    def _resumed(self) -> tuple[dict | None, dict[str, np.ndarray]]:
        newest = self._checkpoints.read_newest()
        if newest is None:
            print(
                f"{printable(self._folder)} holds no run that was interrupted; starting from the "
                "beginning",
                file=sys.stderr,
            )
            return None, {}
        header, arrays = newest
        for name in [*self._comparable, *header["settings"]]:
            value, found = self._comparable.get(name), header["settings"].get(name)
            if found != value:
                raise RunFolderError(
                    f"{self._folder} holds a run with {name:.60} = {printable(found, 60)}, not "
                    f"{value}: resume it with the same arguments, or choose another "
                    "`output_folder`"
                )
        if header["data"] != self._data.result():
            raise RunFolderError(
                f"{self._folder} holds a run on other data: resume it with the same ones, or "
                "choose another `output_folder`"
            )
        return header, arrays
