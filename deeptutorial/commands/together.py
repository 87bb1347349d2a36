"""Scripts that run in several processes: the options, the start, and what only the first does."""

import argparse
import io
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

from deeptutorial.commands.parser import OneLineParser, whole
from deeptutorial.compile import BackendError
from deeptutorial.compile.backends.devices import require_package
from deeptutorial.training.checkpoints import NAMES
from deeptutorial.training.processes import Group, join, join_cluster

__all__ = ["add_processes", "come_together", "run_in_group"]

TO_END = 5.0
"""Seconds that the others may take when process 0 has ended."""

TO_HEAR = 10.0
"""Seconds that process 0 may take when another has ended with an error: it is to tell of it."""


def add_processes(parser: OneLineParser) -> None:
    """Let a script run in several processes, with JAX."""
    parser.add_argument(
        "--local-processes",
        type=whole(1),
        default=1,
        metavar="N",
        help="run in so many processes on this machine, which share each minibatch, with JAX",
    )
    parser.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="where process 0 waits for the others, which are started by hand, one on each machine "
        "say, with --processes N and --process K; where SLURM, Open MPI or Kubernetes start them, "
        "--backend jax --device all is enough",
    )
    parser.add_argument(
        "--processes", type=whole(1), metavar="N", help="how many processes there are in all"
    )
    parser.add_argument(
        "--process", type=whole(0), metavar="K", help="which one this is, from 0 on"
    )


def come_together(
    parser: OneLineParser, parsed: argparse.Namespace, arguments: Sequence[str] | None
) -> None:
    """Start or join the processes that the options ask for; take these options away.

    With several processes, what runs the functions is JAX on all devices. The process that starts
    others on this machine exits here, when they have ended.
    """
    options = vars(parsed)
    n_local = options.pop("local_processes")
    coordinator, size, number = (
        options.pop(name) for name in ("coordinator", "processes", "process")
    )
    by_hand = (coordinator, size, number)
    if by_hand != (None, None, None):
        if None in by_hand:
            parser.error("--coordinator, --processes and --process go together")
        if number >= size:
            parser.error(f"--process goes from 0 to {size - 1}, got {number}")
    if n_local > 1 or coordinator is not None:
        if parsed.backend not in ("numba", "jax") or parsed.device not in ("auto", "all"):
            parser.error("several processes run on JAX: --backend jax --device all")
        parsed.backend, parsed.device = "jax", "all"
    try:
        if n_local > 1:
            require_package("jax", "JAX", "pip install jax")
            parser.exit(_run_here(n_local, sys.argv[1:] if arguments is None else arguments))
        elif coordinator is not None:
            join(coordinator, size, number)
        elif (parsed.backend, parsed.device) == ("jax", "all"):
            join_cluster()
    except BackendError as error:
        parser.error(str(error))


def run_in_group(group: Group, run: Callable[[dict], int], options: dict, name: str) -> int:
    """Run a script in one of several processes, of which the first alone prints and writes.

    The others print nowhere, and have a folder of their own, which is removed.

    Parameters
    ----------
    group : Group
    run : callable
        Takes the options, and returns the exit status.
    options : dict
    name : str
        Of the script, for messages.
    """
    group.name = name
    folder = Path(options["output_folder"])
    group.advice = f"; go on with --resume, from the last checkpoint in {folder}"
    if group.number:
        status, line = _run_silently(group, run, options)
    else:
        there = [folder / name for name in NAMES if options["resume"]]
        group.from_first({path.name: path.read_bytes() for path in there if path.is_file()})
        status, line = _run_or_wait(group, run, options), ""
    sys.stdout.flush()
    group.leave(status, line)
    if status:
        group.clean_up()
        os._exit(status)  # JAX's runtime would wait for those who have ended already
    return status


def _run_silently(group: Group, run: Callable[[dict], int], options: dict) -> tuple[int, str]:
    # Process 0 decides when to stop: the others are between other minibatches at that instant.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    folder = tempfile.mkdtemp(prefix="deeptutorial-")
    group.clean_up = partial(shutil.rmtree, folder, ignore_errors=True)
    for name, content in group.from_first().items():
        if name in NAMES:
            Path(folder, name).write_bytes(content)
    own = {**options, "output_folder": folder, "checkpoint_every": math.inf}
    lines = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(lines):
        status = _run_or_wait(group, run, own)
    group.clean_up()
    return status, (lines.getvalue().splitlines() or [""])[-1] if status else ""


def _run_or_wait(group: Group, run: Callable[[dict], int], options: dict) -> int:
    try:
        return run(options)
    except Exception:  # what JAX's devices say of a lost one is no help
        group.wait_for_the_reason()
        traceback.print_exc()
        return 1


def _run_here(size: int, arguments: Sequence[str]) -> int:
    """Run the script in several processes, each with its part of the CPUs; return its status."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    processes = []
    for number in range(size):
        given = ["--local-processes", "1", "--coordinator", coordinator]
        given += ["--processes", str(size), "--process", str(number)]
        command = [sys.executable, sys.argv[0], *arguments, *given]
        # JAX's own variable: of several GPUs, each process has one.
        environment = {**os.environ, "JAX_LOCAL_DEVICE_IDS": str(number)}
        with _part_of_the_cpus(number, size):
            processes.append(subprocess.Popen(command, env=environment))
    # Ctrl-C reaches them too, and it is for the first to end well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: processes[0].terminate())
    return _status_of(processes)


def _status_of(processes: Sequence[subprocess.Popen]) -> int:
    """Wait until all have ended, and return the first one's status; who hears of nothing is killed.

    One that is stopped, say, does not end though the others have.
    """
    first, *others = processes
    while first.poll() is None:
        if any(other.poll() for other in others):
            _end(first, TO_HEAR)
            break
        time.sleep(0.1)
    for other in others:
        _end(other, TO_END)
    status = first.returncode
    return status if status >= 0 else 128 - status  # as a shell has it after a signal


def _end(process: subprocess.Popen, seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _part_of_the_cpus(number: int, size: int) -> Iterator[None]:
    """Let a process that is started have its part of the CPUs, where there are enough."""
    if not hasattr(os, "sched_setaffinity"):  # as on macOS and Windows
        yield
        return
    usable = os.sched_getaffinity(0)
    part = sorted(usable)[number::size]
    os.sched_setaffinity(0, part or usable)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)
