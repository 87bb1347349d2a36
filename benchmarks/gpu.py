"""The backends beside their peers: ``python -m benchmarks.gpu``.

It finds out whether there is a GPU or only a CPU, measures in one run, and writes a table;
``--help`` lists the options.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.measure import Measurement, load_training_set, measure, training_file
from benchmarks.peers import ALL_PEERS, missing_packages
from benchmarks.report import markdown_table, seconds
from benchmarks.setting import Setting, usable_cpus

__all__ = ["gpu_name", "main"]

HERE = Path(__file__).parent
RESULTS = {"cpu": HERE / "BACKENDS.md", "cuda": HERE / "GPU.md"}

BESIDE = {
    "cpu": (
        "deeptutorial",
        "deeptutorial_c",
        "deeptutorial_jax",
        "deeptutorial_pytorch",
        "jax_scan",
        "pytorch_eager",
    ),
    "cuda": (
        "deeptutorial_jax",
        "deeptutorial_pytorch",
        "jax_scan",
        "pytorch_eager",
        "pytorch_graph",
    ),
}
"""What is measured on each kind of device."""

REFERENCE = "jax_scan"
"""What the others are compared with: the same model written in JAX by hand."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, measure, print and write."""
    gpu = gpu_name()
    device = "cuda" if gpu else "cpu"
    options = _parse(arguments, RESULTS[device])
    names = [name for name in BESIDE[device] if not missing_packages(name)]
    command = shlex.join(["python", "-m", "benchmarks.gpu", *(arguments or sys.argv[1:])])
    about = machine.describe(command, options.threads)
    about.append(f"GPU: {gpu}" if gpu else "GPU: none; all of it ran on the CPU")
    sizes = [(n, h) for h in options.n_hidden for n in options.batch_sizes]
    settings = [
        Setting(n, h, threads=options.threads, epochs=options.epochs, device=device)
        for n, h in sizes
    ]

    results = []
    train_x = load_training_set(options.dataset)
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as caches,
        training_file(train_x) as path,
    ):
        for setting in settings:
            found = measure(names, path, setting, options.repeats, Path(caches), tell=_tell)
            results.append(found)
    page = _page(about, options, settings, results)
    options.output.write_text(page, encoding="utf-8")
    print(page)
    return int(any(measurement.error for found in results for measurement in found))


def gpu_name() -> str:
    """Return what NVIDIA's driver calls the first GPU; an empty text if there is none."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return next(iter(listed.splitlines()), "")


def _page(
    about: Sequence[str],
    options: argparse.Namespace,
    settings: Sequence[Setting],
    results: Sequence[Sequence[Measurement]],
) -> str:
    columns = [f"batch {s.batch_size}, {s.n_hidden} hidden" for s in settings]
    by_name = {name: [] for name in (found.name for found in results[0])}
    for found in results:
        for measurement in found:
            by_name[measurement.name].append(measurement)
    references = [found.median for found in by_name.get(REFERENCE, [])]
    lines = ["# The backends", "", *(f"- {line}" for line in about), ""]
    lines += [
        f"Seconds an epoch, 30 % masking, float32; medians of {options.repeats} stretches, each "
        f"{options.epochs:g} of an epoch, the implementations taking turns.",
        "",
        _table(columns, by_name, lambda found, i: seconds(found.median)),
        "",
        "The same over JAX by hand (`lax.scan`):",
        "",
        _table(columns, by_name, lambda found, i: _ratio(found.median, references, i)),
        "",
        "Seconds from starting the process to the end of the first minibatch, compile caches full "
        "where there are any:",
        "",
        _table(columns, by_name, lambda found, i: seconds(found.later_start)),
        "",
    ]
    if settings[0].device != "cpu":
        lines += [
            "Memory of the device, MiB:",
            "",
            _table(columns, by_name, lambda found, i: _mebibytes(found.device_memory)),
            "",
        ]
    errors = [
        f"- {measurement.label}, {setting}: {measurement.error}"
        for setting, found in zip(settings, results, strict=True)
        for measurement in found
        if measurement.error
    ]
    return "\n".join(lines + errors)


def _table(columns, by_name, cell) -> str:
    rows = [
        (ALL_PEERS[name].label, *(cell(found, i) for i, found in enumerate(measurements)))
        for name, measurements in by_name.items()
    ]
    return markdown_table(("implementation", *columns), rows)


def _ratio(median: float | None, references: Sequence[float | None], i: int) -> str:
    if median is None or not references or references[i] is None:
        return "–"
    return f"{median / references[i]:.2f}"


def _mebibytes(n_bytes: int | None) -> str:
    return "–" if n_bytes is None else f"{n_bytes / 2**20:.0f}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None, results: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Measure this project's backends beside JAX and PyTorch, on an NVIDIA GPU if "
        "there is one, and otherwise on the CPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--batch-sizes", type=int, nargs="+", default=[20, 128, 600], metavar="N")
    add("--n-hidden", type=int, nargs="+", default=[500, 2000], metavar="N")
    add("--epochs", type=float, default=0.2, metavar="PART", help="length of a timed stretch")
    add("--repeats", type=int, default=5, metavar="N", help="timed stretches of each")
    add("--threads", type=int, default=usable_cpus(), metavar="N", help="threads and CPUs of each")
    add("--dataset", default="auto", metavar="NAME|PATH", help="as dA.py takes it")
    add("--output", type=Path, default=results, metavar="FILE.md")
    options = parser.parse_args(arguments)
    if (
        min(*options.batch_sizes, *options.n_hidden, options.repeats, options.threads) < 1
        or not options.epochs > 0
    ):
        parser.error("all numbers must be positive")
    return options


if __name__ == "__main__":
    sys.exit(main())
