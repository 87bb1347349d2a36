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
from dataclasses import dataclass
from operator import index, is_, itemgetter
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


@dataclass(eq=False)
class CallCollector:
    """What stands for a function that takes and returns scalars, and changes shared variables.

    Parameters
    ----------
    start : callable
        ``start(values, arguments) -> (new_values, results)`` lets the device begin with the calls.
        `values` are those of the shared variables before the first of them, `arguments` one tuple
        of scalars a call; `new_values` are those of the variables that change, and `results` has
        those of all calls for each output. All of these may still be computed.
    wait : callable
        ``wait(new_values, results) -> results`` waits, and raises what went wrong. What it returns
        has a sequence for each output, a result for each call.
    to_device : callable
        Makes of a shared variable's value one that can be given to `start`.
    storages : sequence of [value]
        Of the shared variables.
    changed : sequence of int
        Which of them change, in the order of `new_values`.
    n_outputs : int
        How many results a call has.
    """

    start: Callable[[list, Sequence[tuple]], tuple[Sequence, Sequence]]
    wait: Callable[[Sequence, Sequence], Sequence]
    to_device: Callable[[Any], Any]
    storages: Sequence[list]
    changed: Sequence[int]
    n_outputs: int

    def call(self, arguments: tuple) -> tuple[list["Result"], list["_Upcoming"]]:
        """Note a call; return its results, and what stands for the changed variables' values."""
        global _unfinished
        with _lock:
            while True:
                calls = _unfinished
                if calls is None or not calls.go_on(self):
                    finish_calls()
                    calls = _unfinished = _Calls(self)
                elif calls.running is not None or len(calls.arguments) >= MOST_CALLS:
                    calls = _unfinished = calls.followed(self)
                upcoming, number = calls.upcoming, calls.note(arguments)
                if number is not None:
                    return [Result(calls, i, number) for i in range(self.n_outputs)], upcoming


class _Calls:
    """Calls of one function, from the first to the one before something else happens.

    While the next are noted the device may be at work on these, see `followed`. Only when it has
    run them is it known whether it could; the next start from their new values, and if these count
    as not made, so do the next.
    """

    running: tuple[int, Sequence, Sequence] | None = None  # their number, new values and results
    n_run: int | None = None  # how many there were when they ran
    results: Sequence = ()
    error: Exception | None = None  # why there are no results
    kept: Sequence = ()  # the values that changed variables have where there is an error

    def __init__(self, collector: CallCollector, before: "_Calls | None" = None):
        storages = collector.storages
        coming = {}  # what the device is still at work on, by what stands for it
        if before is not None and (running := before.running) is not None:
            coming = {id(u): v for u, v in zip(before.upcoming, running[1], strict=False)}
        for storage in storages:
            if id(storage[0]) not in coming:
                storage[0] = collector.to_device(settled(storage[0]))
        # What the variables hold as long as nobody else sets them.
        self.expected = [storage[0] for storage in storages]
        values = [coming.get(id(v), v) for v in self.expected]
        self.arguments: list[tuple] = []
        self.upcoming: list[_Upcoming] = [_Upcoming(self) for _ in collector.changed]
        for place, upcoming in zip(collector.changed, self.upcoming, strict=True):
            self.expected[place] = upcoming
        self.parts: tuple | None = collector, values, self.upcoming, before
        put(storages, self.expected)

    def go_on(self, collector: CallCollector) -> bool:
        """Tell whether the next call finds what these leave."""
        parts = self.parts
        return (
            parts is not None
            and collector is parts[0]
            and self.n_run is None
            and all(map(is_, map(itemgetter(0), collector.storages), self.expected))
        )

    def followed(self, collector: CallCollector) -> "_Calls":
        """Let the device begin with these calls, and return those that start from what it makes."""
        self._go(waits=False)
        return _Calls(collector, self)

    def note(self, arguments: tuple) -> int | None:
        """Return the call's number; None if a signal's handler had looked: it was not in time."""
        number = len(self.arguments)
        self.arguments.append(arguments)
        running, n_run = self.running, self.n_run
        n = running[0] if n_run is None and running is not None else n_run
        return number if n is None or number < n else None

    def finish(self) -> None:
        """Run the calls, unless they have run.

        If they cannot be run, they count as not made: the variables have the values from before.
        """
        with _lock:
            self._go(waits=True)

    def _go(self, waits: bool) -> None:
        parts = self.parts
        if parts is None or self.n_run is not None:
            return
        collector, values, _, before = parts
        results, error = (), None
        try:
            n, new_values, running = self._begun(parts)
            if not waits:
                return
            results = collector.wait(new_values, running)
        except Exception as problem:  # after a KeyboardInterrupt they are still to be run
            n, error = len(self.arguments), problem
            new_values = [values[place] for place in collector.changed]
            if before is not None and before.error is not None:
                new_values = before.kept
        self._conclude(parts, n, new_values, results, error)
        if error is not None:
            raise error

    def _begun(self, parts: tuple) -> tuple[int, Sequence, Sequence]:
        """Let the device begin, unless it has, and see that it has done the calls before."""
        collector, values, _, before = parts
        running = self.running
        try:
            if running is None:  # even if those before still run: it should never have to wait
                arguments = tuple(self.arguments)
                new_values, results = collector.start(values, arguments)
                self.running = running = len(arguments), new_values, results
        finally:  # what went wrong there comes first
            if before is not None:
                before.finish()
                if before.error is not None:
                    raise before.error
        return running

    def _conclude(
        self, parts: tuple, n: int, new_values: Sequence, results: Sequence, error: Exception | None
    ) -> None:
        global _unfinished
        collector, _, upcoming, _ = parts
        sets: list[tuple] = [(self, "results", results), (self, "error", error)]
        sets += [(self, "kept", new_values)] if error is not None else []
        sets += [(u, "value", value) for u, value in zip(upcoming, new_values, strict=True)]
        set_attributes([*sets, (self, "n_run", n)])
        # From here on only memory is saved: results live longer than what they were made of.
        for place, value in zip(collector.changed, upcoming, strict=True):
            if collector.storages[place][0] is value:
                collector.storages[place][0] = value.value
        self.parts = self.running = None
        self.expected = self.upcoming = []
        if _unfinished is self:
            _unfinished = None


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

    __slots__ = ("_call", "_calls", "_output")

    def __init__(self, calls: _Calls, output: int, call: int):
        self._calls, self._output, self._call = calls, output, call

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        calls = self._calls
        if calls.n_run is None:
            calls.finish()
        if calls.error is not None:
            raise RuntimeError("this call could not be made") from calls.error
        return np.array(calls.results[self._output][self._call], dtype=dtype)

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

    def __index__(self) -> int:
        return index(np.asarray(self))

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
