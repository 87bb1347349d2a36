"""Results: files that are there whole or not at all, streams, and who is left alone."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from deeptutorial import files
from deeptutorial.files import replacing, sweep, writing


def child(code, *arguments, **options):
    """Start a process that has the functions of `files` and nothing heavier."""
    code = f"import runpy, sys, os; files = runpy.run_path({files.__file__!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def test_a_whole_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fill_up():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        fill_up()
    assert caught.value.filename == str(path)
    assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_message_names_the_file_that_was_asked_for(tmp_path):
    """And no temporary one, whose name is another one each time."""
    path = tmp_path / "gone" / "file"
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        pass
    assert caught.value.filename == str(path)
    assert ".part" not in str(caught.value)


def test_names_may_be_as_long_as_the_disk_lets_them(tmp_path):
    (tmp_path / ("a" * 255)).write_text("as long as that")
    with replacing(tmp_path / ("é" * 127)) as temporary:
        temporary.write_text("254 bytes")
    with replacing(tmp_path / ("a" * 255)) as temporary:
        temporary.write_text("255 bytes")
    path = tmp_path / ("a" * 256)
    with pytest.raises(OSError, match="File name too long") as caught, replacing(path) as temporary:
        temporary.write_text("a byte too much")
    assert str(caught.value) == f"[Errno {errno.ENAMETOOLONG}] File name too long: '{path}'"


# ---- what is there already


@pytest.mark.parametrize("to", ["elsewhere", "nowhere"])
def test_a_link_is_replaced_and_not_followed(to, tmp_path):
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "link"
    elsewhere.write_text("somebody's")
    link.symlink_to(tmp_path / to)
    with replacing(link) as temporary:
        temporary.write_text("ours")
    assert not link.is_symlink()
    assert link.read_text() == "ours"
    assert elsewhere.read_text() == "somebody's"
    assert not (tmp_path / "nowhere").exists()


def test_the_mode_of_a_file_is_kept(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    for mode in (0o600, 0o640, 0o666, 0o755, 0o200):
        path.chmod(mode)
        with replacing(path) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) & 0o077 & ~mode == 0
            temporary.write_text("new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_that_may_not_be_written_to_is_not(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="its mode is 444") as caught, replacing(path):
        pass
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_mode_that_open_gives(tmp_path, monkeypatch):
    """The umask is not looked up by setting it, which other threads' new files would get."""
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", None)
        with replacing(tmp_path / "ours") as temporary:
            temporary.write_text("ours")
        (tmp_path / "theirs").write_text("theirs")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_what_is_no_file_is_refused_at_once(tmp_path):
    fifo, folder = tmp_path / "fifo", tmp_path / "folder"
    os.mkfifo(fifo)
    folder.mkdir()
    with pytest.raises(FileExistsError, match="is no regular file") as caught, replacing(fifo):
        pass
    assert caught.value.filename == str(fifo)
    for write in (replacing, writing):
        with pytest.raises(IsADirectoryError) as caught, write(folder):
            pass
        assert caught.value.filename == str(folder)
    assert sorted(tmp_path.iterdir()) == [fifo, folder]


# ---- streams


def test_a_pipe_gets_the_bytes(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    with writing(fifo) as file:
        file.write(b"codes")
    reader.join()
    assert read == [b"codes"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_stays_one():
    with writing("/dev/null") as file:
        file.write(b"codes")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    full = pytest.raises(OSError, match="No space left on device: '/dev/full'")
    with full, writing("/dev/full") as file:
        file.write(b"codes")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_its_name(name, tmp_path):
    """A pipe, and a file that is added to: opened anew, it would be overwritten."""
    write = f"with files['writing']({name!r}) as file: file.write(b'codes')"
    piped, _ = child(write, stdout=subprocess.PIPE).communicate(timeout=60)
    assert piped == b"codes"
    path = tmp_path / "file"
    path.write_bytes(b"before ")
    with open(path, "ab") as file:
        assert child(write, stdout=file).wait(60) == 0
    assert path.read_bytes() == b"before codes"


def test_what_is_not_open_is_named():
    write = "os.close(1)\nwith files['writing']('/dev/stdout') as file: pass"
    process = child(write, stderr=subprocess.PIPE)
    assert b"Bad file descriptor: '/dev/stdout'" in process.communicate(timeout=60)[1]


def test_by_name_all_else_is_replaced(tmp_path):
    with writing(tmp_path / "file") as file:
        file.write(b"codes")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_bytes() == b"codes"


# ---- sweeping up


def hidden(folder):
    return sorted(path.name for path in folder.glob(".*"))


def test_somebody_elses_files_stay(tmp_path):
    names = [".thesis.part", ".download.iso.part", ".deeptutorial-notes.part"]
    for name in names:
        (tmp_path / name).write_text("mine")
    folder = ".deeptutorial-0123456789abcdef.part"
    (tmp_path / folder).mkdir()
    os.mkfifo(tmp_path / folder.replace("0", "f"))
    before = hidden(tmp_path)
    sweep(tmp_path)
    assert hidden(tmp_path) == before


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_writes_is_not(tmp_path):
    code = (
        "with files['replacing'](os.path.join(sys.argv[1], 'model')) as temporary:\n"
        "    temporary.write_text('half'); print('written', flush=True); sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    killed, living = (child(code, tmp_path, **pipes) for _ in range(2))
    for process in (killed, living):
        assert process.stdout.readline() == b"written\n"
    assert len(hidden(tmp_path)) == 2
    sweep(tmp_path)
    assert len(hidden(tmp_path)) == 2
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    sweep(tmp_path)
    assert len(hidden(tmp_path)) == 1
    living.communicate(timeout=60)
    assert living.returncode == 0
    assert (tmp_path / "model").read_text() == "half"
    assert hidden(tmp_path) == []


def test_sweeping_up_disturbs_no_other_thread(tmp_path):
    failed, n_files = [], 300

    def write(name):
        try:
            for k in range(n_files):
                with replacing(tmp_path / name) as temporary:
                    temporary.write_text(str(k))
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sweep(tmp_path)
    assert failed == []
    assert {path.read_text() for path in tmp_path.iterdir()} == {str(n_files - 1)}
