"""Seconds an epoch of the stacked network: ``python -m benchmarks.stack``; ``--help`` has options.

Each layer's pre-training and the fine-tuning, at the setting of ``SdA.py``, three layers of 1000
units, over a part of an epoch and scaled to the whole.
"""

import argparse
import itertools
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pytensor

from benchmarks import machine
from benchmarks.report import markdown_table, seconds
from benchmarks.setting import usable_cpus
from deeptutorial import SdA, load_data
from deeptutorial.datasets import count_classes, count_minibatches

__all__ = ["main", "products_of_an_epoch", "seconds_an_epoch"]

RESULTS = Path(__file__).with_name("STACK.md")

HIDDEN_LAYERS_SIZES = (1000, 1000, 1000)
CORRUPTION_LEVELS = (0.1, 0.2, 0.3)
PRODUCT_SIZE = 2048
TUTORIAL_SECONDS = {"pre-training": 13 * 60, "fine-tuning": 12.3 * 60}
"""An epoch at a batch size of 1, as the tutorial tells: a layer on average, and the network."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, and write a table."""
    options = _parse(arguments)
    pytensor.config.floatX = "float32"
    command = shlex.join(["python", "-m", "benchmarks.stack", *(arguments or sys.argv[1:])])
    about = machine.describe(command, usable_cpus())
    datasets = load_data(options.dataset)

    found = {
        batch_size: measure(datasets, batch_size, options.part, options.repeats)
        for batch_size in options.batch_sizes
    }
    phases = list(next(iter(found.values())))
    rows = [
        (phase, *(_with_range(found[batch_size][phase]) for batch_size in found), _tutorial(phase))
        for phase in phases
    ]
    header = ("", *(f"batch {batch_size}" for batch_size in found), "the tutorial's, batch 1")
    lines = ["# An epoch of the stack", "", *(f"- {line}" for line in about), ""]
    lines += [
        f"Seconds an epoch, three layers of 1000 units; medians of {options.repeats} stretches, "
        f"each {options.part:g} of an epoch, and in parentheses the fastest and the slowest.",
        "",
        markdown_table(header, rows),
        "",
        _limit(datasets),
        "",
    ]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 0


def measure(datasets: list, batch_size: int, part: float, repeats: int) -> dict[str, list]:
    """Return the seconds an epoch of each phase of training, as each stretch tells them."""
    train_set_x = datasets[0][0]
    n_batches = count_minibatches(train_set_x, batch_size)
    network = SdA(
        np.random.RandomState(89677),
        n_ins=train_set_x.get_value(borrow=True).shape[1],
        hidden_layers_sizes=HIDDEN_LAYERS_SIZES,
        n_outs=count_classes(datasets),
        corruption_levels=CORRUPTION_LEVELS,
    )
    pretraining_fns = network.pretraining_functions(train_set_x, batch_size, encode_once=True)
    phases: dict[str, Callable[[int], object]] = {}
    for i, pretrain in enumerate(pretraining_fns):
        level = CORRUPTION_LEVELS[i]
        phases[f"pre-training, layer {i}"] = lambda j, f=pretrain, c=level: f(j, c, 0.001)
    phases["fine-tuning"] = network.build_finetune_functions(datasets, batch_size, 0.1)[0]
    return {
        phase: seconds_an_epoch(step, n_batches, part, repeats) for phase, step in phases.items()
    }


def seconds_an_epoch(
    step: Callable[[int], object], n_batches: int, part: float, repeats: int
) -> list[float]:
    """Time stretches of an epoch, after a short one that does not count, and scale them."""
    n_timed = max(1, round(part * n_batches))
    for index in range(min(n_timed, 20)):
        step(index)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for index in range(n_timed):
            step(index)
        times.append((time.perf_counter() - start) * n_batches / n_timed)
    return times


def products_of_an_epoch(n_examples: int, sizes: Sequence[int]) -> int:
    """Return the floating-point operations of the matrix products in an epoch of fine-tuning.

    Each matrix of weights is multiplied for the code, for its own gradient, and, but for the
    lowest, for the gradient of the layer below.

    Parameters
    ----------
    n_examples : int
    sizes : sequence of int
        Of an example, of the layers, and of the output.
    """
    weights = [n_in * n_out for n_in, n_out in itertools.pairwise(sizes)]
    return 2 * n_examples * (3 * sum(weights) - weights[0])


def _limit(datasets: list) -> str:
    n_examples, n_ins = datasets[0][0].get_value(borrow=True).shape
    sizes = (n_ins, *HIDDEN_LAYERS_SIZES, count_classes(datasets))
    operations = products_of_an_epoch(n_examples, sizes)
    rate = product_rate()
    return (
        f"The products of an epoch of fine-tuning are {operations / 1e9:.0f} GFLOP: "
        f"{seconds(operations / rate)} s at the {rate / 1e9:.0f} GFLOP/s of NumPy, for two "
        f"matrices of {PRODUCT_SIZE} by {PRODUCT_SIZE} in float32."
    )


def product_rate() -> float:
    """Return floating-point operations a second of the fastest of a few large products."""
    a = np.random.default_rng(0).random((PRODUCT_SIZE, PRODUCT_SIZE), dtype="float32")
    times = []
    for _ in range(7):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * PRODUCT_SIZE**3 / min(times)


def _with_range(times: list[float]) -> str:
    return f"{seconds(median(times))} ({seconds(min(times))}–{seconds(max(times))})"


def _tutorial(phase: str) -> str:
    return seconds(TUTORIAL_SECONDS[phase.partition(",")[0]])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stack",
        description="Measure an epoch of each layer's pre-training and of the fine-tuning.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--batch-sizes", type=int, nargs="+", default=[1, 20], metavar="N")
    add("--part", type=float, default=0.1, metavar="PART", help="of an epoch that is timed at once")
    add("--repeats", type=int, default=3, metavar="N", help="timed stretches of each")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as SdA.py takes it")
    add("--output", type=Path, default=RESULTS, metavar="FILE.md")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or not 0 < options.part <= 1 or min(options.batch_sizes) < 1:
        parser.error("--repeats and --batch-sizes must be at least 1, and --part in (0, 1]")
    return options


if __name__ == "__main__":
    sys.exit(main())
