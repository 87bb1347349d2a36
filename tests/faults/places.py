"""Where a run is at work: its streams, its home, its threads, its engine."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.faults.kills import halted_in_training
from tests.faults.scripts import OUTPUT, ROOT
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed, complaints, refused, resume, told, whole_lines

__all__ = ["closed_streams", "foreign_names", "no_home", "other_backend", "other_threads"]

STREAMS = {
    "standard output is closed": ">&-",
    "standard error is closed": "2>&-",
    "both are closed": ">&- 2>&-",
    "standard output is full": ">/dev/full",
    "standard error is full": "2>/dev/full",
}


def closed_streams(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Nobody to listen, or no room for what is said: the work is done all the same."""
    folder.mkdir()
    for number, (fault, redirection) in enumerate(STREAMS.items()):
        own = folder / str(number)
        own.mkdir()
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *undisturbed.script.command()]
        process = subprocess.run(shell, cwd=own, capture_output=True, text=True, timeout=600)
        tally.add(fault, *complaints(process.stderr), *undisturbed.problems(own))


def foreign_names(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Folders of every script and of none, where only ASCII can be printed."""
    names = ("图片 é", os.fsdecode(b"not text \xff"), "a\nb", "\x1b[2J")
    for name in names:
        own = folder / name
        own.mkdir(parents=True)
        script = undisturbed.script
        process = script.start(own, environment={"LC_ALL": "C", "PYTHONUTF8": "0"})
        out, err = process.communicate(timeout=600)
        problems = complaints(err) + undisturbed.problems(own, out.splitlines())
        again = script.start(
            own,
            *("--output-folder", name, "--dataset", own / "nowhere"),
            environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"},
        )
        _, err = again.communicate(timeout=600)
        problems += complaints(err)
        if again.returncode != 2 or len(told(err)) != 1 or "\x1b" in err:
            problems.append(f"status {again.returncode}, it said {told(err)[:3]}")
        tally.add("names that ASCII has not", *problems)


def no_home(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Neither a home nor the installation can be written to: no kernel can be kept.

    PyTensor itself cannot be imported without a folder of its own.
    """
    installed, own, home = folder / "installed", folder / "own", folder / "home"
    own.mkdir(parents=True)
    home.mkdir()
    source = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "deeptutorial", installed / "deeptutorial", ignore=source)
    script = shutil.copy(ROOT / undisturbed.script.name, installed)
    environment = {k: v for k, v in os.environ.items() if k not in CACHES}
    environment |= {"HOME": str(home), "PYTHONPATH": str(installed)}
    environment |= {"PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}"}
    command = [*AS_OTHERS_ARE, sys.executable, script, *undisturbed.script.command()[4:]]
    read_only = [home, installed, *(path for path in installed.rglob("*") if path.is_dir())]
    for path in read_only:
        path.chmod(0o555)
    try:
        if not _is_forbidden(installed) or not _is_forbidden(home):
            tally.show("\n(no way to forbid writing here: not tried)")
            return
        process = subprocess.run(
            command, cwd=own, env=environment, capture_output=True, text=True, timeout=600
        )
    finally:
        for path in read_only:
            path.chmod(0o755)
    problems = complaints(process.stderr)
    if process.returncode:
        problems.append(f"status {process.returncode}: {process.stderr[-300:]}")
    if any(installed.rglob("*.nb[ic]")):
        problems.append("the installation was written to: nothing was tried")
    tally.add("no home to write to", *problems, *undisturbed.problems(own))


CACHES = {"XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "PYTHONPYCACHEPREFIX"}
"""Variables that name other places to write to."""

AS_OTHERS_ARE = [] if os.geteuid() else ["setpriv", "--bounding-set", "-dac_override"]
"""How a command is to be begun so that modes of files hold for it, which they do not for root."""


def _is_forbidden(folder: Path) -> bool:
    """Tell whether no file can be made in a folder."""
    try:
        done = subprocess.run([*AS_OTHERS_ARE, "touch", folder / "new"], capture_output=True)
    except OSError:
        return False
    return done.returncode == 1


def other_threads(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Stop with two threads, go on with one, and the other way round.

    The bits are those of a run that had as many threads as this one began with; except that the
    means in the report are rounded numbers, and BLAS adds up otherwise with other threads.
    """
    folder.mkdir()
    script, (one, two) = undisturbed.script, sorted(os.sched_getaffinity(0))[:2]
    alone = replace(script, processors=f"{one}")
    both = replace(script, processors=f"{one},{two}")
    for n, (before, after) in enumerate([(both, alone), (alone, both)]):
        expected, own = Undisturbed(before, folder / f"undisturbed {n}"), folder / str(n)
        process = halted_in_training(before, own, 3)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=600)
        status, printed, err = after.run(own, "--resume")
        problems = complaints(err) + ([f"status {status}: {err[-300:]}"] if status else [])
        problems += [f"it said {line}" for line in told(err)]
        lines = [*whole_lines(out), *printed.splitlines()]
        problems += expected.problems(own, lines, apart_from="report.json")
        tally.add("another number of threads", *problems)


def other_backend(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Stop on one engine, go on on another: refused, or said, since it ends with other bits."""
    process = halted_in_training(undisturbed.script, folder, 3)
    process.kill()
    out, _ = process.communicate(timeout=600)
    status, printed, err = undisturbed.script.on("c").run(folder, "--resume")
    problems = complaints(err)
    if status == 0 and "numba" not in " ".join(told(err)).lower():
        problems.append("it went on on another engine without a word")
    elif status == 2:
        problems += refused(2, printed, "\n".join(told(err)))
        problems += resume(undisturbed, folder, whole_lines(out))
    elif status:
        problems.append(f"status {status}: {err[-300:]}")
    assert (folder / OUTPUT).is_dir()
    tally.add("another engine", *problems)
