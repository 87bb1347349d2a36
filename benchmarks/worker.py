"""One implementation in a process of its own: ``python -m benchmarks.worker JSON``.

The argument names the implementation (``peer``), a ``.npy`` file with the training set
(``train_x``) and the `Setting` (``setting``). The worker trains the first minibatch and answers,
then waits for commands, a line each, and answers with a line of JSON each:

- ``go``: train the next stretch, and say how long an epoch would take at that speed;
- ``report``: say what the process has used.

It ends with its standard input. While it waits, it sleeps, so that workers can take turns.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["main", "peak_memory"]


def main(request: dict[str, Any], commands: Iterator[str], answers: TextIO) -> None:
    """Serve until `commands` ends.

    Parameters
    ----------
    request : dict
        ``peer``, ``train_x`` and ``setting``, see above.
    commands : iterator of str
    answers : text file
    """
    from benchmarks.setting import Setting

    setting = Setting(**request["setting"])
    restrict_cpus(setting.threads)

    # What loads OpenMP or a BLAS comes after the CPUs are known.
    import numpy as np

    prepare = importlib.import_module(f"benchmarks.peers.{request['peer']}").prepare
    train_x = np.load(request["train_x"])
    train = prepare(train_x, setting.initial_parameters(train_x.shape[1]), setting)
    n_train_batches = len(train_x) // setting.batch_size
    count = setting.stretch(n_train_batches)

    def answer(**values: Any) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    train(0, 1)
    answer(event="first minibatch")

    first = 0
    idle_since = time.process_time()
    for command in commands:
        idle_cpu = time.process_time() - idle_since
        if command.strip() == "go":
            if first + count > n_train_batches:
                first = 0
            start = time.perf_counter()
            costs = train(first, count)
            seconds = time.perf_counter() - start
            first += count
            answer(
                seconds_per_epoch=seconds * n_train_batches / count,
                seconds=seconds,
                minibatches=count,
                cost=float(np.mean(costs, dtype="float64")) if len(costs) else None,
                idle_cpu_seconds=idle_cpu,
            )
        elif command.strip() == "report":
            answer(
                peak_memory=peak_memory(),
                device_memory=device_memory(),
                libraries=thread_pools(),
            )
        else:
            answer(error=f"no such command: {command.strip()}")
        idle_since = time.process_time()


def restrict_cpus(n_cpus: int) -> None:
    """Keep this process to `n_cpus` of its CPUs, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_cpus])


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has had in use, None if unknown."""
    try:  # `getrusage` would count the parent's memory at the time of the fork too
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_memory() -> int | None:
    """Return the most bytes of a GPU's memory that were in use, None where there is none."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if jax is not None and (used := jax.devices()[0].memory_stats()):
        return used["peak_bytes_in_use"]
    return None


def thread_pools() -> list[str]:
    """Describe the BLAS and OpenMP libraries in this process, as far as threadpoolctl is there."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return sorted(
        {
            f"{pool['internal_api']} {pool['version'] or ''}".strip()
            + f" ({pool['num_threads']} threads)"
            for pool in threadpool_info()
        }
    )


def _private_stdout() -> TextIO:
    """Return the standard output, and send there to standard error what libraries print."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    with _private_stdout() as answers:
        main(json.loads(sys.argv[1]), iter(sys.stdin.readline, ""), answers)
