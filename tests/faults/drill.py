"""The fault drill: real runs, killed, starved of disk and raced against each other.

``python -m tests.faults.drill --kills 50 --seed 7`` prints what was tried, what of it was survived,
and what was lost. Survived means: no traceback, the newest checkpoint is at least as far as before,
and the run, resumed until its end, leaves the very bits of one that nothing happened to.
"""

import argparse
import contextlib
import functools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.scripts import (
    OUTPUT,
    Script,
    newest_checkpoint,
    outcome,
    small_dA,
    small_SdA,
    wait_for_training,
    write_small_data,
)

RAN_FOR = " ran for "


class Tally:
    """What was tried, and what came of it."""

    def __init__(self, show=print):
        self.show = show
        self.rows: dict[str, list[int]] = {}
        self.losses: list[str] = []

    def add(self, fault: str, *problems: str) -> None:
        """Take note of one try; without a problem it was survived."""
        row = self.rows.setdefault(fault, [0, 0])
        row[bool(problems)] += 1
        self.losses += [f"{fault}: {problem}" for problem in problems]
        self.show("x" if problems else ".", end="", flush=True)

    def table(self) -> str:
        rows = [
            ("fault", "tried", "survived", "lost"),
            *((name, good + bad, good, bad) for name, (good, bad) in self.rows.items()),
            ("all", *map(sum, zip(*((g + b, g, b) for g, b in self.rows.values()), strict=True))),
        ]
        return "\n".join(f"{row[0]:<42}{row[1]:>7}{row[2]:>10}{row[3]:>6}" for row in rows)


class Undisturbed:
    """What a script leaves behind when nothing happens to it."""

    def __init__(self, script: Script, folder: Path):
        folder.mkdir()
        self.script, self.folder = script, folder
        start = time.monotonic()
        status, out, err = script.run(folder)
        self.seconds = time.monotonic() - start
        if status:
            raise RuntimeError(f"the undisturbed run failed: {err}")
        self.files = outcome(folder)
        self.lines = out.splitlines()

    def problems(self, folder: Path, lines: list[str]) -> list[str]:
        """Compare with what another run left behind; its lines come from several processes."""
        files = outcome(folder)
        different = [n for n in self.files | files if self.files.get(n) != files.get(n)]
        found = [f"other bits in {', '.join(different)}"] if different else []
        if list(dict.fromkeys(lines)) != list(dict.fromkeys(self.lines)):
            found.append("other lines were printed")
        return found


def complaints(err: str) -> list[str]:
    return [f"a traceback: {err[-300:]}"] if "Traceback" in err else []


def whole_lines(out: str) -> list[str]:
    return out[: out.rfind("\n") + 1].splitlines()


def resume(undisturbed: Undisturbed, folder: Path, lines: list[str]) -> list[str]:
    """Resume a run to its end; return what is wrong with it."""
    status, out, err = undisturbed.script.run(folder, "--resume")
    if status:
        return [f"it could not be resumed ({status}): {err[-300:]}"]
    return complaints(err) + undisturbed.problems(folder, [*lines, *out.splitlines()])


# ---- kills


def kill(undisturbed: Undisturbed, folder: Path, n_kills: int, rng: random.Random, tally: Tally):
    """Kill a run again and again, until it comes to its end; then another one."""
    script = undisturbed.script
    fault = f"SIGKILL, {script.name}"
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
                if rng.random() < 0.7 and wait_for_training(process, own):
                    delay = rng.uniform(0, 0.5)
                else:  # at any time, loading and compiling included
                    delay = rng.uniform(0, undisturbed.seconds)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(delay)
                process.kill()
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


def halted_in_training(script: Script, folder: Path, n_checkpoints: int = 1) -> subprocess.Popen:
    """Start a run, and halt it once it has written some checkpoints."""
    folder.mkdir(exist_ok=True)
    process = script.start(folder)
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
    out, err = process.communicate(timeout=60)
    problems = complaints(err)
    if process.returncode != 128 + number:
        problems.append(f"status {process.returncode}: {err[-300:]}")
    said = [line for line in err.splitlines() if RAN_FOR not in line]
    if len(said) != 1 or not said[0].endswith("go on with --resume"):
        problems.append(f"it said {said[:3]}")
    problems += resume(undisturbed, folder, whole_lines(out))
    tally.add(f"{signal.Signals(number).name}, {undisturbed.script.name}", *problems)


def interrupt_twice(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Press Ctrl-C twice: the process ends at once, and nothing is lost for all that."""
    process = halted_in_training(undisturbed.script, folder)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    problems = complaints(err)
    if process.returncode not in (130, -signal.SIGINT):
        problems.append(f"status {process.returncode}: {err[-300:]}")
    problems += resume(undisturbed, folder, whole_lines(out))
    tally.add(f"SIGINT twice, {undisturbed.script.name}", *problems)


# ---- disks


def no_room_at_the_start(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """A disk that is full before training: found then, and said in one line."""
    folder.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a child inherits it
    try:
        process = undisturbed.script.start(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    out, err = process.communicate(timeout=600)
    tally.add("full disk at the start (size limit)", *refused(process.returncode, out, err))


def refused(status: int, out: str, err: str) -> list[str]:
    """Return what is wrong with a run that had to be refused before training."""
    problems = []
    if status != 2 or len(err.splitlines()) != 1:
        problems.append(f"status {status}: {err[-300:]}")
    if "epoch" in out:
        problems.append("it began to train")
    return problems


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
    said = [line for line in err.splitlines() if RAN_FOR not in line]
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


def remove_folder(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """The folder is removed in training: it is made again."""

    def remove(_process):
        shutil.rmtree(folder / OUTPUT)

    survive("folder removed in training", undisturbed, folder, remove, lambda: None, 0, tally)


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


# ---- two at once


def race(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Two processes start in one folder at once: one trains, the other is refused."""
    folder.mkdir()
    processes = [undisturbed.script.start(folder) for _ in range(2)]
    ended = [(*process.communicate(timeout=600), process.returncode) for process in processes]
    ended.sort(key=lambda e: e[2])
    (out, err, status), (_, refusal, refused_status) = ended
    problems = complaints(err + refusal)
    if (status, refused_status) != (0, 2) or "another run is at work" not in refusal:
        problems.append(f"statuses {status} and {refused_status}: {refusal[-300:]}")
    problems += undisturbed.problems(folder, out.splitlines())
    tally.add("two runs started in one folder", *problems)


def take_over(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """While one trains, others are refused; once it is killed, the folder is free at once."""
    script = undisturbed.script
    process = halted_in_training(script, folder)
    status, out, err = script.run(folder, "--resume")
    problems = refused(status, out, err)
    if "another run is at work" not in err:
        problems.append(f"it said {err[-300:]}")
    process.kill()
    out, _ = process.communicate(timeout=60)

    files = {p.name: p.read_bytes() for p in (folder / OUTPUT).glob("checkpoint*")}
    status, printed, err = script.run(folder)
    problems += refused(status, printed, err)
    if "--resume" not in err:
        problems.append(f"it did not say how to resume: {err[-300:]}")
    if files != {p.name: p.read_bytes() for p in (folder / OUTPUT).glob("checkpoint*")}:
        problems.append("a run without --resume changed the checkpoints")
    problems += resume(undisturbed, folder, whole_lines(out))
    tally.add("a run in a folder that another is at work in", *problems)


# ---- the drill


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of their instants")
    arguments = parser.parse_args()
    # A shell has what it starts in the background ignore Ctrl-C, and so would what we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"fault drill, {arguments.kills} kills, --seed {seed}", flush=True)
    rng = random.Random(seed)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="deeptutorial-drill-") as name:
        folder = Path(name)
        data = write_small_data(folder / "small.npz")
        dA = Undisturbed(small_dA(data, 10), folder / "dA")
        SdA = Undisturbed(small_SdA(data, 4), folder / "SdA")
        for i, undisturbed in enumerate((dA, SdA)):
            own = folder / f"killed {i}"
            own.mkdir()
            n_kills = arguments.kills // 2 if i else arguments.kills - arguments.kills // 2
            kill(undisturbed, own, n_kills, rng, tally)
            for number in (signal.SIGTERM, signal.SIGINT):
                for k in range(3):
                    own = folder / f"signal {i} {number} {k}"
                    end_by_signal(undisturbed, own, number, rng.randint(1, 15), tally)
            interrupt_twice(undisturbed, folder / f"twice {i}", tally)
        for fault in (no_room_at_the_start, fill_up_by_a_limit, fill_up, forbid_writing):
            fault(dA, folder / fault.__name__, tally)
        fill_up_by_a_limit(SdA, folder / "SdA filled up", tally)
        remove_folder(dA, folder / "removed", tally)
        for k in range(3):
            race(dA, folder / f"race {k}", tally)
        take_over(dA, folder / "taken over", tally)
    print(f"\n\n{tally.table()}")
    for loss in tally.losses:
        print(f"lost: {loss}")
    return 1 if tally.losses else 0


if __name__ == "__main__":
    sys.exit(main())
