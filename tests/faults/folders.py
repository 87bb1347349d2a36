"""A folder that others are at work in, or have put their own things into."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

from tests.faults.disks import survive
from tests.faults.kills import halted_in_training
from tests.faults.scripts import OUTPUT, newest_checkpoint, started, wait_for_training
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed, complaints, refused, resume, told, whole_lines

__all__ = [
    "encode_into_odd_places",
    "foreign_files",
    "links",
    "modes",
    "pipes",
    "race",
    "remove_folder",
    "remove_lock",
    "save_beside",
    "take_over",
]


def remove_folder(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """The folder is removed in training: it is made again."""

    def remove(_process):
        shutil.rmtree(folder / OUTPUT)

    survive("folder removed in training", undisturbed, folder, remove, lambda: None, 0, tally)


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


# ---- other people's files


def foreign_files(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Hidden files and folders of others, named as temporary files often are, stay."""
    out = folder / OUTPUT
    out.mkdir(parents=True)
    theirs = [out / name for name in (".thesis.part", ".film.iso.part", ".notes.tmp", "a.part")]
    for path in theirs:
        path.write_text("mine")
    (out / ".folder.part").mkdir()
    status, printed, err = undisturbed.script.run(folder)
    problems = complaints(err)
    if status:
        problems.append(f"status {status}: {err[-300:]}")
    problems += [f"{p.name} is gone" for p in theirs if not p.exists() or p.read_text() != "mine"]
    if not (out / ".folder.part").is_dir():
        problems.append("a folder is gone")
    for path in theirs:
        path.unlink(missing_ok=True)
    problems += undisturbed.problems(folder, printed.splitlines())
    tally.add("files of others in the output folder", *problems)


SAVER = """
import sys
from pathlib import Path
import numpy
from deeptutorial import dA
da = dA(numpy.random.RandomState(1), n_visible=6, n_hidden=3)
Path("ready").touch()
while not Path("stop").exists():
    da.save(sys.argv[1])
"""


def save_beside(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Another process saves models into the folder, again and again, while runs begin there."""
    out = folder / OUTPUT
    out.mkdir(parents=True)
    saver = started([sys.executable, "-c", SAVER, str(out / "mine.npz")], folder)
    while not (folder / "ready").exists() and saver.poll() is None:
        threading.Event().wait(0.05)
    problems = []
    for _ in range(2):
        status, _, err = undisturbed.script.run(folder)
        problems += complaints(err) + ([f"status {status}: {err[-300:]}"] if status else [])
    (folder / "stop").touch()
    _, err = saver.communicate(timeout=60)
    if saver.returncode:
        problems.append(f"the other could not save: {err[-300:]}")
    (out / "mine.npz").unlink(missing_ok=True)
    problems += undisturbed.problems(folder)
    tally.add("another process saves into the folder", *problems)


def remove_lock(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """A cleaner removes the hidden files of a run at work, and somebody starts another one there.

    Either the second is refused, or none of the two takes the other's work away.
    """
    script = undisturbed.script
    first = halted_in_training(script, folder, n_checkpoints=2)
    for path in (folder / OUTPUT).glob(".*"):
        path.unlink()
    second = script.start(folder, "--resume")
    problems = []
    if wait_for_training(second, folder, n_checkpoints=2):
        second.send_signal(signal.SIGSTOP)
        before = newest_checkpoint(folder)
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=600)
        second.kill()
        second.communicate(timeout=60)
        if newest_checkpoint(folder) < before:
            problems.append("the first has removed the checkpoints of the second")
        problems += resume(undisturbed, folder)
    else:
        out, err = second.communicate(timeout=60)
        problems += complaints(err) if second.returncode == 0 else refused(2, out, err)
        first.send_signal(signal.SIGCONT)
        out, err = first.communicate(timeout=600)
        problems += complaints(err) + undisturbed.problems(folder, out.splitlines())
    tally.add("the lock is removed", *problems)


# ---- places that are no plain files


def _results(undisturbed: Undisturbed) -> list[str]:
    """Return the names of what a run leaves behind, its page first."""
    return ["report.html", *sorted(name for name in undisturbed.files if name != "report.json")]


def links(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Results that are links to files elsewhere: what they point to is not written to."""
    for name in _results(undisturbed):
        own = folder / name
        (own / OUTPUT).mkdir(parents=True)
        target = own / "elsewhere"
        target.write_text("precious")
        (own / OUTPUT / name).symlink_to(target)
        status, printed, err = undisturbed.script.run(own)
        problems = complaints(err)
        if target.read_bytes() != b"precious":
            problems.append(f"it wrote through the link {name}")
        if status == 0:
            problems += undisturbed.problems(own, printed.splitlines())
        elif len(told(err)) != 1:
            problems.append(f"it said {told(err)[:3]}")
        tally.add("a result that is a symbolic link", *problems)


def pipes(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Results that are named pipes, which nobody reads: no run waits for ever."""
    for name in _results(undisturbed)[:2]:
        own = folder / name
        (own / OUTPUT).mkdir(parents=True)
        os.mkfifo(own / OUTPUT / name)
        process = undisturbed.script.start(own)
        problems = []
        try:
            _, err = process.communicate(timeout=20 + 10 * undisturbed.seconds)
            problems += complaints(err)
            if process.returncode not in (0, 2):
                problems.append(f"status {process.returncode}: {err[-300:]}")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=60)
            problems.append(f"it waits for ever for a reader of {name}")
        tally.add("a result that is a pipe", *problems)


def modes(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Results that are there already keep their permissions."""
    out = folder / OUTPUT
    out.mkdir(parents=True)
    for name in _results(undisturbed):
        (out / name).write_text("old")
        (out / name).chmod(0o600)
    status, printed, err = undisturbed.script.run(folder)
    problems = complaints(err) + ([f"status {status}: {err[-300:]}"] if status else [])
    problems += undisturbed.problems(folder, printed.splitlines())
    for name in _results(undisturbed):
        if (mode := stat.S_IMODE((out / name).stat().st_mode)) != 0o600:
            problems.append(f"{name} of mode 600 has {mode:o}")
    tally.add("results of mode 600", *problems)


def encode_into_odd_places(undisturbed: Undisturbed, folder: Path, tally: Tally):
    """Write codes to a pipe, a device, a name that is too long: done, or refused in one line."""
    folder.mkdir()
    model = next((undisturbed.folder / OUTPUT).glob("dA_*.npz"))
    data = undisturbed.script.options[1]
    encode = [sys.executable, "-m", "deeptutorial", "encode", str(model), str(data), "--output"]

    os.mkfifo(folder / "pipe")
    received = []
    reader = threading.Thread(
        target=lambda: received.append((folder / "pipe").read_bytes()), daemon=True
    )
    reader.start()
    problems = _encoded(started([*encode, "pipe"], folder))
    reader.join(10)
    if not stat.S_ISFIFO((folder / "pipe").lstat().st_mode):
        problems.append("a file has taken the place of the pipe")
    elif not problems and not any(part.startswith(b"\x93NUMPY") for part in received):
        problems.append("the reader of the pipe got nothing")
    tally.add("codes into a pipe", *problems)

    try:
        os.mknod(folder / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        tally.show("\n(no device can be made here: not tried)")
    else:
        problems = _encoded(started([*encode, "null"], folder))
        if not stat.S_ISCHR((folder / "null").lstat().st_mode):
            problems.append("a file has taken the place of the device")
        tally.add("codes into a device", *problems)

    for length in (255, 256):
        process = started([*encode, "x" * (length - 4) + ".npy"], folder)
        problems = _encoded(process, "x" * 100)
        if length == 255 and process.returncode:
            problems.append("a name of 255 bytes was refused")
        tally.add("codes into a file with a long name", *problems)


def _encoded(process: subprocess.Popen, name: str = "") -> list[str]:
    """Return what is wrong with a command that may have been refused, naming the file."""
    try:
        _, err = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=60)
        return ["it waits for ever"]
    problems = complaints(err)
    if process.returncode not in (0, 2):
        problems.append(f"status {process.returncode}: {err[-300:]}")
    if process.returncode == 2 and (len(err.splitlines()) != 1 or name not in err or "None" in err):
        problems.append(f"it said {err[-300:]}")
    return problems
