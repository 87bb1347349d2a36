"""Calls of a compiled function that are collected, and run many at a time.

The tutorial's loop calls ``train_da(i)`` once a minibatch. On a device that is faster than Python,
these calls are what takes the time. So a call only notes its arguments, and returns a `Result`; as
soon as anybody looks at a result or at a shared variable that it changes, or after enough calls,
all that were noted run as one function, with a loop inside. What is seen is what would have been
seen if each call had been run at once.

A signal may strike between any two lines of this, and its handler may raise, or look itself; other
threads may look, or call other functions. So there is one lock, which a thread that has it may take
again; values are given up only when there are new ones; and what has been noted counts as run from
one instruction of Python on, before which all can be run again, and behind which nothing more has
to be done.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from deeptutorial.compile.one_instruction import put, set_attributes

__all__ = ["CallCollector", "Result", "finish_calls", "settled"]

MOST_CALLS = 100
"""Calls in one go: enough for a device, and few enough for a progress bar."""

_lock = threading.RLock()
_unfinished: "_Calls | None" = None


def finish_calls() -> None:
    """Run what was collected. There is never more than one function with such calls."""
    with _lock:
        if _unfinished is not None:
            _unfinished.finish()


def settled(value: Any) -> Any:
    """Return a value that was read from a shared variable, when the calls that make it have run."""
    return value.finished() if isinstance(value, _Upcoming) else value


class CallCollector:
    """What stands for a function that takes and returns scalars, and changes shared variables.

    Parameters
    ----------
    run : callable
        ``run(values, arguments) -> (new_values, results)`` runs the calls. `values` are those of
        the shared variables before the first of them, `arguments` one tuple of scalars a call;
        `new_values` are those of the variables that change, and `results` has a sequence with the
        results of all calls for each output.
    to_device : callable
        Makes of a shared variable's value one that can be given to `run`.
    storages : sequence of [value]
        Of the shared variables.
    changed : sequence of int
        Which of them change, in the order of `new_values`.
    n_outputs : int
        How many results a call has.
    """

    def __init__(
        self,
        run: Callable[[list, Sequence[tuple]], tuple[Sequence, Sequence]],
        to_device: Callable[[Any], Any],
        storages: Sequence[list],
        changed: Sequence[int],
        n_outputs: int,
    ):
        self.run = run
        self.to_device = to_device
        self.storages = storages
        self.changed = changed
        self.n_outputs = n_outputs

    def call(self, arguments: tuple) -> tuple[list["Result"], list["_Upcoming"]]:
        """Note a call; return its results, and what stands for the changed variables' values."""
        global _unfinished
        with _lock:
            while True:
                calls = _unfinished
                if calls is None or not calls.go_on(self):
                    finish_calls()
                    calls = _unfinished = _Calls(self)
                upcoming, number = calls.upcoming, calls.note(arguments)
                if number is not None:
                    return [Result(calls, i, number) for i in range(self.n_outputs)], upcoming


class _Calls:
    """Calls of one function, from the first to the one before something else happens."""

    n_run: int | None = None  # how many there were when they ran
    results: Sequence = ()
    error: Exception | None = None  # why there are no results

    def __init__(self, collector: CallCollector):
        self.collector: CallCollector | None = collector
        storages = collector.storages
        for storage in storages:
            storage[0] = collector.to_device(settled(storage[0]))
        self.values = [storage[0] for storage in storages]
        self.arguments: list[tuple] = []
        self.upcoming = [_Upcoming(self) for _ in collector.changed]
        # What the variables hold as long as nobody else sets them.
        self.expected = list(self.values)
        for place, upcoming in zip(collector.changed, self.upcoming, strict=True):
            self.expected[place] = upcoming
        put(storages, self.expected)

    def go_on(self, collector: CallCollector) -> bool:
        """Tell whether the next call can simply be added."""
        return (
            collector is self.collector
            and self.n_run is None
            and len(self.arguments) < MOST_CALLS
            and all(
                storage[0] is value
                for storage, value in zip(collector.storages, self.expected, strict=True)
            )
        )

    def note(self, arguments: tuple) -> int | None:
        """Return the call's number; None if a signal's handler had looked: it was not in time."""
        number = len(self.arguments)
        self.arguments.append(arguments)
        return number if self.n_run is None or number < self.n_run else None

    def finish(self) -> None:
        """Run the calls, unless they have run.

        If they cannot be run, they count as not made: the variables have the values from before.
        """
        with _lock:
            collector = self.collector
            if self.n_run is None and collector is not None:
                self._run(collector)

    def _run(self, collector: CallCollector) -> None:
        global _unfinished
        arguments, values, upcoming = tuple(self.arguments), self.values, self.upcoming
        error = None
        try:
            new_values, results = collector.run(values, arguments)
        except Exception as problem:  # after a KeyboardInterrupt they are still to be run
            new_values, results, error = [values[place] for place in collector.changed], (), problem
        sets: list[tuple] = [(self, "results", results), (self, "error", error)]
        sets += [(u, "value", value) for u, value in zip(upcoming, new_values, strict=True)]
        set_attributes([*sets, (self, "n_run", len(arguments))])
        # From here on only memory is saved: results live longer than what they were made of.
        for place, value in zip(collector.changed, upcoming, strict=True):
            if collector.storages[place][0] is value:
                collector.storages[place][0] = value.value
        self.collector = None
        self.values = self.expected = self.upcoming = []
        if _unfinished is self:
            _unfinished = None
        if error is not None:
            raise error


class _Upcoming:
    """The value that a shared variable will have when some calls have run."""

    value: Any

    def __init__(self, calls: _Calls):
        self._calls = calls

    def finished(self) -> Any:
        self._calls.finish()
        return self.value

    def __reduce__(self):  # copied and pickled as the value itself
        return np.asarray, (np.asarray(self.finished()),)


class Result(NDArrayOperatorsMixin):
    """A number that a call has returned, or will, as soon as somebody looks at it.

    It can be used like a NumPy array of no dimensions; ``numpy.asarray`` makes one of it.
    """

    def __init__(self, calls: _Calls, output: int, call: int):
        self._calls, self._output, self._call = calls, output, call

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        self._calls.finish()
        if self._calls.error is not None:
            raise RuntimeError("this call could not be made") from self._calls.error
        value = np.asarray(self._calls.results[self._output])[self._call, ...]
        return np.array(value, dtype=dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        arrays = [np.asarray(i) if isinstance(i, Result) else i for i in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def __float__(self) -> float:
        return float(np.asarray(self))

    def __int__(self) -> int:
        return int(np.asarray(self))

    def __bool__(self) -> bool:
        return bool(np.asarray(self))

    def __format__(self, spec: str) -> str:
        return format(np.asarray(self)[()], spec)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __str__(self) -> str:
        return str(np.asarray(self))

    def __reduce__(self):
        return np.asarray, (np.asarray(self),)
