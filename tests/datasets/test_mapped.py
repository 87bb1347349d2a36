"""Rows that are mapped and not read: the same training as in memory, and no copy of them."""

import gzip
import json
import mmap
import os
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams, SdA, dA, load_data
from deeptutorial.datasets import label_values, read_dataset
from deeptutorial.datasets.conversion import convert_to_rows
from deeptutorial.datasets.scaling import Scaling
from deeptutorial.mapped_files import is_mapped
from deeptutorial.training.fingerprints import sha256

ROWS = np.random.default_rng(0).random((70, 12), dtype="f4")
LABELS = np.arange(70) * 7 % 5
ENDS = [50, 60]
BATCH = 5


@pytest.fixture(autouse=True)
def floatX_of_the_rows(monkeypatch, tmp_path):
    monkeypatch.setattr("deeptutorial.datasets.blocks.CELLS_AT_ONCE", 40)
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX="float32"):
        yield


@pytest.fixture
def rows(tmp_path):
    np.save("rows.npy", ROWS)
    np.save("rows.labels.npy", LABELS)
    return tmp_path / "rows.npy"


def in_memory():
    """Return the parts of the rows in their order, which no file has anything to do with."""
    pieces = zip(np.split(ROWS, ENDS), np.split(LABELS, ENDS), strict=True)
    return load_data([(x.copy(), y) for x, y in pieces])


def base_of(array):
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return array


def test_the_parts_are_the_map_in_its_order(rows):
    parts, expected = load_data(rows), in_memory()
    one, *others = (base_of(x.get_value(borrow=True)) for x, _ in parts)
    assert isinstance(one, mmap.mmap)
    assert all(other is one for other in others)
    for (x, y), (same_x, same_y) in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(x.get_value(), same_x.get_value())
        np.testing.assert_array_equal(label_values(y), label_values(same_y))
        assert type(x.get_value(borrow=True)) is np.ndarray
        assert x.get_value(borrow=True).flags.writeable  # another type to Numba else
    assert sha256(parts) == sha256(expected)


def test_training_gives_the_same_bits_and_leaves_the_file(rows):
    before, outcomes = rows.read_bytes(), []
    for parts in (load_data(rows), in_memory()):
        x, index = pt.matrix(), pt.lscalar()
        rng = np.random.RandomState(1)
        da = dA(rng, RandomStreams(2), input=x, n_visible=12, n_hidden=7)
        cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
        batch = parts[0][0][index * BATCH : (index + 1) * BATCH]
        train = pytensor.function([index], cost, updates=updates, givens={x: batch})
        costs = [train(i) for _ in range(2) for i in range(10)]
        outcomes.append(np.array([*costs, *da.W.get_value().ravel()]).tobytes())
    assert outcomes[0] == outcomes[1]
    assert rows.read_bytes() == before


def test_codes_of_mapped_rows_lie_in_a_file_too(rows, monkeypatch):
    monkeypatch.setattr("deeptutorial.models.inference.ROWS_AT_A_TIME", 10)
    monkeypatch.setattr("deeptutorial.models.pretraining.ROWS_OF_A_PIECE", 20)
    outcomes = []
    for parts in (load_data(rows), in_memory()):
        network = SdA(np.random.RandomState(1), n_ins=12, hidden_layers_sizes=[6, 4], n_outs=5)
        functions = network.pretraining_functions(parts[0][0], BATCH, encode_once=True)
        costs = [train(i, 0.2, 0.3) for train in functions for i in range(10)]
        codes = functions[1]._codes.rows[1].get_value(borrow=True)
        outcomes.append((np.array(costs).tobytes(), is_mapped(codes)))
        np.testing.assert_array_equal(codes, network.encode(0, parts[0][0].get_value()))
    (costs, is_in_file), (same_costs, is_in_file_too) = outcomes
    assert costs == same_costs
    assert (is_in_file, is_in_file_too) == (True, False)


@pytest.mark.parametrize("stored", ["f8", ">f4", "u1", "fortran", "gz", "not aligned"])
def test_what_is_not_as_the_run_wants_it_is_read(rows, stored):
    values = (ROWS * 255).astype("u1") if stored == "u1" else ROWS
    if stored in ("f8", ">f4", "u1"):
        np.save(rows, values.astype(stored))
    elif stored == "fortran":
        np.save(rows, np.asfortranarray(ROWS))
    elif stored == "gz":
        rows.write_bytes(gzip.compress(rows.read_bytes()))
    else:
        header = rows.read_bytes()[:128].rstrip()
        header = header[:8] + (119).to_bytes(2, "little") + header[10:]
        rows.write_bytes(header.ljust(128) + b"\n" + ROWS.tobytes())
    parts = load_data(rows)
    assert not is_mapped(parts[0][0].get_value(borrow=True))
    order = np.random.default_rng(0).permutation(70)[:50]
    expected = values[order] / 256 if stored == "u1" else ROWS[order]
    np.testing.assert_allclose(parts[0][0].get_value(), expected, rtol=1e-6)


def test_rows_sorted_by_class_are_shuffled(rows, capsys):
    np.save("rows.labels.npy", np.sort(LABELS))
    train_set_x, train_set_y = load_data(rows)[0]
    assert "rows.npy is sorted by class" in capsys.readouterr().err
    order = np.random.default_rng(0).permutation(70)[:50]
    np.testing.assert_array_equal(train_set_x.get_value(), ROWS[order])
    np.testing.assert_array_equal(label_values(train_set_y), np.sort(LABELS)[order])


@pytest.mark.parametrize(("bad", "words"), [(np.nan, "row 41, column 3"), (np.inf, "infinity")])
def test_bad_values_are_found_in_any_block(rows, refusal, bad, words):
    values = ROWS.copy()
    values[40, 2] = bad
    np.save(rows, values)
    refusal(load_data, rows, words)
    np.save(rows, np.where(np.isfinite(values), values, 2))
    refusal(load_data, rows, "[0, 1]", "to 2")
    assert load_data(rows, any_range=True)[0][0].get_value().max() == 2


def test_values_are_gone_through_once(rows, monkeypatch):
    looked_at = []

    def counted(images):
        looked_at.append(images.shape)
        return images.min(), images.max()

    for module in ("arrays", "columns"):
        monkeypatch.setattr(f"deeptutorial.datasets.{module}.extent_of", counted)
    read_dataset(rows)
    assert looked_at == [ROWS.shape]
    scaled = read_dataset(rows, Scaling("max", (0.0,), (0.5,)))  # are other values then
    assert looked_at[1:] == [ROWS.shape, (50, 12), (10, 12), (10, 12)]
    assert scaled.train[0].max() == pytest.approx(ROWS[:50].max() / 2)


def test_damaged_files_are_refused_as_ever(rows, refusal):
    content = rows.read_bytes()
    rows.write_bytes(content[:-4])
    refusal(load_data, rows, "something else follows")
    rows.write_bytes(content.replace(b"(70, 12)", b"(70, -12)").replace(b"  \n", b" \n"))
    refusal(load_data, rows)


def test_what_lies_beside_is_taken(rows):
    np.savez("table.npz", x=8 * ROWS, y=LABELS)
    convert_to_rows("table.npz", rows, "minmax")
    dataset = read_dataset("rows.npy")
    assert is_mapped(dataset.train[0])
    assert dataset.scaling.kind == "minmax"
    np.testing.assert_allclose(dataset.scaling.undo(dataset.test[0]), 8 * ROWS[60:], rtol=1e-5)


@pytest.mark.parametrize("cells_of_a_part", [30, 200, 10**6])
def test_rows_are_shuffled_while_they_are_written(rows, monkeypatch, cells_of_a_part):
    monkeypatch.setattr("deeptutorial.datasets.shuffling.CELLS_OF_A_PART", cells_of_a_part)
    (rows.parent / "rows.about.json").write_text(
        json.dumps(
            {
                "columns": [],
                "class_names": [],
                "scaling": None,
                "identifiers": [f"s{i}" for i in range(70)],
            }
        )
    )
    convert_to_rows(rows, rows.with_name("shuffled.npy"), shuffle=3)
    order = np.random.default_rng(3).permutation(70)
    np.testing.assert_array_equal(np.load("shuffled.npy"), ROWS[order])
    np.testing.assert_array_equal(np.load("shuffled.labels.npy"), LABELS[order])
    about = json.loads(rows.with_name("shuffled.about.json").read_text())
    assert about["identifiers"] == [f"s{i}" for i in order]
    convert_to_rows(rows, rows.with_name("as_they_are.npy"))
    np.testing.assert_array_equal(np.load("as_they_are.npy"), ROWS)


MEASURED = """
import sys, numpy, pytensor
pytensor.config.floatX = "float32"
from deeptutorial import load_data
from deeptutorial.training.fingerprints import sha256

def own_memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) << 10

before = own_memory()
parts = load_data("large.npy")
sha256(parts)
sum(float(x.get_value(borrow=True).sum()) for x, _ in parts)
print(own_memory() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells memory on Linux only")
def test_rows_stay_out_of_the_own_memory(tmp_path):
    size = 200 << 20
    large = np.lib.format.open_memmap("large.npy", "w+", "f4", (size // 4000, 1000))
    large[::100] = 0.5
    del large
    out = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(out.stdout) < size / 4
