"""Standard output and standard error that end no run: closed, full, or short of letters."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["enduring_streams"]


@contextmanager
def enduring_streams() -> Iterator[Callable[[], OSError | None]]:
    """Let a program print as long as that is possible, and go on where it is not.

    What is closed swallows what is printed. What has no room for a line, on a full disk, loses that
    line and all that follow. Letters that a stream does not know come as escapes. What goes to
    ``sys.stdout.buffer``, the results of a command, fails as before; and so does what goes to a
    pipe whose reader has gone.

    Yields
    ------
    callable
        Returns what went wrong with standard output, None if nothing did.
    """
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w") as nowhere:
        out, err = (_enduring(nowhere if stream is None else stream) for stream in before)
        sys.stdout, sys.stderr = out, err
        try:
            yield lambda: out.failure
        finally:
            sys.stdout, sys.stderr = before


def _open_what_is_closed():
    """Let no file get the number 1 or 2, by which libraries in C print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _enduring(stream: Any) -> "_Enduring":
    if isinstance(stream, _Enduring):  # a script within a command
        return stream
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return _Enduring(stream)


class _Enduring:
    """A stream whose failures are kept, and not raised."""

    def __init__(self, stream):
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def _try(self, function: Callable, *arguments):
        try:
            if self.failure is None:
                function(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failure = error
            with suppress(OSError):  # what is still to be written would fail again at the exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
