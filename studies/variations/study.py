"""The study itself: fits what has no result yet, several at once, and keeps each result."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib

from studies.variations.machines import fit_machine
from studies.variations.networks import fit_network
from studies.variations.results import add, read
from studies.variations.search import METHODS, missing, planned_seconds, seconds
from studies.variations.sets import VariationSet, make_set, read_digits
from studies.variations.tables import described

__all__ = ["SEED", "fit", "run"]

SEED = 1


def fit(data: VariationSet, method: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    """Fit one setting; it runs in a process of its own. Errors become per cent."""
    start, cpu = time.perf_counter(), time.process_time()
    found = (fit_machine if method == "SVM" else fit_network)(data, setting)
    for error in ("validation_error", "test_error"):
        found[error] = round(100 * found[error], 4)
    return {
        "method": method,
        "setting": setting,
        **found,
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


class Clock:
    """How much is left to do, and how long that will take at the speed of this run so far."""

    def __init__(self, planned: float, n_jobs: int, hours: float):
        self.start = time.monotonic()
        self.ends = self.start + 3600 * hours
        self.planned = planned
        self.left = planned
        self.done = 0.0
        self.n_jobs = n_jobs

    def counts(self, setting: Mapping[str, Any], is_new: bool) -> None:
        """Take note of a fit that is there."""
        self.left = max(self.left - seconds(setting), 0)
        self.done += seconds(setting) * is_new

    def minutes_left(self) -> float:
        """Estimate how long the rest takes."""
        spent = time.monotonic() - self.start
        pace = spent / self.done if self.done else 1 / self.n_jobs
        return self.left * pace / 60

    def is_out(self) -> bool:
        """Tell whether the time that was given is over."""
        return time.monotonic() >= self.ends


def run(settings: argparse.Namespace, stages: Mapping[str, list], sizes: Sequence[int]):
    """Work out what is missing, set by set."""
    *digits, source = read_digits(settings.dataset)
    made = {"digits": source, "sizes": list(sizes), "seed": SEED}
    planned = len(settings.sets) * sum(planned_seconds(stages[method]) for method in METHODS)
    clock = Clock(planned, settings.jobs, settings.hours)
    for result in read(settings.results, made):
        if result["set"] in settings.sets:
            clock.counts(result["setting"], is_new=False)
    for name in settings.sets:
        data = None
        while not clock.is_out() and (wanted := _missing(settings.results, made, name, stages)):
            data = data or make_set(name, digits, sizes, SEED)
            for result in _fitted(settings, data, wanted, clock):
                add(settings.results, {"set": name, **result, "made": made})
                clock.counts(result["setting"], is_new=True)
                print(
                    f"{name}, {_in_words(result)}; {_time(clock.minutes_left())} left", flush=True
                )


def _missing(
    path: Path, made: dict, name: str, stages: Mapping[str, list]
) -> list[tuple[str, dict]]:
    """Return what can be fitted next for a set, of all methods, the longest first."""
    of_set = [result for result in read(path, made) if result["set"] == name]
    found = [
        (method, setting)
        for method in METHODS
        for setting in missing(stages[method], [r for r in of_set if r["method"] == method])
    ]
    return sorted(found, key=lambda item: -seconds(item[1]))


def _fitted(
    settings: argparse.Namespace, data: VariationSet, wanted: list, clock: Clock
) -> Iterator[dict]:
    """Fit several settings at once; yield each as it is there, and begin none when time is up."""
    tasks = (joblib.delayed(fit)(data, *item) for item in wanted if not clock.is_out())
    with _workers(settings, data):
        yield from joblib.Parallel(
            pre_dispatch=settings.jobs, batch_size=1, return_as="generator_unordered"
        )(tasks)


@contextmanager
def _workers(settings: argparse.Namespace, data: VariationSet) -> Iterator[None]:
    """Let joblib use processes of one thread each, or the workers of a Dask cluster."""
    if settings.scheduler is None:
        with joblib.parallel_config("loky", n_jobs=settings.jobs, inner_max_num_threads=1):
            yield
        return
    from distributed import Client

    with (
        Client(settings.scheduler),
        joblib.parallel_config("dask", n_jobs=settings.jobs, scatter=[data]),
    ):
        yield


def _in_words(result: Mapping[str, Any]) -> str:
    errors = f"validation {result['validation_error']:.2f} %, test {result['test_error']:.2f} %"
    return f"{result['method']}, {described(result['setting'])}: {errors} in {result['seconds']} s"


def _time(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
