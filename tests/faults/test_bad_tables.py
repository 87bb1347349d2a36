"""The bad-input drill on tables, in short; `make drill` is the whole of it."""

import bz2
import gzip
import lzma

import h5py
import numpy as np
import pytest

from tests.faults import bad_inputs, bad_tables

KINDS = {
    name: bad_inputs.Kind(name, content, read, suffix=suffix)
    for name, content, read, suffix in bad_tables.kinds()
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.mark.parametrize("name", KINDS)
def test_files(name, folder):
    counts = bad_inputs.Counts()
    kind = KINDS[name]
    bad_inputs.examine_kind(kind, counts, folder, 12, 0, step=max(1, len(kind.valid) // 40))
    assert counts.rows[name]["refused"] > 10
    assert counts.rows[name]["lost"] == 0


@pytest.mark.parametrize(("suffix", "pack"), [("csv.gz", gzip), ("csv.bz2", bz2), ("csv.xz", lzma)])
def test_packed_bombs(folder, monkeypatch, refusal, suffix, pack):
    monkeypatch.setattr("deeptutorial.datasets.unpacking.FREELY", 1 << 16)
    path = folder / f"file.{suffix}"
    path.write_bytes(pack.compress(b"0,1\n" * 1_000_000))
    refusal(bad_tables.read_table, path, "100 times as large when unpacked")


def test_other_bombs(folder, monkeypatch, refusal):
    monkeypatch.setattr("deeptutorial.datasets.unpacking.FREELY", 1 << 20)
    monkeypatch.setattr("deeptutorial.datasets.matlab.FREELY", 1 << 20)
    bombs = {
        "mat, packed": bad_tables._mat(do_compression=True)[:128]
        + bad_tables._packed_element(bytes(4_000_000)),
        "Parquet": bad_tables._parquet_of_zeros(1_000_000),
        "HDF5": bad_tables.hdf5_of(
            lambda file: file.create_dataset("x", data=np.zeros((4000, 100)), compression="gzip")
        ),
    }
    for name, content in bombs.items():
        path = folder / f"file{KINDS[name].suffix}"
        path.write_bytes(content)
        refusal(bad_tables.read_table, path, "100 times as large when unpacked")


def test_a_large_dictionary(folder, refusal):
    path = folder / "file.csv.xz"
    path.write_bytes(bad_tables._xz_of_a_large_dictionary())
    refusal(bad_tables.read_table, path, "Memory usage limit exceeded")


def test_more_arrays_than_anybody_has(folder, refusal):
    path = folder / "file.h5"
    with h5py.File(path, "w") as file:
        for i in range(1100):
            file.create_group(f"g{i}")
    refusal(bad_tables.read_table, path, "more than 1000 arrays")


def test_formulas_are_texts(folder, refusal):
    path = folder / "file.csv"
    path.write_text("a,b\n1,2\n=HYPERLINK(A1),3\n")
    refusal(bad_tables.read_table, path, "column 1 ('a')", "=HYPERLINK(", "no number")
