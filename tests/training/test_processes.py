"""Processes that train together, here as threads: what they tell each other, and how they stop."""

import io
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from deeptutorial.training.processes import (
    DifferingProcessError,
    Group,
    JoinError,
    joining,
    watching,
)
from deeptutorial.training.processes.connection import Connection, SilenceError


class Watched(Group):
    """A process of a group, whose end is noted instead of bringing this one to its end."""

    def __init__(self, number, size, connections):
        self.status = None
        self.has_ended = threading.Event()
        super().__init__(number, size, connections)
        self._stderr = io.StringIO()

    def _exit(self, status):
        self.status = status
        self.has_ended.set()
        threading.Event().wait()  # its thread does nothing any more

    @property
    def line(self):
        return self._stderr.getvalue()


@pytest.fixture
def sockets():
    """Return the ends of the connections between process 0 and two others."""
    pairs = [socket.socketpair() for _ in range(2)]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


@pytest.fixture
def three(sockets, monkeypatch):
    monkeypatch.setattr(watching, "GRACE", 0.05)
    (a, b), (c, d) = sockets
    first = Watched(0, 3, {1: Connection(a), 2: Connection(c)})
    return first, Watched(1, 3, {0: Connection(b)}), Watched(2, 3, {0: Connection(d)})


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(*call) for call in calls]
    return [future.exception() or future.result() for future in futures]


def test_what_is_the_same_everywhere(three):
    assert at_once(*[(g.check_same, "data", "abc") for g in three]) == [None] * 3


def test_other_data_are_an_error_that_ends_all(three):
    first, one, two = three
    with ThreadPoolExecutor(2) as waiting:
        for process, value in ((one, "abc"), (two, "xyz")):
            waiting.submit(
                process._connections[0].send, {"kind": "say", "what": "data", "value": value}
            )
        with pytest.raises(
            DifferingProcessError, match=r"^process 2 has other data than process 0"
        ):
            first.check_same("data", "abc")
    first.leave(2, "")
    for other in (one, two):
        assert other.has_ended.wait(10)
        assert (other.status, other.line) == (2, "")  # process 0 has the word


def test_the_first_hands_contents_on(three):
    contents = {"checkpoint_0.npz": bytes(3_000_000), "checkpoint_1.npz": b"", "c": b"PK\x03"}
    found = at_once((three[0].from_first, contents), *[(g.from_first,) for g in three[1:]])
    assert found == [contents] * 3


def test_the_end_of_one_is_the_end_of_all(three, sockets):
    """A process whose connection is closed has died; one line is said of it, by process 0."""
    first, _, two = three
    first.name, first.advice = "dA.py", "; go on with --resume"
    sockets[0][1].shutdown(socket.SHUT_RDWR)
    assert first.has_ended.wait(10)
    assert first.status == 1
    assert first.line == "dA.py: error: process 1 has died; go on with --resume\n"
    assert two.has_ended.wait(10)
    assert (two.status, two.line) == (1, "")


def test_one_that_is_not_heard_of_is_lost(sockets, monkeypatch):
    monkeypatch.setattr(watching, "SILENCE", 0.1)
    first = Watched(0, 2, {1: Connection(sockets[0][0])})  # at the other end nobody says anything
    assert first.has_ended.wait(10)
    assert "process 1 cannot be reached: nothing was heard for 0.1 seconds" in first.line


def test_what_another_complains_of_is_told_by_the_first(three):
    first, one, _ = three
    one.leave(2, "no such file")
    assert first.has_ended.wait(10)
    assert (first.status, first.line) == (2, "deeptutorial: error: process 1: no such file\n")


def test_a_good_end_waits_for_all(three, sockets):
    ends = [threading.Thread(target=group.leave, args=(0,)) for group in three[1:]]
    for end in ends:
        end.start()
    assert all(end.is_alive() for end in ends)
    three[0].leave(0)
    for end in ends:
        end.join(10)
        assert not end.is_alive()
    sockets[0][1].shutdown(socket.SHUT_RDWR)
    assert not three[0].has_ended.wait(0.2)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 12,
        b"\x00\x00\x00\x02" + b"\x00" * 8 + b"[]",
        b"\x00\x00\xff\xff" + b"\x00" * 8 + b"[" * 0xFFFF,
    ],
    ids=["another protocol", "no JSON", "no message", "a deep one"],
)
def test_something_else_than_messages(sockets, sent):
    near, far = sockets[0]
    far.sendall(sent)
    with pytest.raises(ValueError, match=r"bytes|Expecting|no message|deep"):
        Connection(near).receive(1)


def test_no_more_memory_is_taken_than_has_come(sockets):
    near, far = sockets[0]
    far.sendall(b"\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff{}")
    with pytest.raises(SilenceError):
        Connection(near).receive(0.05)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_nobody_comes(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setattr(joining, "START", 0.2)
    here = f"127.0.0.1:{free_port()}"
    with pytest.raises(JoinError, match=r"^process 1, 2 of 3 has not come within 0.2 seconds"):
        joining.join(here, 3, 0)
    with pytest.raises(JoinError, match=rf"^process 0 cannot be reached at {here} within 0.2 sec"):
        joining.join(here, 3, 1)
    for address in "nonsense", "[::1]:5000":
        with pytest.raises(JoinError, match=rf"HOST:PORT.*, got {re.escape(address)}$"):
            joining.join(address, 2, 1)


@pytest.mark.parametrize(
    ("size", "told"),
    [("2", r"JoinError Open MPI has started 2 processes.*--coordinator"), ("1", "None$")],
)
def test_open_mpi_that_jax_does_not_understand(size, told):
    """Its processes would each train alone; one alone may. In a process in which JAX is new."""
    pytest.importorskip("jax")
    code = """
from deeptutorial.training.processes import joining
try:
    print(joining.join_cluster())
except joining.JoinError as error:
    print("JoinError", error)
"""
    set_by_it = {"OMPI_COMM_WORLD_SIZE": size, "OMPI_COMM_WORLD_RANK": "0"}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **set_by_it},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.match(told, shown.stdout)


def test_strangers_and_doubles_do_not_get_in():
    pytest.importorskip("jax")
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        place = listener.getsockname()
        welcome = pool.submit(joining._welcome, listener, 3)
        with socket.create_connection(place) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            ones = [joining._introduce_oneself([place], 3, 1)]
            with pytest.raises(JoinError, match=r"refuses process 1 of 3: its number is taken"):
                joining._introduce_oneself([place], 3, 1)
            with pytest.raises(JoinError, match=r"refuses process 1 of 2"):
                joining._introduce_oneself([place], 2, 1)
            ones.append(joining._introduce_oneself([place], 3, 2))
        found = welcome.result(10)
    assert list(found) == [1, 2]
    for connection in [*ones, *found.values()]:
        connection.close()
