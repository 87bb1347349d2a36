"""Processes that stop together: each hears of the others every second.

JAX's own runtime ends a process whose partner is lost too, but by an abort with a trace, after
minutes or at once as it happens. Here every process is connected with process 0; one that is not
heard of any more, or whose connection is cut, ends them all with one line.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from deeptutorial.compile.backends.devices import BackendError
from deeptutorial.training.processes.connection import Connection, SilenceError

__all__ = ["DifferingProcessError", "Group"]

PULSE = 1.0
"""Seconds from one sign of life to the next."""

SILENCE = 12.0
"""Seconds without any after which a process counts as lost."""

GRACE = 5.0
"""Seconds that process 0 has to say by itself what has ended another one too."""


class DifferingProcessError(BackendError):
    """A process has other data or settings than process 0."""


class Group:
    """The other processes, as one of them sees them.

    Parameters
    ----------
    number, size : int
        Of this process, and how many there are.
    connections : mapping from a number to a Connection
        In process 0 to all others, in the others to process 0.

    Attributes
    ----------
    name, advice : str
        What the line begins with that tells of a lost process, and what it ends with.
    clean_up : callable
        What is done before this process ends because others did.
    """

    def __init__(self, number: int, size: int, connections: Mapping[int, Connection]):
        self.number, self.size = number, size
        self.name, self.advice = "deeptutorial", ""
        self.clean_up: Callable[[], object] = lambda: None
        self._stderr = sys.stderr
        self._connections = connections
        self._inboxes: dict[int, queue.SimpleQueue] = {n: queue.SimpleQueue() for n in connections}
        self._ended = {n: threading.Event() for n in connections}
        self._ending = threading.Lock()
        for other in connections:
            threading.Thread(target=self._listen, args=(other,), daemon=True).start()
        threading.Thread(target=self._show_life, daemon=True).start()

    def check_same(self, what: str, value: str) -> None:
        """Compare a value with that of process 0; all processes have to call this.

        Raises
        ------
        DifferingProcessError
            In process 0; the others are ended by its end.
        """
        if self.number:
            self._connections[0].send({"kind": "say", "what": what, "value": value})
            self._inboxes[0].get()
            return
        for other, inbox in self._inboxes.items():
            message, _ = inbox.get()
            if (message.get("what"), message.get("value")) != (what, value):
                raise DifferingProcessError(
                    f"process {other} has other {what} than process 0: start all with the same "
                    "options, on machines with the same files"
                )
        for connection in self._connections.values():
            connection.send({"kind": "say", "what": what})

    def from_first(self, contents: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """Hand named contents on from process 0, which has them, to all; each has to call this."""
        if contents is not None:
            for connection in self._connections.values():
                connection.send({"kind": "say", "names": list(contents)})
                for content in contents.values():
                    connection.send({"kind": "say"}, content)
            return dict(contents)
        message, _ = self._inboxes[0].get()
        return {name: self._inboxes[0].get()[1] for name in message["names"]}

    def leave(self, status: int, line: str = "") -> None:
        """Say that this process is at its end; where that is a good one, wait for the others.

        Parameters
        ----------
        status : int
            With which it exits. If it is not 0, all the others are ended too.
        line : str
            What was wrong, for process 0 to tell.
        """
        for connection in self._connections.values():
            _try_to_send(connection, {"kind": "end", "status": status, "line": line})
        if status == 0:
            for ended in self._ended.values():
                ended.wait()
        elif self.number:  # process 0 has the word
            self._ended[0].wait(2 * GRACE)

    def wait_for_the_reason(self) -> None:
        """Wait as long as it can take until it is clear that another process is lost."""
        time.sleep(SILENCE + GRACE)

    def _show_life(self):
        while True:
            for connection in self._connections.values():
                _try_to_send(connection, {"kind": "pulse"})
            time.sleep(PULSE)

    def _listen(self, other: int):
        while True:
            try:
                message, content = self._connections[other].receive(SILENCE)
            except (OSError, EOFError, ValueError) as error:
                if not self._ended[other].is_set():
                    why = (
                        f"cannot be reached: {error}"
                        if isinstance(error, SilenceError)
                        else "has died"
                    )
                    self._stop(1, f"process {other} {why}")
                return
            if message.get("kind") == "say":
                self._inboxes[other].put((message, content))
            elif message.get("kind") == "end":
                self._ended[other].set()
                if status := int(message["status"]):
                    self._end_with(other, status, str(message["line"]))

    def _end_with(self, other: int, status: int, line: str):
        if other == 0:  # it has told why
            self._exit(status)
        time.sleep(GRACE)
        self._stop(status, f"process {other}: {line}" if line else f"process {other} has ended")

    def _stop(self, status: int, line: str):
        with self._ending:  # one line, whoever else is missed meanwhile
            for connection in self._connections.values():
                telling = threading.Thread(
                    target=_try_to_send,
                    args=(connection, {"kind": "end", "status": status, "line": ""}),
                    daemon=True,
                )
                telling.start()
                telling.join(PULSE)  # who is lost takes nothing
            print(f"{self.name}: error: {line}{self.advice}", file=self._stderr, flush=True)
            self._exit(status)

    def _exit(self, status: int):
        """End the process, whatever its main thread is waiting for."""
        self.clean_up()
        os._exit(status)


def _try_to_send(connection: Connection, message: dict):
    with suppress(OSError):  # who listens to it will notice
        connection.send(message)
