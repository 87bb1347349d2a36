"""Disks that are full, and folders that cannot be written to."""

import contextlib
import functools
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.kills import halted_in_training
from tests.faults.scripts import OUTPUT, newest_checkpoint
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed, complaints, refused, resume, told, whole_lines

__all__ = [
    "fill_up",
    "fill_up_by_a_limit",
    "forbid_writing",
    "little_memory",
    "no_room_at_the_start",
    "survive",
]


def no_room_at_the_start(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """A disk that is full before training: found then, and said in one line."""
    folder.mkdir()
    process = undisturbed.script.start(folder)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, 1000))  # it still loads modules
    out, err = process.communicate(timeout=600)
    tally.add("full disk at the start (size limit)", *refused(process.returncode, out, err))


def survive(
    fault: str, undisturbed: Undisturbed, folder: Path, break_it, mend_it, status: int, tally: Tally
):
    """Let something happen to a run in training, see it through, mend it, and resume the run."""
    process = halted_in_training(undisturbed.script, folder, n_checkpoints=3)
    before = newest_checkpoint(folder)
    break_it(process)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=600)
    problems = complaints(err)
    if process.returncode != status:
        problems.append(f"status {process.returncode}: {err[-300:]}")
    said = told(err)
    if status and not (
        len(said) == 2 and "training goes on" in said[0] and said[1].count(": error: ") == 1
    ):
        problems.append(f"it said {said[:3]}")
    mend_it()
    if status == 0:
        problems += undisturbed.problems(folder, out.splitlines())
    else:
        if newest_checkpoint(folder) < before:
            problems.append("the last good checkpoint is gone")
        # What was printed after the last checkpoint is printed again.
        problems += resume(undisturbed, folder, whole_lines(out))
    tally.add(fault, *problems)


def fill_up_by_a_limit(undisturbed: Undisturbed, folder: Path, tally: Tally):
    survive(
        "full disk in training (size limit)",
        undisturbed,
        folder,
        lambda process: resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, 1000)),
        lambda: None,
        2,
        tally,
    )


def forbid_writing(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """No permission any more; where everything is permitted, to root, the folder is frozen."""
    out = folder / OUTPUT
    forbid, permit = (["chmod", "555", out], ["chmod", "755", out])
    if os.geteuid() == 0:
        forbid, permit = (["chattr", "+i", out], ["chattr", "-i", out])
    quietly = functools.partial(subprocess.run, check=True, stderr=subprocess.DEVNULL)
    folder.mkdir()
    out.mkdir()
    try:
        quietly(forbid)
    except (OSError, subprocess.CalledProcessError):
        tally.show("\n(no way to forbid writing here: not tried)")
        return
    try:
        status, printed, err = undisturbed.script.run(folder)
    finally:
        quietly(permit)
    tally.add("folder not writable at the start", *refused(status, printed, err))
    survive(
        "folder not writable in training",
        undisturbed,
        folder,
        lambda _process: quietly(forbid),
        lambda: quietly(permit),
        2,
        tally,
    )


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a disk of a megabyte, where that is allowed; yields whether it is."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "deeptutorial-drill", str(folder)]
    try:
        is_mounted = subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def fill_up(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """A real small disk fills up, and is cleared again."""
    with small_disk(folder) as is_mounted:
        if not is_mounted:
            tally.show("\n(no small disk can be mounted here: not tried)")
            return
        ballast = folder / "ballast"

        def fill(_process):
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(512))

        survive(
            "full disk in training (tmpfs)", undisturbed, folder, fill, ballast.unlink, 2, tally
        )


# ---- memory


def little_memory(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Resume with too little memory: what is good is not called damaged, and stays there."""
    process = halted_in_training(undisturbed.script, folder, n_checkpoints=3)
    process.kill()
    process.communicate(timeout=600)
    before = newest_checkpoint(folder)
    problems = []
    for megabytes in (300, 600, 900, 1200):
        limited = undisturbed.script.start(folder, "--resume")
        resource.prlimit(limited.pid, resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        _, err = limited.communicate(timeout=600)
        if limited.returncode == 0:
            break
        accused = [word for word in ("damaged", "remove", "not a deep") if word in err]
        if accused:
            problems.append(f"it said {err[-300:]}")
        if newest_checkpoint(folder) < before:
            problems.append(f"checkpoint {before} is gone with {megabytes} MB")
    else:
        problems += resume(undisturbed, folder, None)
    problems += undisturbed.problems(folder)
    tally.add("little memory for a resumed run", *problems)
