"""Files that are good, on a machine that fails: never called damaged."""

import contextlib
import errno
import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import archives, dA
from deeptutorial.archives import read_archive, write_archive
from deeptutorial.datasets import DatasetError
from deeptutorial.datasets.idx import read_idx
from deeptutorial.datasets.npz import read_npz
from deeptutorial.datasets.pickled import read_pickled
from deeptutorial.datasets.pictures import read_picture
from deeptutorial.models import load_model
from deeptutorial.training import Run, RunFolderError

N = 6000  # some megabytes each
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)
ACCUSATIONS = ("damaged", "not a ", "remove", "truncated", "no array", "not an ")


def read_open_picture(path):
    with archives.open_regular(path) as file:
        return read_picture(file, str(path))


READERS = {
    "images.idx": read_idx,
    "images.gz": read_idx,
    "data.npz": read_npz,
    "data.pkl": read_pickled,
    "data.pkl.gz": read_pickled,
    "picture.png": read_open_picture,
    "picture.tif": read_open_picture,
    "picture.bmp": read_open_picture,
    "model.npz": load_model,
    "checkpoint_0.npz": lambda path: read_archive(path, "deeptutorial checkpoint", 1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    idx = struct.pack(">HBBIII", 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes()
    (folder / "images.idx").write_bytes(idx)
    (folder / "images.gz").write_bytes(gzip.compress(idx, 1))
    labels = np.zeros(N, dtype="int64")
    np.savez(folder / "data.npz", x=PIXELS, y=labels)
    x = PIXELS.reshape(N, 784)
    content = pickle.dumps(((x, labels), (x[:9], labels[:9]), (x[:9], labels[:9])), 2)
    (folder / "data.pkl").write_bytes(content)
    (folder / "data.pkl.gz").write_bytes(gzip.compress(content, 1))
    picture = Image.fromarray(PIXELS.reshape(-1, 1568))
    for suffix in ("png", "tif", "bmp"):
        picture.save(folder / f"picture.{suffix}")
    dA(np.random.RandomState(0), n_visible=784, n_hidden=1000).save(folder / "model.npz")
    header = {"format": "deeptutorial checkpoint", "version": 1}
    write_archive(folder / "checkpoint_0.npz", header, {"x": PIXELS})
    return folder


class Failing(io.FileIO):
    """A file on a disk that fails from some place on."""

    def __init__(self, path, error, place):
        super().__init__(path)
        self.error, self.place = error, place

    def readinto(self, buffer):
        if self.tell() + len(buffer) > self.place:
            raise self.error
        return super().readinto(buffer)

    def readall(self):
        raise self.error


def fail(monkeypatch, error, place):
    def failing(path, *_, **__):
        return Failing(path, error, place)

    monkeypatch.setattr(archives, "open", failing, raising=False)


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
@pytest.mark.parametrize("name", READERS)
def test_a_disk_that_fails(name, part, folder, monkeypatch):
    path = folder / name
    place = part * path.stat().st_size
    fail(monkeypatch, OSError(errno.EIO, os.strerror(errno.EIO)), place)
    with pytest.raises((DatasetError, OSError)) as caught:
        READERS[name](path)
    message = str(caught.value)
    assert str(path) in message
    assert "Input/output error" in message
    assert not [word for word in ACCUSATIONS if word in message]


@pytest.mark.parametrize("name", READERS)
def test_memory_that_is_short(name, folder, monkeypatch):
    fail(monkeypatch, MemoryError(), 0.5 * (folder / name).stat().st_size)
    with pytest.raises(MemoryError, match=name):
        READERS[name](folder / name)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no way to limit memory here")
def test_a_limit_of_memory(folder):
    """In a process of its own: what others have given back may be enough in this one."""
    program = (
        "from pathlib import Path\n"
        "from tests.test_damage import read_with_little_memory\n"
        f"read_with_little_memory(Path({str(folder)!r}))\n"
    )
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def read_with_little_memory(folder):
    """Read each file with far too little to plenty: it is read, or there is too little memory."""
    n_short = 0
    for name, read in READERS.items():
        is_read = False
        for megabytes in (0, 3, 5, 7, 10, 15, 20, 30, 40, 100):
            try:
                with memory_limited(megabytes << 20):
                    read(folder / name)
                is_read = True
            except MemoryError:
                n_short += 1
        assert is_read, name
    assert n_short > len(READERS)


@contextlib.contextmanager
def memory_limited(size):
    import resource  # not on Windows

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(OSError(errno.EIO, "Input/output error"), RunFolderError), (MemoryError(), MemoryError)],
)
def test_a_checkpoint_that_could_not_be_read_is_not_to_be_removed(
    error, kind, tmp_path, monkeypatch
):
    """Nor is the other one, an older one, taken in its place."""
    weight = pytensor.shared(np.zeros(3))
    given = SimpleNamespace(variable=weight, update=True)
    step = SimpleNamespace(maker=SimpleNamespace(inputs=[given]))
    data = [(pytensor.shared(np.zeros((4, 2))), pytensor.shared(np.zeros(4)))] * 3
    run = Run(data, tmp_path)
    for epoch, c in run.stage("one", None, step, 0.1).epochs(3):
        c.append(1.0)
        if epoch == 2:
            break
    run.wait_for_checkpoint()
    run._checkpoints.release()
    before = {path: path.read_bytes() for path in tmp_path.glob("checkpoint*")}
    assert len(before) == 2
    fail(monkeypatch, error, 0)
    with pytest.raises(kind) as caught:
        Run(data, tmp_path, resume=True)
    assert "checkpoint_" in str(caught.value)
    assert not [word for word in ACCUSATIONS if word in str(caught.value)]
    assert {path: path.read_bytes() for path in tmp_path.glob("checkpoint*")} == before


def test_an_array_whose_header_is_nested_too_deeply_is_damaged():
    """Python's parser says that its memory is short."""
    text = b"-" * 9900 + b"1\n"
    file = io.BytesIO(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(archives.ArchiveError, match="no array in NumPy's format"):
        archives.read_npy(file)


def test_what_a_file_claims_takes_no_memory(tmp_path):
    (tmp_path / "small").write_bytes(b"abc")
    with archives.open_regular(tmp_path / "small") as file:
        assert file.read(1) == b"a"
        assert file.read(1 << 60) == b"bc"
        assert file.read(1 << 60) == b""
