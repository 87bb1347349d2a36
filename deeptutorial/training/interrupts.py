"""Ctrl-C at a place where nothing is half done."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["interrupts_held"]


@contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until asked for.

    A signal that strikes within a compiled function would leave some parameters updated and others
    not; Numba even turns the exception into another one. A second Ctrl-C ends the process at
    once.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if Ctrl-C was pressed since.
    """
    pressed = False

    def hold(_signal_number, _frame):
        nonlocal pressed
        if pressed:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        pressed = True

    def release():
        if pressed:
            raise KeyboardInterrupt

    # Only the main thread may set handlers, and only it receives the signal. A handler that is
    # not Python's own belongs to somebody else, and stays.
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield release
        return
    signal.signal(signal.SIGINT, hold)
    try:
        yield release
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
