"""The bad-input drill: broken, absurd and hostile files and options, for everything that reads.

``python -m tests.faults.bad_inputs --examples 300 --seed 7`` prints how many inputs of each kind
were tried, how many of them could be read after all, and how many were refused. Anything else is a
loss: another exception than those that the scripts turn into one line and status 2, more than some
seconds or some hundred megabytes, something of the file that ran, or, where a format has a
checksum, other content than was written.
"""

import argparse
import contextlib
import functools
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import resource
import signal
import struct
import sys
import tempfile
import traceback
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from dA import test_dA
from deeptutorial import SdA, dA, load_model
from deeptutorial.archives import ArchiveError, read_npy, write_archive
from deeptutorial.commands.info import info
from deeptutorial.commands.inputs import read_examples
from deeptutorial.commands.parser import LARGEST, MOST
from deeptutorial.commands.script_options import SdA_options, dA_options
from deeptutorial.datasets import DatasetError, read_dataset
from deeptutorial.datasets.arrays import Examples, divided, scaled
from deeptutorial.datasets.idx import IDX_NAMES, read_idx
from deeptutorial.datasets.npz import read_npz
from deeptutorial.datasets.pickled import read_pickled
from deeptutorial.datasets.pictures import read_picture
from deeptutorial.training import DivergenceError, EarlyStopping, Run, RunFolderError
from SdA import test_SdA
from tests.faults import bad_tables
from tests.faults.scripts import small_dA, small_SdA, write_small_data

REFUSALS = (DatasetError, ArchiveError, RunFolderError, OSError)
"""What the scripts and the command turn into one line and status 2."""

BRIEF = 100
"""Fewer examples than this are to be over in a minute: files are not cut at every length, and no
script runs to its end."""

SECONDS = 20
MEGABYTES = 700
MANY_PIXELS = 1 << 24  # several arrays of so many floats do not go into that


class TooSlowError(BaseException):
    """An input that kept us waiting."""


@contextlib.contextmanager
def limits():
    """Allow some seconds of work, more of waiting, and some memory more than there is."""

    def ring(*_):
        raise TooSlowError(f"more than {SECONDS} seconds")

    clocks = {
        signal.ITIMER_PROF: (signal.SIGPROF, SECONDS),
        signal.ITIMER_REAL: (signal.SIGALRM, 10 * SECONDS),
    }
    old_handlers = {number: signal.signal(number, ring) for number, _ in clocks.values()}
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 2**20, hard))
    for clock, (_, seconds) in clocks.items():
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for clock in clocks:
            signal.setitimer(clock, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in old_handlers.items():
            signal.signal(number, handler)


# ---- what reads


@dataclass
class Kind:
    """A kind of file, a good one of it, and what reads it."""

    name: str
    valid: bytes
    read: Callable[[Path], Any]
    is_exact: bool = False  # whether what can be read must be what was written
    suffix: str = ""
    is_picture: bool = False  # takes as much memory as Pillow lets one have
    may_hold_nan: bool = False  # which whoever reads it looks for

    def examine(self, content: bytes, folder: Path) -> str:
        """Read a file with this content; return "read" or "refused"."""
        path = folder / f"file{self.suffix}"
        path.write_bytes(content)
        try:
            with limits():
                value = self.read(path)
        except REFUSALS as error:
            message = str(error)
            assert "file" in message, message  # it names the file
            assert len(message) < 2000, message
            return "refused"
        except MemoryError as error:
            if not self.is_picture or "file" not in str(error) or n_pixels(path) < MANY_PIXELS:
                raise
            return "refused"
        assert_in_range(value, self.may_hold_nan)
        if self.is_exact:
            assert digest(value) == digest(self.original(folder)), "other content than was written"
        return "read"

    def original(self, folder: Path) -> Any:
        path = folder / f"good{self.suffix}"
        path.write_bytes(self.valid)
        return self.read(path)


def arrays_of(value) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for item in value for array in arrays_of(item)]
    return []


def digest(value) -> str:
    return repr([(a.dtype.str, a.shape, a.tobytes()) for a in arrays_of(value)])


def n_pixels(path: Path) -> int:
    with Image.open(path) as opened:
        return opened.width * opened.height


def assert_in_range(value, may_hold_nan=False):
    for array in arrays_of(value):
        assert array.size > 0 or array.dtype == np.uint8
        assert may_hold_nan or np.isfinite(array).all()


def dataset_arrays(dataset) -> list:
    parts = divided(dataset) if isinstance(dataset, Examples) else dataset
    dataset = scaled(parts, "none")  # as `load_data` does
    for images, labels in (dataset.train, dataset.valid, dataset.test):
        assert len(images) == len(labels) > 0
        assert images.ndim == 2
        assert 0 <= images.min() <= images.max() <= 1
        assert np.prod(dataset.image_shape) == images.shape[1]
    return [dataset.train, dataset.valid, dataset.test]


def picture_array(path: Path) -> np.ndarray:
    picture = read_picture(path)
    assert picture.ndim in (2, 3)
    assert picture.dtype == np.float32
    return picture


def model_arrays(path: Path) -> list:
    model = load_model(path)
    return [param.get_value() for param in model.named_params().values()]


def info_lines(path: Path) -> list:
    """Let the command tell of a model: nothing of it reaches the terminal as it is."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        info(str(path))
    for line in out.getvalue().splitlines():
        assert line.isprintable()
        assert len(line) < 500
    return []


def rows_for(model: dA) -> Callable[[Path], Any]:
    """Return what reads examples for a model, as `deeptutorial encode` does."""

    def read(path: Path) -> list:
        shown = read_examples(str(path), model)
        rows = [block for _, block in shown.blocks(model.n_hidden)]
        assert all(block.shape[1:] == (model.n_visible,) for block in rows)
        return rows

    return read


def folder_arrays(place: str) -> Callable[[Path], Any]:
    """Return what reads a folder that a file of ours is put into, at its place there."""

    def read(path: Path) -> list:
        folder = path.parent / f"folder of {place}"
        folder.mkdir(exist_ok=True)
        (folder / place).write_bytes(path.read_bytes())
        try:
            return dataset_arrays(read_dataset(folder))
        except DatasetError as error:
            raise DatasetError(f"file: {error}") from error

    return read


def npy_array(path: Path) -> np.ndarray:
    with open(path, "rb") as file:
        try:
            array = read_npy(file)
            return array if array.size else np.zeros(1)
        except ArchiveError as error:
            raise ArchiveError(f"{path.name} file: {error}") from error


class Resumption:
    """A run that goes on from a checkpoint: a folder, and what a script would have."""

    def __init__(self):
        self.weight = pytensor.shared(np.zeros(3))
        x = pytensor.shared(np.full((4, 2), 0.5))
        y = pt.cast(pytensor.shared(np.zeros(4)), "int32")
        self.datasets = [(x, y)] * 3
        given = SimpleNamespace(variable=self.weight, update=True)
        self.train = SimpleNamespace(maker=SimpleNamespace(inputs=[given]))

    def go_on(self, folder: Path, resume: bool = True, stop: bool = False) -> list:
        self.weight.set_value(np.zeros(3))
        run = Run(self.datasets, folder, resume, 1e9, rate=0.1)
        try:
            stopping = EarlyStopping(patience=100)
            stage = run.stage("first", None, self.train, 0.1, stopping=stopping)
            for epoch, c in stage.epochs(3):
                for index in stage.minibatches(3):
                    self.weight.set_value(self.weight.get_value() + index)
                    c.append(1.0)
                stopping.improves(stage.check(), epoch)
                if stop and epoch == 1:
                    return []
            run.wait_for_checkpoint()
            return [np.nan_to_num(self.weight.get_value())]  # with NaN, a run ends as diverged
        finally:
            run.wait_for_checkpoint()
            run._checkpoints.release()

    def checkpoint(self, folder: Path) -> bytes:
        """Return a checkpoint of a run that has come half-way."""
        self.go_on(folder, resume=False, stop=True)
        return max(folder.glob("checkpoint*"), key=os.path.getmtime).read_bytes()

    def __call__(self, path: Path) -> list:
        folder = path.parent / "run"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("checkpoint*"):
            old.unlink()
        (folder / "checkpoint_1.npz").write_bytes(path.read_bytes())
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                return self.go_on(folder)
        except (RunFolderError, DivergenceError) as error:
            raise RunFolderError(f"file: {error}") from error


def float_tiff() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2), 0.5, "float32")).save(file, "TIFF")
    return file.getvalue()


FORGED = ("model", "model of a stack", "model, told of", "checkpoint")
"""Kinds with a checksum, which whoever forges one can make right."""


def kinds(folder: Path) -> list[Kind]:
    """Return all kinds of files, with a small good one of each."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (7, 2, 2), dtype=np.uint8)
    labels = rng.integers(0, 3, 7)
    idx = idx_bytes((7, 2, 2), pixels.tobytes())
    x = (pixels.reshape(7, 4) / 256).astype("float32")
    pickled = pickle.dumps(((x, labels), (x[:3], labels[:3]), (x[3:], labels[3:])), 2)
    npz, npy = io.BytesIO(), io.BytesIO()
    np.savez_compressed(npz, x=pixels, y=labels)
    np.save(npy, x)
    da = dA(numpy_rng=np.random.RandomState(0), n_visible=4, n_hidden=3)
    da.save(folder / "model.npz")
    SdA(np.random.RandomState(0), n_ins=4, hidden_layers_sizes=[3, 2], n_outs=2).save(
        folder / "stack.npz"
    )
    for name, shape in (("train", (7, 2, 2)), ("t10k", (7, 2, 2))):
        whole = folder / f"folder of {IDX_NAMES[0]}"
        whole.mkdir(exist_ok=True)
        (whole / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(shape, pixels.tobytes()))
        (whole / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes((7,), bytes(7)))
    for i in range(6):
        pictures = folder / "folder of a.png"
        pictures.mkdir(exist_ok=True)
        Image.fromarray(pixels[i].repeat(4, 0).repeat(4, 1)).save(pictures / f"{i}.png")
    resumption = Resumption()
    (folder / "resumption").mkdir()
    checkpoint = resumption.checkpoint(folder / "resumption")

    def picture(kind: str, mode: str = "L") -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels[0].repeat(4, 0).repeat(4, 1)).convert(mode).save(file, kind)
        return file.getvalue()

    def npz_arrays(path: Path) -> list:
        return dataset_arrays(read_npz(path))

    def pickled_arrays(path: Path) -> list:
        return dataset_arrays(read_pickled(path))

    return [
        Kind("IDX", idx, read_idx),
        Kind("IDX, gzipped", gzip.compress(idx, mtime=0), read_idx, True, ".gz"),
        Kind("pickle", pickled, pickled_arrays),
        Kind("pickle, gzipped", gzip.compress(pickled, mtime=0), pickled_arrays, True, ".gz"),
        Kind("npz", npz.getvalue(), npz_arrays, True, ".npz"),
        Kind("npy", npy.getvalue(), npy_array, suffix=".npy", may_hold_nan=True),
        *(
            Kind(
                f"picture, {kind}",
                picture(kind, mode),
                picture_array,
                suffix=f".{kind.lower()}",
                is_picture=True,
                may_hold_nan=True,
            )
            for kind, mode in (
                *(("PNG", "L"), ("PNG", "P"), ("GIF", "L"), ("BMP", "RGB"), ("TIFF", "L")),
                *(("JPEG", "L"), ("PPM", "L"), ("WEBP", "RGB"), ("ICO", "RGBA"), ("TGA", "L")),
            )
        ),
        Kind(
            "folder of pictures",
            picture("PNG"),
            folder_arrays("a.png"),
            suffix=".png",
            is_picture=True,
        ),
        Kind("folder of IDX", idx, folder_arrays(IDX_NAMES[0])),
        Kind("npy, encoded", npy.getvalue(), rows_for(da), suffix=".npy"),
        Kind("TIFF of floats, encoded", float_tiff(), rows_for(da), suffix=".tif", is_picture=True),
        Kind("model", (folder / "model.npz").read_bytes(), model_arrays, True, ".npz"),
        Kind("model of a stack", (folder / "stack.npz").read_bytes(), model_arrays, True, ".npz"),
        Kind("model, told of", (folder / "model.npz").read_bytes(), info_lines, suffix=".npz"),
        Kind("checkpoint", checkpoint, resumption, True, ".npz"),
        *(
            Kind(name, content, read, suffix=suffix)
            for name, content, read, suffix in bad_tables.kinds()
        ),
    ]


# ---- inputs

SIZES = st.sampled_from([0, 1, 2, 4, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)


def idx_bytes(shape, values: bytes, type_code: int = 8) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, type_code, len(shape), *shape) + values


@st.composite
def damaged(draw, valid: bytes) -> bytes:
    """Draw what a bad disk, a bad copy or a bad day can make of a file."""
    how = draw(st.sampled_from(["flip", "flip", "cut", "overwrite", "insert", "twice", "other"]))
    place = draw(st.integers(0, len(valid) - 1))
    if how == "flip":
        content = bytearray(valid)
        for position in [place, *draw(st.lists(st.integers(0, len(valid) - 1), max_size=6))]:
            content[position] ^= 1 << draw(st.integers(0, 7))
        return bytes(content)
    if how == "cut":
        return valid[:place]
    if how == "twice":
        return valid + valid[:place]
    some = draw(st.binary(min_size=1, max_size=40))
    if how == "overwrite":
        return valid[:place] + some + valid[place + len(some) :]
    if how == "insert":
        return valid[:place] + some + valid[place:]
    return valid[: min(place, 8)] + some


@st.composite
def idx_files(draw) -> bytes:
    """Draw IDX files with sizes that are absurd, or at odds with what follows."""
    shape = draw(st.lists(SIZES, max_size=5) | st.lists(SIZES, min_size=255, max_size=255))
    return idx_bytes(shape, draw(st.binary(max_size=64)), draw(st.sampled_from([8, 8, 9, 13])))


@st.composite
def npy_files(draw) -> bytes:
    """Draw arrays in NumPy's format, of absurd shapes and types."""
    number = SIZES | st.integers(-3, 2**70)
    types = "'<f4'", "'|u1'", "'>i8'", "'|O'", "'<U99999999'", "'|V2000000000'", "[('a', '<f4')]"
    header = repr(
        {"fortran_order": draw(st.booleans()), "shape": tuple(draw(st.lists(number, max_size=4)))}
    )
    header = header[:-1] + f", 'descr': {draw(st.sampled_from(types))}}}\n"
    content = header.encode("latin1")
    version = draw(st.sampled_from([b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x09\x09"]))
    length = struct.pack("<H" if version[0] == 1 else "<I", len(content))
    return b"\x93NUMPY" + version + length + content + draw(st.binary(max_size=64))


@st.composite
def npz_files(draw) -> bytes:
    """Draw archives of such arrays."""
    file = io.BytesIO()
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    names = "x.npy", "y.npy", "x_train.npy", "x_test.npy", "header.json", "../x.npy"
    with zipfile.ZipFile(file, "w", draw(st.sampled_from(methods))) as archive:
        for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=3)):
            archive.writestr(name, draw(npy_files()))
    return file.getvalue()


@st.composite
def hostile_pickles(draw, canary: Path) -> bytes:
    """Draw pickles that would leave a file behind if anything in them ran."""
    command = f"touch {canary}"
    callables = [
        *("os system", "posix system", "subprocess getoutput", "subprocess Popen"),
        *("builtins eval", "builtins exec", "__builtin__ eval", "numpy fromfile", "numpy load"),
        *("numpy.core.multiarray scalar", "numpy._core.multiarray _reconstruct", "numpy dtype"),
        *("_codecs encode", "codecs decode", "builtins getattr", "importlib import_module"),
    ]
    module, name = draw(st.sampled_from(callables)).split()
    if "eval" in name or "exec" in name:
        command = f"__import__('os').system('touch {canary}')"
    text = command.encode()
    argument = b"X" + struct.pack("<I", len(text)) + text
    by_name = f"c{module}\n{name}\n".encode()
    by_stack = f"\x8c{chr(len(module))}{module}\x8c{chr(len(name))}{name}\x93".encode("latin1")
    function = draw(st.sampled_from([by_name, by_stack]))
    call = draw(
        st.sampled_from(
            [
                function + b"(" + argument + b"tR",
                function + b"(" + argument + b"t\x81",
                function + b"}" + argument + b"Nsb",
                b"(" + function + argument + b"o",
                b"(" + argument + f"i{module}\n{name}\n".encode(),
                b"\x80\x04\x95" + struct.pack("<Q", 2 ** draw(st.integers(1, 63))) + function,
                b"P" + text + b"\n",
                argument + b"Q",
                b"\x82\x01" + argument,
            ]
        )
    )
    before = draw(st.sampled_from([b"", b"\x80\x02", b"(", b"]", b"}", b"N0"]))
    return (
        before + call * draw(st.integers(1, 3)) + draw(st.sampled_from([b".", b"a.", b"s.", b""]))
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([-1, 0, 2**31, 10**30, 1e308, "", "W", "dA", "float16", [], {}])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def forged(draw, valid: bytes, path: Path) -> bytes:
    """Draw archives with a checksum that is right and content that is not."""
    with zipfile.ZipFile(io.BytesIO(valid)) as file:
        header = json.loads(file.read("header.json"))
        arrays = {
            name.removesuffix(".npy"): read_npy(io.BytesIO(file.read(name)))
            for name in file.namelist()
            if name != "header.json"
        }
    del header["sha256"]
    if draw(st.integers(0, 3)) == 0 and arrays:
        name = draw(st.sampled_from(sorted(arrays)))
        array = arrays.pop(name)
        change = draw(st.sampled_from(["gone", "nan", "type", "shape", "renamed"]))
        if change == "nan":
            arrays[name] = np.full_like(array, np.nan)
        elif change == "type":
            arrays[name] = array.astype(draw(st.sampled_from(["int8", "float16", "bool", ">f8"])))
        elif change == "shape":
            arrays[name] = array.reshape(-1)[: draw(st.integers(0, array.size))]
        elif change == "renamed":
            arrays[draw(st.sampled_from(["other", "../x", ""]))] = array
        write_archive(path, header, arrays)
        return path.read_bytes()
    inner, key = header, draw(st.sampled_from(sorted(header)))
    while draw(st.booleans()) and isinstance(inner[key], dict | list) and inner[key]:
        inner = inner[key]
        keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        key = draw(st.sampled_from(keys))
    inner[key] = draw(JSON)
    write_archive(path, header, arrays)
    return path.read_bytes()


def absurd(name: str, folder: Path):
    """Return a strategy for files of a kind that nobody would write, or None."""
    return {
        "IDX": idx_files(),
        "IDX, gzipped": idx_files().map(zipped),
        "npy": npy_files(),
        "npz": npz_files(),
        "pickle": hostile_pickles(folder / "canary"),
        "pickle, gzipped": hostile_pickles(folder / "canary").map(zipped),
        **bad_tables.absurd(),
    }.get(name)


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def bombs():
    """Yield small files that claim, or hold, a great deal more than they are large."""
    zeros = bytes(400_000_000)
    idx = idx_bytes((len(zeros) // 784, 28, 28), zeros)
    yield "IDX, gzipped", gzip.compress(idx, 9)
    yield "IDX, gzipped", b"".join([gzip.compress(idx[: 1 << 20], 9)] * 400)
    yield "pickle, gzipped", gzip.compress(b"\x80\x02B" + struct.pack("<I", len(zeros)) + zeros, 9)
    yield "pickle, gzipped", gzip.compress(b"(" * 300_000_000, 9)
    yield "pickle, gzipped", gzip.compress(asked_again_and_again(100_000_000, 80), 9)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            header = np.lib.format.magic(1, 0)
            text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(zeros)}, 1)}}\n"
            archive.writestr("x.npy", header + struct.pack("<H", len(text)) + text.encode() + zeros)
        yield "npz", file.getvalue()
        content = file.getvalue()
        size = struct.pack("<I", len(zeros) + 8 + 2 + len(text))
        yield "npz", content.replace(size, struct.pack("<I", 1000))  # a directory that lies
    for side in (10_000, 20_000, 60_000):
        yield "picture, PNG", png_of_nothing(side)
    yield "picture, BMP", bmp_of_nothing(60_000)
    yield from bad_tables.bombs()


def asked_again_and_again(size: int, times: int) -> bytes:
    """Return a pickle that makes arrays of the same bytes, again and again."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    memo = b"B" + struct.pack("<I", size) + bytes(size) + b"q\x000"
    memo += b"cnumpy\ndtype\n(" + text("u1") + b"tRq\x010"
    memo += b"(J" + struct.pack("<i", size) + b"tq\x020"
    memo += b"cnumpy.core.numeric\n_frombuffer\nq\x030" + text("C") + b"q\x040"
    return b"\x80\x05" + memo + b"(" + b"(h\x03h\x00h\x01h\x02h\x04tR" * times + b"t."


def png_of_nothing(side: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def bmp_of_nothing(side: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    )


# ---- options

NUMBERS = st.sampled_from(
    [
        *("-1", "0", "1", "2", "0.5", "1.0", "1.0000001", "-0.0", "nan", "inf", "-inf", "1e309"),
        *("1e-400", str(MOST), str(MOST + 1), "4294967295", "4294967296", "9" * 5000, "", "--"),
        *("1_0", "0x10", " 1", "1e5", "٣", "one", "-", "1\n2", "True", "None"),
    ]
)
VALUES = NUMBERS | st.text(max_size=6) | st.integers().map(str) | st.floats().map(repr)
BOUNDS = {
    "learning_rate": (0, LARGEST),
    "finetune_lr": (0, LARGEST),
    "pretrain_lr": (0, LARGEST),
    "finetune_lr_decay": (0, 1),
    "finetune_corruption_level": (0, 1),
    "finetune_dropout": (0, 0.99),
    "training_epochs": (0, MOST),
    "pretraining_epochs": (0, MOST),
    "patience_epochs": (1, MOST),
    "batch_size": (1, MOST),
    "finetune_batch_size": (1, MOST),
    "n_hidden": (1, MOST),
    "hidden_layers_sizes": (1, MOST),
    "corruption_levels": (0, 1),
    "seed": (0, 2**32 - 1),
    "checkpoint_every": (0, LARGEST),
}
OTHERS = ("--floatX", "--recipe", "--corruption", "--backend", "--no-such", "-x", "")


@st.composite
def command_lines(draw) -> tuple[str, ...]:
    others = {
        "corruption_levels": "--corruption-level",
        "finetune_corruption_level": "--finetune-corruption",
    }
    names = [others.get(name, "--" + name.replace("_", "-")) for name in BOUNDS]
    words = []
    for _ in range(draw(st.integers(1, 3))):
        words += [draw(st.sampled_from((*names, *OTHERS))), draw(VALUES)]
    return tuple(words)


def examine_options(parse: Callable, words: tuple[str, ...]) -> str:
    """Parse a command line; return "read" or "refused"."""
    err = io.StringIO()
    old = pytensor.config.floatX
    status, options = 0, {}
    try:
        with contextlib.redirect_stderr(err), limits():
            options = parse(list(words))
    except SystemExit as ended:
        status = ended.code
    finally:
        pytensor.config.floatX = old
    if status:
        assert status == 2
        assert err.getvalue().count(": error: ") == 1
        return "refused"
    for name, value in options.items():
        low, high = BOUNDS.get(name, (None, None))
        if low is not None and value is not None:
            assert all(low <= v <= high for v in np.ravel(np.asarray(value, dtype=object)))
    return "read"


def runs(data: Path):
    """Yield scripts with options that are accepted, at their bounds, and with odd data."""
    tiny = ("--n-hidden", 3, "--corruption-level", 0.3)
    for more in (
        *(("--learning-rate", 0), ("--learning-rate", 1e38), ("--learning-rate", 1e-320)),
        *(("--learning-rate", 2e38), ("--n-hidden", MOST), ("--batch-size", MOST)),
        *(("--batch-size", 200), ("--training-epochs", 0), ("--corruption-level", 1)),
        *(("--seed", 2**32 - 1), ("--floatX", "float64"), ("--output-folder", "a\nb")),
    ):
        yield small_dA(data, 1, *tiny, *more)
    for more in (
        *(("--finetune-lr", 1e38), ("--hidden-layers-sizes", MOST, MOST), ("--batch-size", 40)),
        *(("--patience-epochs", MOST), ("--finetune-lr-decay", 0), ("--finetune-dropout", 0.99)),
    ):
        yield small_SdA(data, 1, *more)
    odd = data.parent / os.fsdecode(b"odd \xff\n.npz")
    odd.write_bytes(data.read_bytes())
    yield small_dA(odd, 1, *tiny)
    few = data.parent / "few.npz"
    np.savez(few, x=np.zeros((7, 1), "float32"), y=np.arange(7))
    yield small_dA(few, 1, *tiny, "--batch-size", 1)
    yield small_SdA(few, 1, "--batch-size", 1)
    labels = data.parent / "labels.npz"
    np.savez(labels, x=np.zeros((70, 4), "float32"), y=np.full(70, 2**31 - 1))
    yield small_SdA(labels, 1)
    os.mkfifo(data.parent / "pipe")
    yield small_dA(data.parent / "pipe", 1)
    yield small_dA("/dev/zero", 1)
    yield small_dA("", 1)


# ---- the drill


class Counts:
    """Distinct inputs of each kind, and what came of them."""

    def __init__(self):
        self.rows: dict[str, dict[str, int]] = {}
        self.seen: set[tuple[str, bytes]] = set()
        self.losses: list[str] = []

    def add(self, kind: str, content: bytes, outcome: str) -> None:
        key = kind, hashlib.sha1(content).digest()
        if key not in self.seen:
            self.seen.add(key)
            row = self.rows.setdefault(kind, {"read": 0, "refused": 0, "lost": 0})
            row[outcome] += 1

    def examine(self, kind: str, content: bytes, examine: Callable[[], str]) -> None:
        """Examine an input, and let a loss be raised."""
        try:
            self.add(kind, content, examine())
        except BaseException:
            self.add(kind, content, "lost")
            raise

    def table(self) -> str:
        lines = [f"{'kind of input':<24}{'inputs':>8}{'read':>8}{'refused':>9}{'lost':>6}"]
        total = dict.fromkeys(("read", "refused", "lost"), 0)
        for kind, row in [*self.rows.items(), ("all", total)]:
            lines.append(
                f"{kind:<24}{sum(row.values()):>8}{row['read']:>8}{row['refused']:>9}"
                f"{row['lost']:>6}"
            )
            if row is not total:
                for outcome in total:
                    total[outcome] += row[outcome]
        return "\n".join(lines)


def hunt(strategy, examine: Callable[[Any], None], n_examples: int, seed_: int) -> None:
    """Have hypothesis look for an input that `examine` does not get over."""

    @seed(seed_)
    @settings(
        max_examples=n_examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(strategy)
    def look(content):
        examine(content)

    look()


def examine_kind(kind: Kind, counts: Counts, folder: Path, n_examples: int, seed_: int, step=1):
    """Try a kind of file: cut off at every length, and in every other way."""

    def examine(content: bytes):
        counts.examine(kind.name, content, lambda: kind.examine(content, folder))

    assert kind.examine(kind.valid, folder) == "read"
    for length in range(0, len(kind.valid), step):
        examine(kind.valid[:length])
    hunt(damaged(kind.valid), examine, n_examples, seed_)
    others = absurd(kind.name, folder)
    if others is not None:
        kind = replace(kind, is_exact=False)
        hunt(others, examine, n_examples, seed_)
    assert not (folder / "canary").exists(), "something in a pickle ran"


def examine_forged(kind: Kind, counts: Counts, folder: Path, n_examples: int, seed_: int):
    """Try files with a checksum that is right."""
    lenient = replace(kind, is_exact=False)

    def examine(content: bytes):
        counts.examine(f"{kind.name}, forged", content, lambda: lenient.examine(content, folder))

    hunt(forged(kind.valid, folder / "forged"), examine, n_examples, seed_)


def examine_command_lines(counts: Counts, n_examples: int, seed_: int):
    parsers = {
        "options of dA.py": functools.partial(dA_options, test_dA),
        "options of SdA.py": functools.partial(SdA_options, test_SdA),
    }
    for name, parse in parsers.items():

        def examine(words, name=name, parse=parse):
            content = "\0".join(words).encode("utf-8", "surrogatepass")
            counts.examine(name, content, lambda: examine_options(parse, words))

        hunt(command_lines(), examine, n_examples, seed_)


def examine_bombs(all_kinds: list[Kind], counts: Counts, folder: Path):
    by_name = {kind.name: kind for kind in all_kinds}
    for name, content in bombs():
        kind = by_name[name]
        counts.examine(
            "bombs", content, lambda kind=kind, content=content: kind.examine(content, folder)
        )


def examine_runs(counts: Counts, folder: Path):
    """Run the scripts to the end with what they accept: status 0, 1 or 2, and no traceback."""
    data = write_small_data(folder / "small.npz")
    for n, script in enumerate(runs(data)):
        own = folder / f"run {n}"
        own.mkdir()

        def examine(script=script, own=own) -> str:
            status, _, err = script.run(own)
            assert status in (0, 1, 2), (script, status, err[-500:])
            assert "Traceback" not in err, (script, err[-500:])
            assert status != 2 or len(err.splitlines()) == 1, (script, err[-500:])
            return "refused" if status else "read"

        counts.examine("whole runs", repr(script).encode(), examine)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200, help="of each kind, about")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed_ = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    n = arguments.examples
    print(f"bad-input drill, --examples {n} --seed {seed_}", flush=True)
    is_brief = n < BRIEF
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="deeptutorial-drill-") as name:
        folder = Path(name)
        all_kinds = kinds(folder)
        parts = [
            *(
                lambda kind=kind: examine_kind(
                    *(kind, counts, folder, n, seed_, len(kind.valid) // n + 1 if is_brief else 1)
                )
                for kind in all_kinds
            ),
            *(
                lambda kind=kind: examine_forged(kind, counts, folder, n, seed_)
                for kind in all_kinds
                if kind.name in FORGED
            ),
            lambda: examine_command_lines(counts, n, seed_),
            lambda: examine_bombs(all_kinds, counts, folder),
            *([] if is_brief else [lambda: examine_runs(counts, folder)]),
        ]
        for part in parts:
            try:
                part()
            except (Exception, TooSlowError) as error:
                counts.losses.append("".join(traceback.format_exception(error)))
    print(counts.table())
    for loss in counts.losses:
        print(f"lost: {loss[-4000:]}")
    return 1 if counts.losses else 0


if __name__ == "__main__":
    sys.exit(main())
