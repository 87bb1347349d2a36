"""What a first run waits for: ``python -m benchmarks.first_run``; ``--help`` lists the options.

Seconds from the start of a process to the end of a minibatch, for the first one of each phase of
``dA.py`` and of ``SdA.py --recipe fast``, with empty compile caches and with those that this left:
imports, reading the data set and compiling, and between the phases no training.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pytensor

from benchmarks import machine
from benchmarks.measure import environment
from benchmarks.report import markdown_table, seconds
from benchmarks.setting import Setting, usable_cpus
from benchmarks.stack import HIDDEN_LAYERS_SIZES
from deeptutorial import RandomStreams, SdA, dA, load_data
from deeptutorial.compile.backends.numba.kernels.ahead import compile_ahead
from deeptutorial.datasets import count_classes

__all__ = ["main", "phases"]

RESULTS = Path(__file__).with_name("FIRST_RUN.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, start the processes, and write a table."""
    options = _parse(arguments)
    if options.phases_of is not None:
        for phase in phases(options.phases_of, options.dataset):
            print(json.dumps([phase, time.monotonic() - options.since]), flush=True)
        return 0
    command = shlex.join(["python", "-m", "benchmarks.first_run", *(arguments or sys.argv[1:])])
    lines = ["# What a first run waits for", ""]
    lines += [f"- {line}" for line in machine.describe(command, usable_cpus())]
    lines += ["", f"Seconds from the start of a process; medians of {options.repeats} runs.", ""]
    rows = [row for model in ("dA", "SdA") for row in _rows(model, options)]
    header = ("to the end of", "empty caches", "filled caches", "between them")
    lines += [markdown_table(header, rows), ""]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 0


def phases(model: str, dataset: str) -> Iterator[str]:
    """Go through the phases of a run, one minibatch each; yield what each is called."""
    pytensor.config.floatX = "float32"
    kernels = {"dA": ["denoising_step"], "SdA": ["denoising_step", "fused_products"]}
    compile_ahead(kernels[model], "float32")  # as the scripts do
    datasets = load_data(dataset)
    train_set_x = datasets[0][0]
    n_ins = train_set_x.get_value(borrow=True).shape[1]
    yield f"{model}, the data are read"
    if model == "dA":
        index, x = pytensor.tensor.lscalar(), pytensor.tensor.matrix("x")
        rng = np.random.RandomState(123)
        da = dA(rng, RandomStreams(rng.randint(2**30)), x, n_visible=n_ins, n_hidden=500)
        cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
        rows = train_set_x[index * 20 : (index + 1) * 20]
        pytensor.function([index], cost, updates=updates, givens={x: rows})(0)
        yield "dA, its first minibatch"
        return
    sda = SdA(
        np.random.RandomState(89677),
        n_ins=n_ins,
        hidden_layers_sizes=HIDDEN_LAYERS_SIZES,
        n_outs=count_classes(datasets),
    )
    for layer, pretrain in enumerate(sda.pretraining_functions(train_set_x, 20)):
        pretrain(index=0, corruption=0.2, lr=0.1)
        yield f"SdA, the first minibatch of layer {layer}"
    train, valid, _ = sda.build_finetune_functions(
        datasets, 20, pytensor.shared(np.float32(0.1)), corruption_level=0.2, dropout=0.3
    )
    train(0)
    yield "SdA, the first minibatch of fine-tuning"
    valid()
    yield "SdA, the first validation"


def _rows(model: str, options: argparse.Namespace) -> list[tuple[str, ...]]:
    times: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as caches:
            for is_filled in (False, True):
                for phase, found in _one_run(model, options.dataset, Path(caches)):
                    times.setdefault(phase, ([], []))[is_filled].append(found)
    medians = {phase: [median(found) for found in both] for phase, both in times.items()}
    return [
        (phase, seconds(empty), seconds(filled), seconds(empty - filled))
        for phase, (empty, filled) in medians.items()
    ]


def _one_run(model: str, dataset: str, caches: Path) -> list[tuple[str, float]]:
    since = time.monotonic()
    run = [sys.executable, "-m", "benchmarks.first_run", "--dataset", dataset]
    done = subprocess.run(
        [*run, "--phases-of", model, "--since", repr(since)],
        env=environment(Setting(threads=usable_cpus()), caches),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.first_run",
        description="Measure how long a first run and a later one take to their first minibatches.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--repeats", type=int, default=3, metavar="N", help="runs with caches of their own")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as SdA.py takes it")
    add("--output", type=Path, default=RESULTS, metavar="FILE.md")
    add("--phases-of", choices=["dA", "SdA"], default=None, help=argparse.SUPPRESS)
    add("--since", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
