"""Ctrl-C, and a request to end, at a place where nothing is half done."""

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["TerminatedError", "interrupts_held", "terminate_by_exception"]


class TerminatedError(KeyboardInterrupt):
    """Somebody, a scheduler or a shutdown say, asked the process to end (SIGTERM)."""


@contextmanager
def terminate_by_exception() -> Iterator[None]:
    """Let SIGTERM raise `TerminatedError`, as Ctrl-C raises KeyboardInterrupt.

    Where it is ignored, it stays so. Where Python cannot raise either, within a finalizer or a
    garbage collector's callback say, it would be reported and forgotten; here it comes again.
    """
    if threading.current_thread() is not threading.main_thread():  # no other may set handlers
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _raise_terminated)
    report, sys.unraisablehook = sys.unraisablehook, _strike_again
    try:
        yield
    finally:
        sys.unraisablehook = report
        signal.signal(signal.SIGTERM, before)


def _raise_terminated(_signal_number, _frame):
    raise TerminatedError


def _strike_again(unraisable: "sys.UnraisableHookArgs") -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    terminated = issubclass(unraisable.exc_type, TerminatedError)
    number = signal.SIGTERM if terminated else signal.SIGINT
    # From a thread, and a little later, since it would strike here at once. Without `threading`,
    # in the middle of which we may be.
    _thread.start_new_thread(_strike_later, (number,))


def _strike_later(number: signal.Signals) -> None:
    time.sleep(0.02)
    if hasattr(signal, "pthread_kill"):  # it also ends what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(number)


# A handler that is not among these belongs to somebody else, and stays.
_OURS = {
    signal.SIGINT: (signal.default_int_handler,),
    signal.SIGTERM: (signal.SIG_DFL, _raise_terminated),
}


@contextmanager
def interrupts_held() -> Iterator[Callable[[], KeyboardInterrupt | None]]:
    """Hold Ctrl-C and SIGTERM back until asked for.

    Between two minibatches all that a checkpoint has fits together: the parameters, the costs, and
    where the run is. A second Ctrl-C, or SIGTERM, ends the process at once.

    Yields
    ------
    callable
        Returns the exception to be raised if there was a signal since, and otherwise None.
    """
    held: KeyboardInterrupt | None = None

    def hold(number, _frame):
        nonlocal held
        if held is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        held = TerminatedError() if number == signal.SIGTERM else KeyboardInterrupt()

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        for number, handlers in _OURS.items():
            if signal.getsignal(number) in handlers:
                before[number] = signal.signal(number, hold)
    try:
        yield lambda: held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
