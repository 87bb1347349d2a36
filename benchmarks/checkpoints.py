"""What checkpoints cost: ``python -m benchmarks.checkpoints``; ``--help`` has options.

Epochs of `dA.py` at the tutorial's setting (minibatches of 20, 500 hidden units, 30 % masking),
each beside a checkpoint that is being written, alternating with epochs that have none.
"""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pytensor
import pytensor.tensor as pt

from benchmarks import machine
from benchmarks.setting import usable_cpus
from deeptutorial import RandomStreams, dA, load_data
from deeptutorial.datasets import count_minibatches
from deeptutorial.training import Run, mean_cost, minibatches

__all__ = ["epochs", "main"]

RESULTS = Path(__file__).with_name("CHECKPOINTS.md")
BATCH_SIZE = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, and write a short page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints")
    parser.add_argument("--epochs", type=int, default=40, help="pairs (default: %(default)s)")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    pytensor.config.floatX = "float32"
    command = shlex.join(["python", "-m", "benchmarks.checkpoints", *(arguments or sys.argv[1:])])
    about = machine.describe(command, usable_cpus())
    with tempfile.TemporaryDirectory(dir=".") as folder:
        pairs = list(epochs(load_data(options.dataset), Path(folder), options.epochs))
    with_, without, calls = (median(column) for column in zip(*pairs, strict=True))
    added = median(a - b for a, b, _ in pairs)
    lines = [
        *("# Checkpoints", "", *(f"- {line}" for line in about), ""),
        f"{len(pairs)} pairs of epochs, medians: {with_:.3f} s with a checkpoint, {without:.3f} s "
        f"without; within a pair {1000 * added:+.1f} ms, {added / without:+.1%} of an epoch. The "
        f"training itself waited {1000 * calls:.2f} ms for it, {calls / without:.1%}.",
        "",
    ]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 0


def epochs(
    datasets: list, folder: Path, n_pairs: int, n_hidden: int = 500
) -> Iterator[tuple[float, float, float]]:
    """Yield seconds of an epoch with a checkpoint and of one without, and of the call for it."""
    train_set_x = datasets[0][0]
    n_visible = train_set_x.get_value(borrow=True).shape[1]
    index, x = pt.lscalar("index"), pt.matrix("x")
    rng = np.random.RandomState(123)
    da = dA(
        numpy_rng=rng,
        theano_rng=RandomStreams(rng.randint(2**30)),
        input=x,
        n_visible=n_visible,
        n_hidden=n_hidden,
    )
    cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
    batch = train_set_x[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
    train_da = pytensor.function([index], cost, updates=updates, givens={x: batch})

    run = Run(datasets, folder, checkpoint_every=1e9)
    training = run.stage("training", da, train_da, 0.1)

    n_batches = count_minibatches(train_set_x, BATCH_SIZE)
    counter = training.epochs(n_pairs + 2)

    def with_checkpoint() -> tuple[float, float]:
        start = time.perf_counter()
        _, c = next(counter)  # has a checkpoint of the epoch before begun
        waited = time.perf_counter() - start
        for batch_index in training.minibatches(n_batches):
            c.append(train_da(batch_index))
        run.wait_for_checkpoint()
        return time.perf_counter() - start, waited

    def without() -> float:
        start = time.perf_counter()
        c = []
        for batch_index in minibatches(n_batches, 0):
            c.append(train_da(batch_index))
        mean_cost(c, 0.1)
        return time.perf_counter() - start

    with_checkpoint()  # warms up; its own checkpoint is the next one's
    for k in range(n_pairs):
        plain = without() if k % 2 else None
        seconds, waited = with_checkpoint()
        yield seconds, plain or without(), waited
    run.finish()


if __name__ == "__main__":
    sys.exit(main())
