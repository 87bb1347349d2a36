"""What the bad-input drill tries on all that reads tables: good files, absurd ones, and bombs."""

import bz2
import gzip
import io
import lzma
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import scipy.io
import scipy.sparse
from hypothesis import strategies as st

from deeptutorial.datasets import read_dataset

RNG = np.random.default_rng(0)
X = RNG.random((9, 4)).round(3).astype("float32")
Y = np.arange(9) % 3
HEAD = "id,p,q,r,s,label\n"
CSV = HEAD + "".join(
    f"s{i},{','.join(map(str, row))},k{y}\n"
    for i, (row, y) in enumerate(zip(X.tolist(), Y, strict=True))
)


def read_table(path: Path) -> list:
    """Read a table of whatever range, and check what all data sets have to be."""
    dataset = read_dataset(path, "minmax")
    for images, labels in (dataset.train, dataset.valid, dataset.test):
        assert len(images) == len(labels) > 0
        assert 0 <= images.min() <= images.max() <= 1
        assert np.prod(dataset.image_shape) == images.shape[1]
        assert not dataset.columns or len(dataset.columns) == images.shape[1]
        assert labels.max() < max(len(dataset.class_names), 1 << 31)
    return [dataset.train, dataset.valid, dataset.test]


def kinds() -> Iterator[tuple[str, bytes, Callable[[Path], Any], str]]:
    """Yield the name, a good file, the reader and the suffix of each kind."""
    text = CSV.encode()
    files = {
        "CSV": (text, ".csv"),
        "TSV": (CSV.replace(",", "\t").encode(), ".tsv"),
        "blanks": (b"\n".join(b" ".join(b"%g" % v for v in row) for row in X), ".txt"),
        "CSV, gzipped": (gzip.compress(text, mtime=0), ".csv.gz"),
        "CSV, bzip2": (bz2.compress(text), ".csv.bz2"),
        "CSV, xz": (lzma.compress(text), ".csv.xz"),
        "amat": (b"\n".join(b"0.5 0.25 1 %d" % y for y in Y), ".amat"),
        "npz, of texts": (_npz(x=X, y=np.array(["a", "b", "c"])[Y]), ".npz"),
        "npz, sparse": (_sparse(), ".npz"),
        "npy, rows": (_npy(X), ".npy"),
        "mat": (_mat(), ".mat"),
        "mat, packed": (_mat(do_compression=True), ".mat"),
        "mat, version 4": (_mat(format="4"), ".mat"),
        "HDF5": (hdf5_of(_fill), ".h5"),
        "Parquet": (_parquet(), ".parquet"),
        "Parquet, plain": (_parquet(compression="none", use_dictionary=False), ".parquet"),
    }
    for name, (content, suffix) in files.items():
        yield name, content, read_table, suffix


def _npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _sparse() -> bytes:
    file = io.BytesIO()
    scipy.sparse.save_npz(file, scipy.sparse.csr_matrix(np.where(X > 0.5, X, 0)))
    return file.getvalue()


def _mat(**options) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, {"X": X, "y": Y[:, None]}, **options)
    content = file.getvalue()
    return content if options.get("format") == "4" else b"MATLAB 5.0".ljust(116) + content[116:]


def hdf5_of(fill: Callable[[h5py.File], object]) -> bytes:
    """Return an HDF5 file that a function fills."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        with h5py.File(path, "w") as file:
            fill(file)
        return path.read_bytes()


def _fill(file: h5py.File):
    file["X"] = X
    file.create_dataset("y", data=np.array([b"a", b"b", b"c"])[Y])
    file.create_dataset("group/packed", data=X, compression="gzip", shuffle=True)
    file["group/text"] = ["a"] * 9
    file.attrs["note"] = "made by a test"


def _parquet(**options) -> bytes:
    file = io.BytesIO()
    columns = {name: X[:, i].astype("float64") for i, name in enumerate("pqrs")}
    names = [f"s{i}" for i in range(9)]
    table = pa.table({"id": names, **columns, "label": [f"k{y}" for y in Y]})
    pa.parquet.write_table(table, file, **options)
    return file.getvalue()


# ---- what nobody would write


CELLS = st.sampled_from(
    [
        *("", "0", "1", "-1", "0.5", "1e308", "-1e308", "1e400", "nan", "inf", "NA", "?", "1,5"),
        *('"', '"a', 'a"b', '""', "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "label", "id", "s1"),
        *(
            "1_0",
            "٣",
            "\0",
            "\r",
            "#",
            "!",
            "\ufeff",
            "pixel0",
            "255",
            "256",
            "'",
            "0x10",
            "1e-320",
        ),
    ]
)


@st.composite
def texts(draw) -> bytes:
    """Draw tables of odd cells, mostly of as many in each row."""
    separator = draw(st.sampled_from([",", "\t", ";", " ", "|"]))
    n_columns = draw(st.integers(0, 5))
    size = st.integers(0, 6) if draw(st.integers(0, 4)) == 0 else st.just(n_columns)
    cells = CELLS if draw(st.booleans()) else st.sampled_from(["0", "1", "2.5", "-3", "a", ""])
    rows = draw(
        st.lists(size.flatmap(lambda n: st.lists(cells, min_size=n, max_size=n)), max_size=9)
    )
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    text = end.join(separator.join(row) for row in rows)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-8-sig"])))


@st.composite
def sparse_files(draw) -> bytes:
    """Draw sparse matrices whose indices lead anywhere."""
    number = st.integers(-2, 5) | st.sampled_from([2**31 - 1, 2**31, 2**62])
    arrays = {
        "data": np.array(draw(st.lists(st.floats(width=32), max_size=6)), dtype="f4"),
        "indices": np.array(draw(st.lists(number, max_size=6)), dtype="i8"),
        "indptr": np.array(draw(st.lists(number, max_size=6)), dtype="i8"),
        "shape": np.array(draw(st.lists(number, max_size=3)), dtype="i8"),
        "format": np.array(draw(st.sampled_from([b"csr", b"csc", b"coo", b"bsr", b"\xff"]))),
    }
    return _npz(**arrays)


@st.composite
def parquet_files(draw, valid: bytes) -> bytes:
    """Draw Parquet files whose footer, which tells of rows and pages, has other bytes."""
    (length,) = struct.unpack("<I", valid[-8:-4])
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        place = len(valid) - 8 - draw(st.integers(1, length))
        content[place] = draw(st.integers(0, 255))
    return bytes(content)


def absurd() -> dict[str, st.SearchStrategy]:
    """Return strategies for files that nobody would write, by the kinds of `kinds`."""
    of_text = {name: texts() for name in ("CSV", "TSV", "blanks", "amat")}
    return of_text | {
        "CSV, gzipped": texts().map(lambda text: gzip.compress(text, mtime=0)),
        "npz, sparse": sparse_files(),
        "Parquet": parquet_files(_parquet()),
        "Parquet, plain": parquet_files(_parquet(compression="none", use_dictionary=False)),
    }


# ---- small files that hold, or claim, a great deal


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield them with the kind that each is one of."""
    zeros = bytes(400_000_000)
    for name, pack in (("CSV, gzipped", gzip), ("CSV, bzip2", bz2), ("CSV, xz", lzma)):
        yield name, pack.compress(zeros)
        yield name, pack.compress(b"0," * 100_000_000)
        yield name, pack.compress(b'"' + b"0" * 100_000_000)
    yield "CSV", b",".join([b"1"] * 1_000_000) + b"\n" + b",".join([b"x"] * 1_000_000)
    yield "CSV", b"\n".join([b",".join([b"1"] * 1_000_000)] * 4)
    yield "CSV", b"\n" * 10_000_000
    yield "CSV", b'"' * 10_000_001
    yield "CSV, xz", _xz_of_a_large_dictionary()
    yield "mat, packed", _mat(do_compression=True)[:128] + _packed_element(zeros)
    yield (
        "HDF5",
        hdf5_of(lambda file: file.create_dataset("x", (1 << 40, 1 << 10), "f4", chunks=True)),
    )
    yield (
        "HDF5",
        hdf5_of(
            lambda file: file.create_dataset(
                "x", data=np.zeros((100_000, 1000), "f4"), compression="gzip", chunks=(10_000, 1000)
            )
        ),
    )
    yield "HDF5", hdf5_of(lambda file: [file.create_group(f"g{i}") for i in range(3000)] and None)
    yield "Parquet", _parquet_of_zeros(100_000_000)
    yield (
        "npz, sparse",
        _npz(
            data=np.zeros(1, "f4"),
            indices=np.zeros(1, "i4"),
            indptr=np.array([0, 1], "i4"),
            shape=np.array([1, 2**40]),
            format=b"csr",
        ),
    )


def _packed_element(zeros: bytes) -> bytes:
    """Return an element of a .mat file, a matrix of bytes that are 0, as it is packed."""
    size = len(zeros)
    flags = struct.pack("<IIII", 6, 8, 9, 0)  # of the class uint8
    shape = struct.pack("<IIii", 5, 8, 10, size // 10)
    name = struct.pack("<HH4s", 1, 1, b"X\0\0\0")
    content = flags + shape + name + struct.pack("<II", 2, size) + zeros
    packed = zlib.compress(struct.pack("<II", 14, len(content)) + content, 9)
    return struct.pack("<II", 15, len(packed)) + packed


def _xz_of_a_large_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20, "preset": 0}]
    content = lzma.compress(CSV.encode(), filters=filters, check=lzma.CHECK_NONE)
    header = bytearray(content[12:24])
    header[4] = 40  # 4 GB of dictionary
    header[8:12] = struct.pack("<I", zlib.crc32(header[:8]))
    return content[:12] + bytes(header) + content[24:]


def _parquet_of_zeros(n_rows: int) -> bytes:
    file = io.BytesIO()
    with pa.parquet.ParquetWriter(file, pa.schema([("x", pa.float64())])) as writer:
        some = pa.table({"x": np.zeros(n_rows // 50)})
        for _ in range(50):
            writer.write_table(some)
    return file.getvalue()
