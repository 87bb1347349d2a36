"""A stage of a run: one model, the function that trains it, and how far it has come."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.compile.backends.numba.kernels.threads import fixed_blocks
from deeptutorial.training.epochs import (
    EXPLOSION,
    DivergenceError,
    check_finite,
    check_growth,
    mean_cost,
    minibatches,
)
from deeptutorial.training.film import Film
from deeptutorial.training.headers import Position
from deeptutorial.training.interrupts import interrupts_held
from deeptutorial.training.writer import CheckpointWriter

__all__ = ["Stage"]


class Stage:
    """A stage of a run, as `Run.stage` begins it.

    Attributes
    ----------
    model : what is trained in it
    costs : list of float
        Mean cost of each epoch that is over, those of an earlier run too.
    seconds : float
        How long it took so far, in an earlier run too.
    is_closed : bool
        That it went through all of its epochs, and cannot go through more: what it trained was
        trained on by others.
    film : Film or None
        Of the model's filters, if the run was asked for one.
    """

    def __init__(
        self,
        model,
        learning_rate: float | SharedVariable,
        writer: CheckpointWriter,
        found: Position,
        left: np.ndarray | None,
        threads: int,
    ):
        self.model = model
        self.costs: list[float] = []
        self._learning_rate = learning_rate
        self._writer = writer
        self._at = found
        self._threads = threads
        self._is_over = left is None
        self.is_closed = False
        self.film: Film | None = None
        self._c = [] if left is None else _as_they_were(left)
        self._label = 0
        self._started: float | None = None
        self._ended: float | None = None
        self._save_so_far: Callable[[], str] | None = None

    @property
    def seconds(self) -> float:
        if self._started is None:
            return self._at.seconds
        return self._at.seconds + (self._ended or time.monotonic()) - self._started

    def epochs(self, n_epochs: int, start: int = 0) -> Iterator[tuple[int, list]]:
        """Go through the epochs that are left, and write a checkpoint after each.

        Parameters
        ----------
        n_epochs : int
        start : int
            The number of the first one.

        Yields
        ------
        epoch : int
        costs : list
            To be filled with those of its minibatches, in their order. In it is what an interrupted
            run left, and otherwise nothing.

        Raises
        ------
        ValueError
            If there are more epochs than an earlier run was to go through, and a later stage has
            gone on from there.
        RunFolderError
            If the checkpoint that the run goes on from is beyond the last one.
        """
        if self._at.epoch > n_epochs:
            raise self._writer.misfit(f"{self._at.epoch} epochs are over, of {n_epochs}")
        if self._is_over:
            if self.is_closed and n_epochs > self._at.epoch:
                raise ValueError(
                    f"the stage {self._at.name!r} was over after {self._at.epoch} epochs, and "
                    f"others went on from there: it cannot have {n_epochs}"
                )
            return
        self._started = time.monotonic()
        try:
            with interrupts_held() as self._interrupt, fixed_blocks(self._threads):
                for epoch in range(self._at.epoch, n_epochs):
                    self._label = start + epoch
                    yield self._label, self._c
                    self.costs.append(self.check())
                    if self.film is not None:
                        self.film.end_epoch(self.model)
                    self._at.epoch, self._at.minibatch, self._c = epoch + 1, 0, []
                    self._writer.write()
                    self._raise(self._interrupt())
        finally:
            self._ended = time.monotonic()

    def minibatches(self, n_train_batches: int) -> Iterator[int]:
        """Count through the minibatches of an epoch that are left.

        Ctrl-C and SIGTERM take effect between two of them, after a checkpoint.

        Raises
        ------
        ValueError
            If costs are appended, but not one for each minibatch.
        DivergenceError
            If the costs are not finite, or have exploded: at the end of the epoch, or when a
            checkpoint is due.
        RunFolderError
            If the checkpoint that the run goes on from is beyond the last one.
        KeyboardInterrupt
            After a checkpoint; its message tells where results are, if `if_interrupted` saved any,
            and how to go on.
        """
        if self._at.minibatch > n_train_batches:
            raise self._writer.misfit(
                f"{self._at.minibatch} minibatches of an epoch are over, of {n_train_batches}"
            )
        for batch_index in minibatches(n_train_batches, self._label, start=self._at.minibatch):
            yield batch_index
            self._at.minibatch = batch_index + 1
            if len(self._c) not in (0, self._at.minibatch):
                raise ValueError(
                    f"the epoch has {len(self._c)} costs after {self._at.minibatch} minibatches: "
                    "append one for each"
                )
            if self.film is not None and self._c:
                self.film.see(self._c[-1], self.model)
            interrupt = self._interrupt()
            if interrupt or self._writer.is_due():
                self.check()
                self._writer.write()
            self._raise(interrupt)
        self.check()

    def check(self) -> float:
        """Look for divergence; return the mean of the epoch's costs so far, in float64.

        Raises
        ------
        DivergenceError
            If the mean is not finite, or many times the cost of the very first minibatch, which
            met untrained parameters; or if the last step has made parameters too large.
        """
        if not self._c:
            return math.nan
        rate = self._rate()
        try:
            mean = mean_cost(self._c, rate)
            if self._at.first_cost is None:
                self._at.first_cost = float(self._c[0])
            check_growth(self._at.first_cost, mean, rate, EXPLOSION)
            check_finite(self._parameters(), rate)
        except DivergenceError as error:
            raise DivergenceError(f"{error}{self._writer.last_good()}") from None
        return mean

    def check_found(self) -> None:
        """Look at the parameters and the learning rate that a checkpoint had.

        Raises
        ------
        ValueError
            If one holds NaN or infinity: no checkpoint is written of these.
        """
        rate = self._rate()
        if not math.isfinite(rate):
            raise ValueError(f"the learning rate of {self._at.name!r} is {rate}")
        try:
            check_finite(self._parameters(), rate)
        except DivergenceError as error:
            raise ValueError(f"a parameter of {self._at.name!r} is not finite") from error

    def _rate(self) -> float:
        rate = self._learning_rate
        return float(rate.get_value() if isinstance(rate, SharedVariable) else rate)

    def if_interrupted(
        self, save: Callable[..., object], *arguments: Any, what: str = "filters"
    ) -> None:
        """Save what was learned so far if the stage is interrupted, after the last checkpoint.

        Parameters
        ----------
        save : callable
        *arguments
            Its arguments, the last one being the path that it writes to; where the run has moved to
            another folder since, it is called with the path there.
        what : str
            What it writes, for the message of the KeyboardInterrupt.
        """

        def save_so_far() -> str:
            path = self._writer.place(arguments[-1])
            save(*arguments[:-1], path)
            return f"the {what} so far are in {path}"

        self._save_so_far = save_so_far

    def _parameters(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the values of the model's parameters, with names for people."""
        for param in getattr(self.model, "params", []):
            yield param.name or "a parameter", param.get_value(borrow=True)

    def position(self) -> dict:
        """Return how far it has come, as JSON can hold it."""
        return {**asdict(self._at), "seconds": self.seconds}

    def costs_so_far(self) -> np.ndarray:
        """Return the costs of the epoch's minibatches until now."""
        return np.asarray(self._c, dtype="float64")

    def _raise(self, interrupt: KeyboardInterrupt | None):
        if interrupt:
            self._writer.wait()
            if self._save_so_far is not None:
                interrupt.args = (f"{self._save_so_far()}; {self._writer.how_to_go_on()}",)
            raise interrupt


def _as_they_were(costs: np.ndarray) -> list:
    """Bring the costs of an unfinished epoch to float32 where they have come from there.

    A checkpoint has them in float64; and a sum depends on what it is summed from, in its last bits.
    """
    with np.errstate(over="ignore"):
        narrow = costs.astype("float32")
    return list(narrow if np.array_equal(narrow, costs) else costs)
