"""A training run that can be killed at any instant and resumed to the same bits."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.compile.surroundings import surroundings
from deeptutorial.texts import printable
from deeptutorial.training import processes
from deeptutorial.training.checkpoints import Checkpoints
from deeptutorial.training.film import MOST_FRAMES, Film, is_filmed
from deeptutorial.training.fingerprints import (
    check_surroundings,
    comparable,
    differences,
    sha256,
)
from deeptutorial.training.folder_lock import RunFolderError
from deeptutorial.training.headers import Position, position_in
from deeptutorial.training.packing import changed_by, pack, restore, unwrapped
from deeptutorial.training.stage import Stage
from deeptutorial.training.writer import CheckpointWriter

__all__ = ["Run"]

GROWING = "training_epochs"
"""The setting that a resumed run may have more of."""


class Run:
    """A run in a folder: it writes checkpoints there, and goes on from them.

    A run has one stage after the other, each with a function that trains. What has to be kept for
    going on is what that function changes, random states among it, and what the stage is told of
    besides. It is written to a checkpoint after each epoch, every so many seconds within a long
    one, and when the run is interrupted. A resumed run does all that the first one did, in the same
    order, except that stages and epochs that are over are not gone through again; it ends with the
    same bits. On the backend numba that is so with any number of threads; another backend is
    refused, and another processor, or other versions of what computes, are said.

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
    reading : mapping of str to object
        How the data were read. A checkpoint is not refused for that, since the data themselves are
        compared.
    frames : int
        Frames of a film of the filters, for each stage whose model has pictures as filters; 0 makes
        none. What is learned is the same.
    **settings
        All else that makes this run another one than others: a checkpoint of other settings is
        refused. Only of `training_epochs` there may be more than there were, and the run ends with
        the bits of one that had as many from the beginning.

    Attributes
    ----------
    settings : dict
        Those, and how the data were read.
    stages : list of Stage
        Those that have begun.

    Raises
    ------
    ValueError
        For a number of frames that is none, or too large.
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
        da.save(os.path.join(run.folder, "dA.npz"))
        run.finish()
    """

    def __init__(
        self,
        datasets: Sequence[tuple],
        output_folder: str | os.PathLike,
        resume: bool = False,
        checkpoint_every: float = 30.0,
        reading: Mapping[str, object] = MappingProxyType({}),
        frames: int = 0,
        **settings: object,
    ):
        if not 0 <= frames <= MOST_FRAMES:
            raise ValueError(f"frames must be between 0 and {MOST_FRAMES}, got {frames}")
        if frames:
            settings["frames"] = frames
        self.settings = {
            name: value
            for name, value in {**settings, **reading}.items()
            if name != "dataset" or isinstance(value, str | os.PathLike)  # no array in a report
        }
        self.stages: list[Stage] = []
        self._n_frames = frames
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
        self._surroundings: dict = {}
        self._state: dict[str, object] = {}  # what checkpoints hold, by the names in them
        self._epochs_before: int | None = None  # of a run that goes on to more
        self._header, self._arrays = self._resumed() if resume else (None, {})

    def stage(
        self,
        name: str,
        model,
        train,
        learning_rate: float | SharedVariable,
        independent: bool = False,
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
        independent : bool
            That no other stage changes what this one does. It can then be gone on with though
            others have begun since, where a run is resumed with more `training_epochs`.
        **state : list, dict, shared variable or other object with attributes
            What else changes in this stage, and is kept. What a checkpoint has of it is put in
            place at once.
        """
        if "costs" in state:
            raise ValueError("costs are kept in any case, as those of the stage")
        if "film" in state:
            raise ValueError("a film is kept in any case, as that of the stage")
        number = len(self.stages)
        position, left = self._found(number, name)
        if number == 0:
            self._surroundings = self._where_it_began(train)
        ran_out = left is None and position.epoch == self._epochs_before
        if ran_out and independent:
            left = np.zeros(0)
        threads = self._surroundings["threads"]
        stage = Stage(model, learning_rate, self._writer, position, left, threads)
        stage.is_closed = ran_out and not independent
        for i, variable in enumerate(changed_by(train)):
            self._keep(f"{number} {name}.{i}", variable)
        state = {"learning_rate": learning_rate, "costs": stage.costs, **state}
        for key, value in state.items():
            if not isinstance(value, float | int):
                self._keep(f"{number} {name}.{key}", value)
        if self._header is not None and number < len(self._header["stages"]):
            try:
                stage.check_found()
            except ValueError as error:
                raise self._checkpoints.misfit(error) from error
        if self._n_frames and is_filmed(model):
            stage.film = self._film(f"{number} {name}.film", model)
        self.stages.append(stage)
        if number == 0 and (group := processes.group()) is not None:
            group.check_same("settings", json.dumps(self._comparable, sort_keys=True))
            group.check_same("data", self._data.result())
        self._check_that_all_is_known(number)
        if number == 0 and self._header is None:
            self._writer.try_out()
        return stage

    @property
    def folder(self) -> str:
        """Where results go.

        The output folder, as long as it is this run's. If somebody removes it, it is made again; if
        another run has taken it by then, this one goes on in another, and says so.
        """
        return str(self._writer.folder())

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
            "surroundings": self._surroundings,
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

    def _where_it_began(self, train) -> dict:
        """Return the surroundings in which this run began; see to it that it can go on in these.

        Work is cut as it was for the threads of then. Another backend is refused, since it rounds
        differently at every step; all else that may change the last bits is said.
        """
        now = surroundings(unwrapped(train))
        if self._header is None:
            return now
        if "surroundings" not in self._header:
            print(
                "This run goes on from a checkpoint of a version that did not tell what computed "
                "it: the last bits of its results may be other ones",
                file=sys.stderr,
            )
            return now
        found = self._header["surroundings"]
        try:
            check_surroundings(found)
        except ValueError as error:
            raise self._checkpoints.misfit(error) from error
        if found["backend"] != now["backend"]:
            raise RunFolderError(
                f"{self._folder} holds a run on the backend {found['backend']!r:.20}, not "
                f"{now['backend']!r}: resume it on the same one, or choose another `output_folder`"
            )
        differing = differences(found, now)
        if differing:
            print(
                f"This run goes on with another {differing}: the last bits of its results may be "
                "other ones",
                file=sys.stderr,
            )
        return found

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

    def _film(self, name: str, model) -> Film:
        """Begin a film, or go on with it."""
        film = Film(self._n_frames, model)
        shape = film.last.shape
        self._keep(name, film)
        try:
            film.check(self._n_frames, shape)
        except ValueError as error:
            raise self._checkpoints.misfit(error) from error
        return film

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
        for name in dict.fromkeys([*self._comparable, *header["settings"]]):
            value, found = self._comparable.get(name), header["settings"].get(name)
            if name == GROWING and type(found) is type(value) is int:
                self._compare_epochs(found, value)
            elif found != value:
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

    def _compare_epochs(self, found: int, wanted: int):
        """Take note of more epochs than there were to be, and refuse fewer."""
        if wanted < found:
            raise RunFolderError(
                f"{self._folder} holds a run of {found} epochs, which cannot end after {wanted}: "
                f"resume it with {found} or more, or choose another `output_folder`"
            )
        if wanted > found:
            self._epochs_before = found
            print(
                f"{self._folder} holds a run of {found} epochs; going on to {wanted}",
                file=sys.stderr,
            )
