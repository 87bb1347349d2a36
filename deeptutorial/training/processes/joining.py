"""How the processes of a group find each other, and are brought together in JAX's runtime."""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version

import numpy as np

from deeptutorial.compile.backends.devices import BackendError, require_package
from deeptutorial.held_signals import import_whole
from deeptutorial.training.processes.connection import Connection
from deeptutorial.training.processes.watching import Group

__all__ = ["JoinError", "group", "join", "join_cluster"]

START = 30.0
"""Seconds that the processes have to come together."""

HELLO = 5.0
"""Seconds that a process that has connected may take to say which one it is."""

_group: Group | None = None


class JoinError(BackendError):
    """The processes do not come together; the message tells which one is missing, and where."""


def group() -> Group | None:
    """Return the group that this process belongs to; None if it works alone."""
    return _group


def join(coordinator: str, size: int, number: int) -> Group:
    """Come together with other processes, before JAX is used for anything.

    They trust each other, and whoever can reach the coordinator's port, as JAX's runtime does.

    Parameters
    ----------
    coordinator : str
        ``host:port`` on the machine of process 0.
    size, number : int
        How many processes there are, and which one this is, from 0 on.

    Raises
    ------
    JoinError
        If not all of them have come within 30 seconds.
    """
    global _group
    require_package("jax", "JAX", "pip install jax")
    jax = import_whole("jax")
    host, port = _parsed(coordinator)
    if number == 0:
        with _listener(host, port) as listener:
            connections = _welcome(listener, size)
    else:
        connections = {0: _introduce_oneself([(host, port)], size, number)}
    _group = _started(size, number, connections)
    free = f"{host}:{_free_port()}".encode()
    runtime = _group.from_first({"address": free} if number == 0 else None)["address"].decode()
    _initialize(
        jax,
        coordinator_address=runtime,
        coordinator_bind_address=runtime if _is_loopback(host) else None,
        num_processes=size,
        process_id=number,
        cluster_detection_method="deactivate",
    )
    _connect_devices(jax)
    return _group


def join_cluster() -> Group | None:
    """Come together as SLURM, Open MPI or Kubernetes tell JAX; None where there is no such thing.

    Raises
    ------
    JoinError
        If not all of them have come within 30 seconds.
    """
    global _group
    require_package("jax", "JAX", "pip install jax")
    jax = import_whole("jax")
    try:
        _initialize(jax)
    except ValueError as error:
        if "coordinator_address" in str(error):  # nothing tells where the others are
            _refuse_newer_open_mpi()
            return None
        raise JoinError(f"JAX's runtime does not start: {error}") from error
    size, number = jax.process_count(), jax.process_index()
    if size > 1:
        _group = _started(size, number, _connections_in_cluster(size, number))
        _connect_devices(jax)
    return _group


def _refuse_newer_open_mpi() -> None:
    """Complain of several processes that would each train alone: JAX knows Open MPI up to 4."""
    size = os.environ.get("OMPI_COMM_WORLD_SIZE", "1")
    if size != "1":
        raise JoinError(
            f"Open MPI has started {size} processes, and does not tell JAX where they meet: give "
            "--coordinator HOST:PORT --processes $OMPI_COMM_WORLD_SIZE --process "
            "$OMPI_COMM_WORLD_RANK, in mpirun ... sh -c '...'"
        )


def _initialize(jax, **given):
    with suppress(AttributeError):  # an older JAX has no such option
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM away
    try:
        jax.distributed.initialize(**given, initialization_timeout=int(START))
    except RuntimeError as error:
        raise JoinError(f"JAX's runtime does not start: {str(error).splitlines()[0]}") from error


def _started(size: int, number: int, connections: dict[int, Connection]) -> Group:
    if number:
        _keep_aborts_back()
    return Group(number, size, connections)


def _connect_devices(jax):
    """Add up over all devices once: that connects them, of which Gloo prints a line."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("all",))
    each = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("all"))
    on_all = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    ones = np.ones(mesh.size, "float32")
    with _quiet_library():
        ones = jax.make_array_from_callback(ones.shape, each, lambda part: ones[part])
        jax.jit(jax.numpy.sum, out_shardings=on_all)(ones).block_until_ready()


def _connections_in_cluster(size: int, number: int) -> dict[int, Connection]:
    """Let process 0 tell by the devices where it listens: its runtime's address is not public."""
    multihost_utils = import_whole("jax.experimental.multihost_utils")
    places = np.zeros(512, np.uint8)
    with _listener("", 0) as listener:
        if number == 0:
            port = listener.getsockname()[1]
            text = f"{socket.gethostname()}:{port} {_outward_address()}:{port}".encode()
            places[: len(text)] = np.frombuffer(text, np.uint8)
        with _quiet_library():
            places = np.asarray(multihost_utils.broadcast_one_to_all(places), np.uint8)
        if number == 0:
            return _welcome(listener, size)
    told = places.tobytes().rstrip(b"\0").decode().split()
    return {0: _introduce_oneself([_parsed(place) for place in told], size, number)}


def _parsed(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or ":" in host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise JoinError(
            f"expected a coordinator as HOST:PORT, a name or an IPv4 address, got {address}"
        )
    return host, int(port)


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host if _is_loopback(host) else "", port))
    except OSError as error:
        raise JoinError(f"cannot listen on port {port}: {error.strerror or error}") from error


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "127.0.0.1")


def _free_port() -> int:
    with socket.create_server(("", 0)) as free:
        return free.getsockname()[1]


def _outward_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # nothing is sent; it only chooses the interface
        return probe.getsockname()[0]
    return "127.0.0.1"


def _introduction(size: int, number: int) -> dict:
    return {"process": number, "of": size, "jax": version("jax")}


def _welcome(listener: socket.socket, size: int) -> dict[int, Connection]:
    """Wait until all others have introduced themselves; return the connections to them."""
    connections: dict[int, Connection] = {}
    end = time.monotonic() + START
    while len(connections) < size - 1:
        listener.settimeout(max(0.01, end - time.monotonic()))
        try:
            connected, _ = listener.accept()
        except TimeoutError:
            missing = [n for n in range(1, size) if n not in connections]
            for connection in connections.values():
                connection.close()
            raise JoinError(
                f"process {', '.join(map(str, missing))} of {size} has not come within "
                f"{START:g} seconds: start each with --processes {size} and its own --process"
            ) from None
        connection = Connection(connected)
        number = _welcomed(connection, size, connections)
        if number is None:
            connection.close()
        else:
            connections[number] = connection
    return dict(sorted(connections.items()))


def _welcomed(connection: Connection, size: int, others: Container[int]) -> int | None:
    """Return the number of the process that has connected, if it is one that is waited for."""
    with suppress(OSError, EOFError, ValueError):  # who talks otherwise is none of ours
        message, _ = connection.receive(HELLO)
        number = message.get("process")
        expected = {**_introduction(size, 0), "process": number}
        if message != expected or number not in range(1, size):
            connection.send({"refused": f"expected one of {size}, with JAX {version('jax')}"})
        elif number in others:
            connection.send({"refused": "its number is taken"})
        else:
            connection.send({"welcome": number})
            return number
    return None


def _introduce_oneself(places: list[tuple[str, int]], size: int, number: int) -> Connection:
    """Connect with process 0, which may take some time to be there."""
    end = time.monotonic() + START
    error: Exception | None = None
    while time.monotonic() < end:
        for place in places:
            try:
                connection = Connection(socket.create_connection(place, timeout=HELLO))
            except OSError as found:
                error = found
                continue
            try:
                connection.send(_introduction(size, number))
                answer, _ = connection.receive(HELLO)
            except (OSError, EOFError, ValueError) as found:
                connection.close()
                error = found
                continue
            if "welcome" in answer:
                return connection
            connection.close()
            raise JoinError(
                f"process 0 refuses process {number} of {size}: {answer.get('refused')}"
            )
        time.sleep(0.2)
    host, port = places[0]
    raise JoinError(
        f"process 0 cannot be reached at {host}:{port} within {START:g} seconds ({error})"
    )


def _keep_aborts_back():
    """Let a thread that aborts sleep first, for as many seconds as the signal's number is.

    JAX's runtime aborts as soon as process 0 has gone, with a trace on standard error. The sleep,
    a function of C that a signal's handler may call, leaves it to `Group` to end the process with
    one line; that, and all else from Python, has standard error for itself.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    if os.name == "posix":
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.signal.restype = ctypes.c_void_p
        libc.signal(signal.SIGABRT, ctypes.cast(libc.sleep, ctypes.c_void_p))


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep what a library's C++ prints away from standard output."""
    before, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(nothing)
