"""One process and two that share each minibatch: ``python -m benchmarks.distributed``.

Seconds an epoch with JAX, one CPU for each process, over a part of an epoch and scaled to the
whole; what the processes exchange in a step; and what follows for more and faster devices.
``--help`` lists the options.
"""

import argparse
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import machine
from benchmarks.measure import load_training_set, training_file
from benchmarks.report import markdown_table, seconds
from benchmarks.setting import Setting, usable_cpus
from benchmarks.worker import _private_stdout

__all__ = ["exchanged_bytes", "main", "predicted_step"]

RESULTS = Path(__file__).with_name("DISTRIBUTED.md")

N_VISIBLE = 784
FLOAT = 4
"""Bytes of a float32."""

MACHINES = {
    "8 GPUs of one machine": {"n": 8, "flops": 2e13, "bandwidth": 2e11, "latency": 2e-5},
    "64 GPUs of eight machines": {"n": 64, "flops": 2e13, "bandwidth": 1.2e10, "latency": 1e-4},
}
"""What is assumed of each: operations a second of a GPU in matrix products of float32, bytes a
second of the slowest connection, and seconds that an exchange takes at least."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, and write tables."""
    options = _parse(arguments)
    command = shlex.join(["python", "-m", "benchmarks.distributed", *(arguments or sys.argv[1:])])
    about = machine.describe(command, min(2, usable_cpus()))
    train_x = load_training_set(options.dataset)
    tables = []
    with training_file(train_x) as path:
        for n_hidden in options.n_hidden:
            found = {
                batch_size: _measure(path, batch_size, n_hidden, options)
                for batch_size in options.batch_sizes
            }
            tables += [f"## {n_hidden} hidden units", "", measured_table(found), ""]
    lines = ["# One process and two", "", *(f"- {line}" for line in about), ""]
    lines += [
        f"Seconds an epoch of the dA, 30 % masking, float32, JAX, one CPU a process; medians of "
        f"{options.repeats} stretches of {options.epochs:g} of an epoch, one and two processes in "
        "turns. Strong: two over one, at the same minibatch; weak: two over one, where one has "
        "half of the minibatch. Both would be 0.5 if the exchange took no time.",
        "",
        *tables,
        "## What is exchanged",
        "",
        exchange_table(options.n_hidden),
        "",
        "## What that predicts",
        "",
        prediction_table(),
        "",
    ]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 0


def measured_table(found: dict[int, tuple[float, float, float]]) -> str:
    """Lay out, for each minibatch, the times of one process, of one with half of it, and of two."""
    rows = [
        (str(size), *map(seconds, (one, both)), f"{both / one:.2f}", f"{both / half:.2f}")
        for size, (one, half, both) in found.items()
    ]
    return markdown_table(("minibatch", "1 process", "2 processes", "strong", "weak"), rows)


def exchanged_bytes(n_hidden: int, n_visible: int = N_VISIBLE) -> int:
    """Return the bytes that are added up over all devices in a step of the dA.

    The gradient with respect to W is a sum of two products, one from the encoder and one from the
    decoder, which XLA adds up apart from each other; besides, those of the biases, and the cost.
    """
    return FLOAT * (2 * n_visible * n_hidden + n_hidden + n_visible + 1)


def exchange_table(n_hidden: Sequence[int]) -> str:
    """Return a table of what is added up in a step, and what each of n devices sends for it."""
    rows = [
        (
            str(h),
            f"{exchanged_bytes(h) / 1e6:.1f}",
            *(f"{_sent(h, n) / 1e6:.1f}" for n in (2, 8, 64)),
        )
        for h in n_hidden
    ]
    header = ("hidden units", "MB a step", *(f"sent by each of {n}" for n in (2, 8, 64)))
    return markdown_table(header, rows)


def _sent(n_hidden: int, n: int) -> float:
    return 2 * (n - 1) / n * exchanged_bytes(n_hidden)


def predicted_step(
    batch_size: int, n_hidden: int, n: int, flops: float, bandwidth: float, latency: float
) -> tuple[float, float]:
    """Return the seconds that a step takes on n devices for its arithmetic, and for the exchange.

    Five products of 2 n_visible n_hidden operations an example, and a ring's way of adding up.
    """
    arithmetic = 10 * N_VISIBLE * n_hidden * batch_size / n / flops
    return arithmetic, latency + _sent(n_hidden, n) / bandwidth


def prediction_table() -> str:
    """Return how many times faster than one device many should be, under `MACHINES`."""
    rows = []
    for batch_size in (20, 600, 6000, 60_000):
        for n_hidden in (500, 4000):
            cells = []
            for assumed in MACHINES.values():
                arithmetic, exchange = predicted_step(batch_size, n_hidden, **assumed)
                cells.append(f"{arithmetic * assumed['n'] / (arithmetic + exchange):.2g}")
            rows.append((str(batch_size), str(n_hidden), *cells))
    return markdown_table(("minibatch", "hidden units", *MACHINES), rows)


def _measure(
    path: Path, batch_size: int, n_hidden: int, options: argparse.Namespace
) -> tuple[float, float, float]:
    """Return the seconds an epoch of one process, of one with half the minibatch, and of two."""
    groups = [
        _start(path, size, n, n_hidden, options.epochs)
        for size, n in ((batch_size, 1), (batch_size // 2, 1), (batch_size, 2))
    ]
    times: list[list[float]] = [[], [], []]
    for _ in range(options.repeats):
        for group, found in zip(groups, times, strict=True):
            found.append(_go(group))
    processes = [process for group in groups for process in group]
    for process in processes:
        process.stdin.close()
    for process in processes:
        process.wait()
    medians = tuple(median(found) for found in times)
    print(f"minibatch {batch_size}, {n_hidden} hidden units: {medians}", file=sys.stderr)
    return medians


def _start(path: Path, batch_size: int, n: int, n_hidden: int, epochs: float) -> list:
    with socket.create_server(("127.0.0.1", 0)) as free:
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    setting = {"batch_size": batch_size, "n_hidden": n_hidden, "epochs": epochs, "threads": 1}
    requests = [
        {"coordinator": coordinator, "n": n, "number": k, "train_x": str(path), "setting": setting}
        for k in range(n)
    ]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.distributed", "--worker", json.dumps(request)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for request in requests
    ]


def _go(group: list) -> float:
    for process in group:
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.stdout.readline()) for process in group)


def _work(request: dict) -> None:
    """Train a stretch for each line of standard input, and answer with the seconds an epoch."""
    with _private_stdout() as answers:
        if hasattr(os, "sched_setaffinity"):
            cpus = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cpus[request["number"] % len(cpus)]})
        import deeptutorial
        from benchmarks.peers.deeptutorial import prepare
        from deeptutorial.training.processes import join

        n, number = request["n"], request["number"]
        group = join(request["coordinator"], n, number) if n > 1 else None
        deeptutorial.use("jax", "all")
        setting = Setting(**request["setting"])
        train_x = np.load(request["train_x"], mmap_mode="c")
        train = prepare(np.asarray(train_x), setting.initial_parameters(N_VISIBLE), setting)
        n_train_batches = len(train_x) // setting.batch_size
        count = setting.stretch(n_train_batches)
        train(0, min(count, 2))
        for _ in sys.stdin:
            start = time.perf_counter()
            train(0, count)
            answers.write(f"{(time.perf_counter() - start) * n_train_batches / count}\n")
            answers.flush()
        if group is not None:
            group.leave(0)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.distributed",
        description="Measure one process, and two that share each minibatch, on JAX.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    sizes = [20, 200, 600, 2000, 6000]
    add("--batch-sizes", type=int, nargs="+", default=sizes, metavar="N", help="even ones")
    add("--n-hidden", type=int, nargs="+", default=[500, 4000], metavar="N")
    add("--epochs", type=float, default=0.25, metavar="PART", help="length of a timed stretch")
    add("--repeats", type=int, default=3, metavar="N", help="timed stretches of each")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as dA.py takes it")
    add("--output", type=Path, default=RESULTS, metavar="FILE.md")
    options = parser.parse_args(arguments)
    if min(*options.batch_sizes, *options.n_hidden, options.repeats) < 1 or not options.epochs > 0:
        parser.error("all numbers must be positive")
    if any(size % 2 for size in options.batch_sizes):
        parser.error("--batch-sizes must be even: two processes share them")
    return options


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        _work(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
