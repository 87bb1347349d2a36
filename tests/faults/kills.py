"""Runs that are killed, and runs that are asked to end."""

import contextlib
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deeptutorial.archives import read_archive, write_archive
from tests.faults.scripts import OUTPUT, Script, newest_checkpoint, wait_for_training
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed, complaints, resume, told, whole_lines

__all__ = [
    "end_at_any_time",
    "end_by_signal",
    "halted_in_training",
    "interrupt_twice",
    "kill",
    "spoil",
]


def kill(undisturbed: Undisturbed, folder: Path, n_kills: int, rng: random.Random, tally: Tally):
    """Kill a run again and again, until it comes to its end; then another one."""
    script = undisturbed.script
    fault = f"SIGKILL, {script.label}"
    folder.mkdir(exist_ok=True)
    n_runs, n_killed = 0, 0
    while n_killed < n_kills:
        n_runs += 1
        own = folder / str(n_runs)
        own.mkdir()
        lines, pending, is_over = [], 0, False
        while not is_over:
            before = newest_checkpoint(own)
            process = script.start(own, "--resume")
            if n_killed < n_kills:
                kill_once(process, own, undisturbed.seconds, rng)
            out, err = process.communicate(timeout=600)
            lines += whole_lines(out)
            after = newest_checkpoint(own)
            is_over = process.returncode == 0 or (after == 0 < before)  # killed after its end
            if process.returncode == -signal.SIGKILL:
                n_killed += 1
                pending += 1
                if complaints(err) or (not is_over and after < before):
                    tally.add(fault, f"checkpoint {before} before, {after} after; {err[-300:]}")
                    pending -= 1
            elif process.returncode:
                tally.add(fault, f"it could not be resumed: {err[-300:]}")
                return
        problems = undisturbed.problems(own, lines)
        if problems:
            tally.add(fault, *problems)
        else:
            for _ in range(pending):
                tally.add(fault)
        shutil.rmtree(own)


def kill_once(process: subprocess.Popen, folder: Path, seconds: float, rng: random.Random):
    if rng.random() < 0.7 and wait_for_training(process, folder):
        delay = rng.uniform(0, 0.5)
    else:  # at any time, loading and compiling included
        delay = rng.uniform(0, seconds)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    process.kill()


def spoil(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Change one bit of a weight in the checkpoints of a run, and resume it: that is a loss.

    The files are whole for all that anybody can see, so the run goes on, to other bits. A drill
    that does not say so would say nothing of the others either.
    """
    process = halted_in_training(undisturbed.script, folder, n_checkpoints=3)
    process.kill()
    out, _ = process.communicate(timeout=60)
    for path in (folder / OUTPUT).glob("checkpoint_*.npz"):
        header, arrays = read_archive(path, "deeptutorial checkpoint", 1)
        weight = max((a for name, a in arrays.items() if name != "costs"), key=lambda a: a.size)
        weight.view("uint8")[..., 0].reshape(-1)[0] ^= 1 << 6
        write_archive(path, header, arrays)
    tally.add("a checkpoint that is spoilt", *resume(undisturbed, folder, whole_lines(out)))


# ---- signals


def halted_in_training(
    script: Script, folder: Path, n_checkpoints: int = 1, *more, **popen
) -> subprocess.Popen:
    """Start a run, and halt it once it has written some checkpoints."""
    folder.mkdir(exist_ok=True)
    process = script.start(folder, *more, **popen)
    if not wait_for_training(process, folder, n_checkpoints):
        raise RuntimeError(f"the run ended too soon: {process.communicate()[1][-300:]}")
    process.send_signal(signal.SIGSTOP)
    return process


def end_by_signal(
    undisturbed: Undisturbed, folder: Path, number: int, n_checkpoints: int, tally: Tally
):
    """Send SIGTERM or SIGINT to a run in training: a checkpoint, a line, and 143 or 130."""
    process = halted_in_training(undisturbed.script, folder, n_checkpoints)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=600)
    problems = complaints(err)
    if process.returncode != 128 + number:
        problems.append(f"status {process.returncode}: {err[-300:]}")
    said = told(err)
    if len(said) != 1 or not said[0].endswith("go on with --resume"):
        problems.append(f"it said {said[:3]}")
    problems += resume(undisturbed, folder, whole_lines(out))
    tally.add(f"{signal.Signals(number).name}, {undisturbed.script.label}", *problems)


def end_at_any_time(
    undisturbed: Undisturbed,
    folder: Path,
    number: int,
    rng: random.Random,
    tally: Tally,
    is_cold: bool = False,
):
    """Send SIGTERM or SIGINT at any time: while modules load, functions compile, a page is made.

    With caches that are empty, functions compile for most of the time.
    """
    folder.mkdir()
    script = undisturbed.script
    caches = {
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }
    process = script.start(folder, environment=caches if is_cold else {})
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0, (10 if is_cold else 1) * undisturbed.seconds))
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    was_python = number == signal.SIGINT and _was_python_itself(process.returncode, err)
    problems = [] if was_python else complaints(err)
    # Before there is anybody to hear it, a signal ends a process by itself.
    if process.returncode not in (0, 128 + number, -number) and not was_python:
        problems.append(f"status {process.returncode}: {err[-300:]}")
    if process.returncode == 0:
        problems += undisturbed.problems(folder, out.splitlines())
    else:
        problems += resume(undisturbed, folder, whole_lines(out))
    when = "with empty caches" if is_cold else "at any time"
    tally.add(f"{signal.Signals(number).name} {when}, {script.label}", *problems)


def _was_python_itself(status: int, err: str) -> bool:
    """Tell whether Ctrl-C struck before Python had come to the first module of the package.

    While it starts, Python may end with a status of 1 (``Fatal Python error: init_import_site``),
    or print an error of a ``.pth`` file and go on.
    """
    if err.startswith(("Fatal Python error: init_", "Error processing line")):
        return err.count("Traceback") <= 1
    return status == -signal.SIGINT and "site-packages" not in err and "/deeptutorial/" not in err


def interrupt_twice(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Press Ctrl-C twice: the process ends at once, and nothing is lost for all that."""
    process = halted_in_training(undisturbed.script, folder)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    problems = complaints(err)
    if process.returncode not in (130, -signal.SIGINT):
        problems.append(f"status {process.returncode}: {err[-300:]}")
    problems += resume(undisturbed, folder, whole_lines(out))
    tally.add(f"SIGINT twice, {undisturbed.script.label}", *problems)
