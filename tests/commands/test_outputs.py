"""Where the commands write to: files, links, pipes and devices that somebody names."""

import io
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import dA
from deeptutorial.commands import main
from deeptutorial.report.writing import save_report


@pytest.fixture(autouse=True)
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX="float32"):
        da = dA(np.random.RandomState(1), n_visible=30, n_hidden=7)
        da.image_shape = (6, 5)
        da.save("da.npz")
        yield da


def filters(output):
    return main(["filters", "da.npz", "--output", output])


def size(picture):
    with Image.open(picture) as opened:
        return opened.size


WHOLE = (10 * 6 - 1, 6)
"""Pixels of seven tiles in a row of ten."""


def test_a_fifo_gets_the_picture():
    os.mkfifo("fifo")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("fifo").read_bytes()))
    reader.start()
    assert filters("fifo") == 0
    reader.join()
    assert size(io.BytesIO(read[0])) == WHOLE


def test_a_device_gets_it_and_stays_one(capsys):
    assert filters("/dev/null") == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert filters("/dev/full") == 2
    assert capsys.readouterr().err == (
        "deeptutorial filters: error: [Errno 28] No space left on device: '/dev/full'\n"
    )


def test_a_link_is_not_followed(tmp_path):
    Path("mine").write_text("mine")
    Path("link.png").symlink_to("mine")
    assert filters("link.png") == 0
    assert Path("mine").read_text() == "mine"
    assert size("link.png") == WHOLE


def test_modes_are_kept_and_heeded(capsys):
    for mode in (0o600, 0o444):
        Path("a.png").touch()
        Path("a.png").chmod(mode)
        filters("a.png")
        assert stat.S_IMODE(os.stat("a.png").st_mode) == mode
        assert size("a.png") == WHOLE
        assert ("(its mode is 444)" in capsys.readouterr().err) == (mode == 0o444)


def test_a_message_has_the_name_of_the_file(capsys):
    for name, problem in (("a" * 256, "File name too long"), (".", "Is a directory")):
        assert filters(name) == 2
        err = capsys.readouterr().err
        assert err.startswith("deeptutorial filters: error: ")
        assert err.endswith(f"] {problem}: '{name}'\n")


def test_a_model_goes_to_files_only(model):
    os.mkfifo("fifo")
    with pytest.raises(FileExistsError, match=r"no regular file.*'fifo'"):
        model.save("fifo")
    Path("mine").write_text("mine")
    Path("link.npz").symlink_to("mine")
    model.save("link.npz")
    assert Path("mine").read_text() == "mine"


def test_a_page_does_not_wait_for_the_reader_of_a_pipe(tmp_path):
    os.mkfifo("report.html")
    with pytest.raises(FileExistsError, match=r"no regular file.*report\.html"):
        save_report(tmp_path, "<html>", {})


def test_a_ported_file_keeps_its_mode(capsys):
    Path("old.py").write_text("import theano\n")
    Path("new.py").write_text("")
    Path("new.py").chmod(0o700)
    assert main(["port", "old.py", "--output", "new.py"]) == 0
    assert "pytensor" in Path("new.py").read_text()
    assert stat.S_IMODE(os.stat("new.py").st_mode) == 0o700
    assert main(["port", "old.py", "--output", "/dev/null"]) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_no_more_columns_are_drawn_than_there_are_units(model):
    big = dA(np.random.RandomState(1), n_visible=30, n_hidden=23)
    big.image_shape = (6, 5)
    big.save("big.npz")
    for name, n_columns in (("da.npz", 10), ("big.npz", 23)):
        assert main(["filters", name, "--columns", "10000000", "--rows", "10000000"]) == 0
        assert size("filters.png") == (n_columns * 6 - 1, 6)
