"""Starting the workers, letting them take turns, and gathering what they answer."""

import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.peers import ALL_PEERS
from benchmarks.setting import Setting

__all__ = [
    "Measurement",
    "Worker",
    "WorkerError",
    "check_costs",
    "environment",
    "load_training_set",
    "measure",
    "training_file",
]

PAUSE = 0.3
"""Seconds between turns: the threads of the last one may spin for a while before they sleep."""


@dataclass
class Measurement:
    """What was found out about one implementation in one setting.

    Attributes
    ----------
    name : str
        A key of `ALL_PEERS`.
    epochs : list of float
        Seconds an epoch, one for each timed stretch.
    first_start, later_start : float, optional
        Seconds from starting the process to the end of its first minibatch, with empty compile
        caches and with those that the first start has left.
    peak_memory : int, optional
        Bytes.
    device_memory : int, optional
        Bytes of a GPU's memory, at most.
    cost : float, optional
        Mean over the minibatches of the first stretch; None where no cost is calculated.
    idle_cpu : float
        Seconds of CPU used while it was the others' turn.
    libraries : list of str
        Thread pools in its process.
    error : str
        Why there is no result; empty if there is one.
    """

    name: str
    epochs: list[float] = field(default_factory=list)
    first_start: float | None = None
    later_start: float | None = None
    peak_memory: int | None = None
    device_memory: int | None = None
    cost: float | None = None
    idle_cpu: float = 0.0
    libraries: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def label(self) -> str:
        return ALL_PEERS[self.name].label

    @property
    def median(self) -> float | None:
        """Median of the seconds an epoch; None if there is no valid result."""
        return statistics.median(self.epochs) if self.epochs and not self.error else None


class WorkerError(RuntimeError):
    """A worker has died."""


class Worker:
    """A process that runs one implementation; a context manager that ends it.

    Parameters
    ----------
    name : str
        A key of `ALL_PEERS`.
    train_x : path
        A ``.npy`` file.
    setting : Setting
    caches : path
        Folder for everything that is compiled.

    Attributes
    ----------
    start_seconds : float
        From starting the process to the end of its first minibatch.
    """

    def __init__(self, name: str, train_x: Path, setting: Setting, caches: Path):
        request = {
            "peer": name,
            "train_x": str(train_x),
            "setting": dataclasses.asdict(setting),
        }
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(request)],
            cwd=Path(__file__).parents[1],
            env=environment(setting, caches),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            encoding="utf-8",
        )
        try:
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        self.start_seconds = time.perf_counter() - start

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command and wait for the answer."""
        with suppress(BrokenPipeError):  # where it has died, the missing answer says so
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._stderr.seek(0)
            lines = self._stderr.read().strip().splitlines()
            raise WorkerError(lines[-1] if lines else f"ended with status {status}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.close()


def environment(setting: Setting, caches: Path) -> dict[str, str]:
    """Return a worker's environment: its share of the CPUs, and where compiled code is kept."""
    environment = dict(os.environ)
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    for variable in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ):
        environment[variable] = str(setting.threads)
    flags = [environment.get("PYTENSOR_FLAGS"), f"base_compiledir={caches / 'pytensor'}"]
    environment |= {
        "PYTENSOR_FLAGS": ",".join(filter(None, flags)),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
        "XDG_CACHE_HOME": str(caches / "user"),
    }
    # JAX would take three quarters of a GPU's memory at once, and round what it multiplies.
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    environment.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "float32")
    if setting.device == "cpu":
        environment |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return environment


def load_training_set(dataset: str) -> np.ndarray:
    """Read the training images, float32, one a row."""
    from deeptutorial.datasets import read_dataset

    return np.ascontiguousarray(read_dataset(dataset).train[0], dtype=np.float32)


@contextmanager
def training_file(train_x: np.ndarray) -> Iterator[Path]:
    """Write a training set where the workers read it."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        path = Path(folder, "train_x.npy")
        np.save(path, train_x)
        yield path


def measure(
    names: Sequence[str],
    train_x: Path,
    setting: Setting,
    repeats: int,
    caches: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Measurement]:
    """Run implementations on the same work, taking turns.

    Each is started and trains a stretch to warm up. Then they train stretch after stretch in turns,
    so that whatever else the machine does meets all of them.

    Parameters
    ----------
    names : sequence of str
        Keys of `ALL_PEERS`.
    train_x : path
        A ``.npy`` file.
    setting : Setting
    repeats : int
        Timed stretches of each.
    caches : path, optional
        Folder of what has been compiled so far. None begins with an empty one, and starts each
        implementation twice, for `Measurement.first_start`.
    tell : callable
        Takes a line that says how far it has come.
    """
    measurements = {name: Measurement(name) for name in names}
    workers: dict[str, Worker] = {}
    with ExitStack() as stack:
        first_start = caches is None
        if caches is None:
            caches = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))

        def attempt(name: str, action: Callable[[], Any]) -> Any:
            try:
                return action()
            except WorkerError as error:
                measurements[name].error = str(error)
                workers.pop(name, None)
                tell(f"{setting}: {ALL_PEERS[name].label}: error: {error}")

        def start(name: str) -> None:
            found = measurements[name]
            if first_start:
                with Worker(name, train_x, setting, caches / name) as worker:
                    found.first_start = worker.start_seconds
            worker = stack.enter_context(Worker(name, train_x, setting, caches / name))
            found.later_start = worker.start_seconds
            found.cost = worker.ask("go")["cost"]
            workers[name] = worker
            tell(f"{setting}: {found.label} has started")

        def take_turn(name: str) -> None:
            answer = workers[name].ask("go")
            measurements[name].epochs.append(answer["seconds_per_epoch"])
            measurements[name].idle_cpu += answer["idle_cpu_seconds"]
            time.sleep(PAUSE)

        def report(name: str) -> None:
            answer = workers[name].ask("report")
            measurements[name].peak_memory = answer["peak_memory"]
            measurements[name].device_memory = answer["device_memory"]
            measurements[name].libraries = answer["libraries"]

        for name in names:
            attempt(name, lambda name=name: start(name))
        for repeat in range(repeats):
            tell(f"{setting}: round {repeat + 1} of {repeats}")
            for name in list(workers):
                attempt(name, lambda name=name: take_turn(name))
        for name in list(workers):
            attempt(name, lambda name=name: report(name))

    check_costs(list(measurements.values()), setting.corruption_level)
    return list(measurements.values())


def check_costs(measurements: Sequence[Measurement], corruption_level: float) -> None:
    """Mark as an error what does not learn the same as the others.

    The mean cost of the first stretch may differ from the median of all implementations by 0.1 %,
    and by 1 % where there is noise, since each draws its own.
    """
    checked = [found for found in measurements if found.cost is not None and not found.error]
    finite = [found.cost for found in checked if math.isfinite(found.cost)]
    expected = statistics.median(finite) if finite else math.nan
    tolerance = 1e-3 if corruption_level == 0 else 1e-2
    for found in checked:
        if not abs(found.cost - expected) <= tolerance * abs(expected):
            found.error = f"the costs disagree: {found.cost:.4f} instead of {expected:.4f}"
