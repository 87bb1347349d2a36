"""Messages between two processes: a line of JSON, and bytes with it."""

import json
import selectors
import socket
import struct
import threading

__all__ = ["Connection", "SilenceError"]

SIZES = struct.Struct(">IQ")
LARGEST_MESSAGE = 2**16
PIECE = 2**20


class SilenceError(OSError):
    """Nothing was heard for too long."""


class Connection:
    """A socket on which whole messages are sent, from any thread, and received by one.

    Nothing that is received is run, and no more memory is taken than has arrived.
    """

    def __init__(self, connected: socket.socket):
        connected.setblocking(True)
        self._socket = connected
        self._one_at_a_time = threading.Lock()
        self._readable = selectors.DefaultSelector()
        self._readable.register(connected, selectors.EVENT_READ)

    def send(self, message: dict, content: bytes = b"") -> None:
        """Send a message.

        Raises
        ------
        OSError
            If nobody is at the other end.
        """
        text = json.dumps(message).encode()
        with self._one_at_a_time:
            self._socket.sendall(SIZES.pack(len(text), len(content)) + text)
            self._socket.sendall(content)

    def receive(self, silence: float) -> tuple[dict, bytes]:
        """Wait for a message.

        Parameters
        ----------
        silence : float
            Seconds without a single byte after which to give up.

        Raises
        ------
        SilenceError
        EOFError
            If the other end is closed.
        OSError
            If it was cut off.
        ValueError
            If it sends something else than messages.
        """
        n_text, n_content = SIZES.unpack(self._exactly(SIZES.size, silence))
        if n_text > LARGEST_MESSAGE:
            raise ValueError(f"a message of {n_text} bytes")
        try:
            message = json.loads(self._exactly(n_text, silence))
        except RecursionError as error:
            raise ValueError("a message that is nested too deeply") from error
        if not isinstance(message, dict):
            raise ValueError(f"no message: {message!r:.60}")
        return message, self._exactly(n_content, silence)

    def close(self) -> None:
        self._readable.close()
        self._socket.close()

    def _exactly(self, n: int, silence: float) -> bytes:
        received = bytearray()
        while len(received) < n:
            if not self._readable.select(silence):
                raise SilenceError(f"nothing was heard for {silence:g} seconds")
            piece = self._socket.recv(min(PIECE, n - len(received)))
            if not piece:
                raise EOFError("the connection was closed")
            received += piece
        return bytes(received)
