"""One run a folder: locks that rest on no name, and that end with their process."""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deeptutorial.training import RunFolderError, folder_lock
from deeptutorial.training.folder_lock import FolderLock

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from deeptutorial.training.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""

PARENT = """
import os, sys, time
from pathlib import Path
from deeptutorial.training.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    print(os.getpid(), flush=True)  # now it has left the lock to its parent
    time.sleep(60)
    os._exit(0)
time.sleep(60)
"""

REFUSED = "another run is at work in"


def started(code, folder):
    """Start a process, and wait for the line that it says when it has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    return process, process.stdout.readline().strip()


def ended(process):
    process.kill()
    process.communicate(timeout=60)


def in_another_thread(function):
    """Return what a function returns, or raises, in a thread of its own, which lives on."""
    result, is_over = [], threading.Event()

    def call():
        try:
            result.append(function())
        except RunFolderError as error:
            result.append(error)
        came.set()
        is_over.wait(60)

    came = threading.Event()
    thread = threading.Thread(target=call)
    thread.start()
    assert came.wait(60)
    return result[0], lambda: (is_over.set(), thread.join())


@pytest.fixture
def without_folder_locks(monkeypatch):
    """Behave as a network disk that locks files only."""

    def take_lock(handle):
        return None if stat.S_ISDIR(os.fstat(handle).st_mode) else original(handle)

    original = folder_lock.take_lock
    monkeypatch.setattr(folder_lock, "take_lock", take_lock)


def test_the_folder_is_locked_whatever_is_removed_from_it(tmp_path):
    process, said = started(HOLDER, tmp_path)
    try:
        assert said == "locked"
        for path in tmp_path.glob(".*"):  # as a cleaner of hidden files does
            path.unlink()
        with pytest.raises(RunFolderError, match=REFUSED):
            FolderLock(tmp_path)
        moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
        with pytest.raises(RunFolderError, match=REFUSED):
            FolderLock(moved)
    finally:
        ended(process)
    FolderLock(moved).release()


def test_the_lock_is_the_systems_own_on_the_folder_and_on_the_file(tmp_path):
    lock = FolderLock(tmp_path)
    for path in (tmp_path, tmp_path / ".run.lock"):
        handle = os.open(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.release()
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(RunFolderError, match=REFUSED):
            FolderLock(tmp_path)
        os.close(handle)
        lock = FolderLock(tmp_path)
    lock.release()


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(tmp_path):
    process, child = started(PARENT, tmp_path)
    try:
        with pytest.raises(RunFolderError, match=REFUSED):
            FolderLock(tmp_path)
        process.kill()
        process.wait(60)
        os.kill(int(child), 0)  # it is still there
        FolderLock(tmp_path).release()
    finally:
        os.kill(int(child), signal.SIGKILL)
        ended(process)


def test_a_lock_that_is_forgotten_is_free(tmp_path):
    lock = FolderLock(tmp_path)
    refused, end = in_another_thread(lambda: FolderLock(tmp_path))
    end()
    assert isinstance(refused, RunFolderError)
    del lock
    taken, end = in_another_thread(lambda: FolderLock(tmp_path))
    assert taken.is_held()
    end()
    FolderLock(tmp_path).release()  # its thread is no more
    assert not taken.is_held()


def test_what_was_removed_is_made_and_locked_again(tmp_path):
    folder = tmp_path / "folder"
    lock = FolderLock(folder)
    for remove in ((folder / ".run.lock").unlink, lambda: shutil.rmtree(folder)):
        remove()
        assert lock.is_held()
        assert (folder / ".run.lock").exists()
        refused, end = in_another_thread(lambda: FolderLock(folder))
        end()
        assert isinstance(refused, RunFolderError)
    lock.release()


def test_a_later_run_of_the_same_thread_takes_over(tmp_path):
    first = FolderLock(tmp_path)
    second = FolderLock(tmp_path)
    assert second.is_held()
    assert not first.is_held()
    with pytest.raises(RunFolderError, match=REFUSED):
        first.hold()
    assert second.is_held()
    second.release()


def test_where_only_files_are_locked_a_robbed_one_knows_it(tmp_path, without_folder_locks):
    first = FolderLock(tmp_path)
    refused, end = in_another_thread(lambda: FolderLock(tmp_path))
    end()
    assert isinstance(refused, RunFolderError)
    (tmp_path / ".run.lock").unlink()
    second, end = in_another_thread(lambda: FolderLock(tmp_path))
    assert second.is_held()
    assert not first.is_held()
    with pytest.raises(RunFolderError, match=REFUSED):
        first.hold()
    assert second.is_held()
    second.release()
    assert first.is_held()
    end()
    first.release()


def test_the_file_is_no_way_to_elsewhere(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    (folder / ".run.lock").symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"run\.lock"):
        FolderLock(folder)
    assert not elsewhere.exists()
