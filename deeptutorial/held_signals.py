"""Signals that wait while nobody could be told of them."""

import _signal  # type: ignore[import-not-found]  # C's, which loses no time over names of handlers
import importlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, ModuleType

__all__ = ["SignalsHeld", "import_whole"]

_NUMBERS = range(1, signal.NSIG)


class SignalsHeld:
    """While it is entered, what Python does at a signal, raising KeyboardInterrupt say, waits.

    Compilers call Python from C and pass over what is raised there: the signal would be lost, and
    what was to be compiled is not there. The handlers are called where this is left. A signal that
    comes a second time is not held: whoever presses Ctrl-C twice does not want to wait.

    In threads other than the main one, where Python handles no signals, it does nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable] = {}
        self._waiting: list[int] = []
        self._over = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in _NUMBERS:
                handler = _signal.getsignal(number)
                if callable(handler) and not _holds(handler):
                    self._handlers[number] = handler
                    _signal.signal(number, self._hold)
        except BaseException:  # from a handler whose turn had not come
            self.__exit__()
            raise

    def _hold(self, number: int, frame: FrameType | None) -> None:
        # Also called when it is over: while handlers are being put back, one of them may raise.
        if self._over or number in self._waiting:
            self._handlers[number](number, frame)
        else:
            self._waiting.append(number)

    def __exit__(self, *_exception: object) -> None:
        self._over = True
        for number, handler in self._handlers.items():
            _signal.signal(number, handler)
        self._let_go()

    def _let_go(self) -> None:
        while self._waiting:
            try:
                signal.raise_signal(self._waiting.pop())
            finally:
                self._let_go()


def _holds(handler: Callable) -> bool:
    """Tell whether it is that of one that is entered: what is within it has nothing to do."""
    holder = getattr(handler, "__self__", None)
    return isinstance(holder, SignalsHeld) and not holder._over


def import_whole(module: str) -> ModuleType:
    """Import a library that is written in C; signals wait meanwhile.

    Struck in the middle of it, one ends in an ImportError of something else, or in a crash.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    with SignalsHeld():
        return importlib.import_module(module)
