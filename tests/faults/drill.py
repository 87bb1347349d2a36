"""The fault drill: real runs, killed, starved of disk and memory, raced against each other.

``python -m tests.faults.drill --size hour --seed 7`` prints what was tried, what of it was
survived, and what was lost. Survived means: no traceback, the newest checkpoint is at least as far
as before, and the run, resumed until its end, leaves the very bits of one that nothing happened to.
There are three sizes: a minute, ten minutes, an hour, roughly, on two cores that have nothing else
to do. Beside the runs, bad inputs are tried (`tests.faults.bad_inputs`).

At its end the drill shows that it can fail: a run whose checkpoint was spoilt has to be counted as
lost.
"""

import argparse
import importlib.util
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deeptutorial.datasets import DatasetError, read_dataset
from tests.faults import disks, folders, kills, places
from tests.faults.programs import PROGRAMS, run_program
from tests.faults.scripts import (
    ROOT,
    Script,
    mnist_dA,
    small_dA,
    small_SdA,
    started,
    wide_dA,
    write_small_data,
    write_wide_data,
)
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed

AT_ONCE = 25
"""SIGKILLs of one run after the other; others may go on beside it."""

FEW = (folders.foreign_files, folders.modes, folders.race)
"""Faults for which a minute has time."""

FAULTS = (
    *(folders.foreign_files, folders.save_beside, folders.links, folders.pipes, folders.modes),
    *(folders.encode_into_odd_places, folders.remove_lock, folders.remove_folder),
    *(folders.race, folders.take_over),
    *(disks.no_room_at_the_start, disks.fill_up_by_a_limit, disks.fill_up, disks.forbid_writing),
    *(disks.little_memory, places.closed_streams, places.foreign_names, places.no_home),
    *(places.other_backend,),
)
"""What can happen to a training of a few seconds."""


@dataclass(frozen=True)
class Size:
    """How much is tried.

    Attributes
    ----------
    kills : mapping from (script, backend) to the number of SIGKILLs
    signals : int
        SIGTERM and SIGINT in training, each so often, for each script and backend.
    at_any_time : int
        The same at any time.
    faults : tuple of functions
    times : int
        How often each of them, and each program.
    examples : int
        Bad inputs of each kind, about.
    graphs : int
        Random training functions, compared with and without the rewrites.
    """

    kills: dict[tuple[str, str], int]
    signals: int
    at_any_time: int
    faults: tuple[Callable, ...]
    times: int
    examples: int
    graphs: int
    with_programs: bool = True
    with_mnist: bool = False


SIZES = {
    "minute": Size(
        {("dA", "numba"): 6, ("SdA", "numba"): 4}, 1, 0, FEW, 1, 20, 10, with_programs=False
    ),
    "ten-minutes": Size(
        {
            **{("dA", "numba"): 50, ("SdA", "numba"): 30, ("dA", "jax"): 15, ("SdA", "jax"): 10},
            **{("dA", "c"): 8, ("dA", "pytorch"): 8},
        },
        *(1, 4, FAULTS, 1, 300, 100),
    ),
    "hour": Size(
        {
            **{("dA", "numba"): 350, ("SdA", "numba"): 250},
            **{("dA", "jax"): 250, ("SdA", "jax"): 150},
            **{("dA", "c"): 60, ("SdA", "c"): 40, ("dA", "pytorch"): 60, ("SdA", "pytorch"): 40},
        },
        *(3, 25, FAULTS, 3, 4000, 1000),
        with_mnist=True,
    ),
}

Task = Callable[[Tally], None]


def is_there(backend: str) -> bool:
    """Tell whether an engine can be tried on this machine."""
    if backend == "c":
        return shutil.which("g++") is not None
    module = {"numba": "numba", "jax": "jax", "pytorch": "torch"}[backend]
    return importlib.util.find_spec(module) is not None


class Drill:
    """All that is to be done, as tasks that can be done side by side."""

    def __init__(self, size: Size, seed: int, folder: Path):
        self.size, self.seed, self.folder = size, seed, folder
        data = write_small_data(folder / "small.npz")
        self.scripts = {"dA": small_dA(data, 10), "SdA": small_SdA(data, 4)}
        self._undisturbed: dict[Script, Undisturbed] = {}
        self._n_folders = 0

    def undisturbed(self, script: Script) -> Undisturbed:
        if script not in self._undisturbed:
            self._undisturbed[script] = Undisturbed(script, self.new_folder())
        return self._undisturbed[script]

    def new_folder(self) -> Path:
        self._n_folders += 1
        return self.folder / f"{self._n_folders}"

    def rng(self, *what: object) -> random.Random:
        """Return random numbers for one task, the same whatever is done beside it."""
        return random.Random(f"{self.seed} {what}")

    def tasks(self) -> Iterator[Task]:
        """Yield what to do; the undisturbed runs are made meanwhile, one by one."""
        for (name, backend), n_kills in self.size.kills.items():
            if is_there(backend):
                undisturbed = self.undisturbed(self.scripts[name].on(backend))
                yield from self.tasks_of_kills(undisturbed, n_kills)
                yield from self.tasks_of_signals(undisturbed)
        dA = self.undisturbed(self.scripts["dA"])
        for fault in self.size.faults:
            for _ in range(self.size.times):
                yield _task(fault, dA, self.new_folder())
        if self.size.with_programs:
            yield from self.tasks_of_programs()
            if len(os.sched_getaffinity(0)) > 1:
                wide = self.undisturbed(wide_dA(write_wide_data(self.folder / "wide.npz"), 2))
                yield _task(places.other_threads, wide, self.new_folder())
        if self.size.with_mnist:
            yield from self.tasks_on_mnist()

    def tasks_of_kills(self, undisturbed: Undisturbed, n_kills: int) -> Iterator[Task]:
        for start in range(0, n_kills, AT_ONCE):
            rng = self.rng("kills", undisturbed.script.label, start)
            n = min(AT_ONCE, n_kills - start)
            yield _task(kills.kill, undisturbed, self.new_folder(), n, rng)

    def tasks_of_signals(self, undisturbed: Undisturbed) -> Iterator[Task]:
        rng = self.rng("signals", undisturbed.script.label)
        for number in (signal.SIGTERM, signal.SIGINT):
            for _ in range(self.size.signals):
                yield _task(
                    kills.end_by_signal, undisturbed, self.new_folder(), number, rng.randint(1, 12)
                )
            for _ in range(self.size.at_any_time):
                own = random.Random(rng.random())
                yield _task(kills.end_at_any_time, undisturbed, self.new_folder(), number, own)
            if self.size.with_mnist:
                own, folder = random.Random(rng.random()), self.new_folder()
                yield _task(_end_with_empty_caches, undisturbed, folder, number, own)
        yield _task(kills.interrupt_twice, undisturbed, self.new_folder())

    def tasks_of_programs(self) -> Iterator[Task]:
        for name in PROGRAMS:
            if is_there(next((b for b in ("jax", "pytorch") if b in name), "numba")):
                for k in range(self.size.times):
                    seed = self.rng(name, k).randrange(1 << 31)
                    yield _task(run_program, name, self.new_folder(), seed)

    def tasks_on_mnist(self) -> Iterator[Task]:
        """Yield three kills each, of the tutorial's training with one thread and with two."""
        try:
            read_dataset("mnist")
        except DatasetError:
            return
        for backend in filter(is_there, ("numba", "jax")):
            for n_threads in (1, 2):
                undisturbed = self.undisturbed(mnist_dA(backend, n_threads, 3))
                rng = self.rng("mnist", backend, n_threads)
                yield _task(kills.kill, undisturbed, self.new_folder(), 3, rng)


def _end_with_empty_caches(*arguments) -> None:
    kills.end_at_any_time(*arguments, is_cold=True)


def _task(fault: Callable, *arguments: object) -> Task:
    return lambda tally: fault(*arguments, tally)


def perform(tasks: Iterator[Task], at_once: int, tally: Tally) -> None:
    """Perform tasks side by side; what goes wrong with one counts as lost."""

    def attempt(task: Task):
        try:
            task(tally)
        except Exception:
            tally.add("a fault that could not be tried", traceback.format_exc()[-1500:])

    with ThreadPoolExecutor(at_once) as pool:
        for task in tasks:
            pool.submit(attempt, task)


def can_fail(drill: Drill) -> bool:
    """Tell whether a run with a checkpoint that was spoilt is counted as lost."""
    tally = Tally(show=lambda *_, **__: None)
    kills.spoil(drill.undisturbed(drill.scripts["dA"]), drill.new_folder(), tally)
    return list(tally.rows.values()) == [[0, 1]] and "other bits" in tally.losses[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="ten-minutes")
    parser.add_argument("--seed", type=int, default=None, help="of all that is left to chance")
    parser.add_argument("--at-once", type=int, default=2, help="runs (default: %(default)s)")
    arguments = parser.parse_args()
    # A shell has what it starts in the background ignore Ctrl-C, and so would what we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    head = f"fault drill, --size {arguments.size} --seed {seed}"
    print(head, flush=True)
    start = time.monotonic()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="deeptutorial-drill-") as name:
        left_behind = Path(name, "temporary")  # by processes that are killed
        left_behind.mkdir()
        os.environ["TMPDIR"] = str(left_behind)
        drill = Drill(SIZES[arguments.size], seed, Path(name))
        beside = [started([sys.executable, "-m", *words], ROOT) for words in others(drill)]
        perform(drill.tasks(), arguments.at_once, tally)
        fails_when_it_should = can_fail(drill)
        said = ["\n".join(process.communicate()) for process in beside]
    print(f"\n\n{head}\n{tally.table()}")
    print(f"a run whose checkpoint was spoilt is counted as lost: {fails_when_it_should}")
    print("", *said, sep="\n\n")
    print(f"{(time.monotonic() - start) / 60:.1f} minutes")
    is_good = fails_when_it_should and not any(process.returncode for process in beside)
    return 1 if tally.losses or not is_good else 0


def others(drill: Drill) -> Iterator[list[str]]:
    """Yield the drills that need no runs, as modules with their options."""
    seed = ("--seed", str(drill.seed))
    yield ["tests.faults.bad_inputs", "--examples", str(drill.size.examples), *seed]
    yield ["tests.compile.random_graphs", "--count", str(drill.size.graphs), *seed]


if __name__ == "__main__":
    sys.exit(main())
