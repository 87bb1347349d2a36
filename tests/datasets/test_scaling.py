"""Scaling of columns: against NumPy and scikit-learn, and back."""

import numpy as np
import pytensor
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from deeptutorial.datasets import DatasetError, load_data, read_dataset
from deeptutorial.datasets.scaling import SCALINGS, Scaling

CONSTANT = 3


@pytest.fixture
def rows():
    rows = np.random.default_rng(0).normal(7, [1, 20, 0.1, 1, 5], size=(50, 5))
    rows[:, CONSTANT] = 0.1
    return rows


@pytest.mark.parametrize(
    ("kind", "peer"), [("minmax", MinMaxScaler), ("standardize", StandardScaler)]
)
def test_as_scikit_learn_does_it(rows, kind, peer):
    expected = peer().fit_transform(rows)
    np.testing.assert_allclose(Scaling.fitted(kind, rows).apply(rows), expected, atol=1e-12)
    assert (Scaling.fitted(kind, rows).apply(rows)[:, CONSTANT] == 0).all()


def test_one_factor_for_all(rows):
    rows = np.abs(rows)
    scaled = Scaling.fitted("max", rows).apply(rows)
    np.testing.assert_allclose(scaled, rows / rows.max(), rtol=1e-15)
    with pytest.raises(DatasetError, match=r"the least is -1; take minmax"):
        Scaling.fitted("max", rows - rows.min() - 1)


@pytest.mark.parametrize("kind", SCALINGS[1:])
def test_back_to_the_units_of_the_data(rows, kind):
    rows = np.abs(rows)
    scaling = Scaling.fitted(kind, rows)
    again = Scaling.from_plain(scaling.as_plain(), 5)
    assert again == scaling
    np.testing.assert_allclose(again.undo(scaling.apply(rows)), rows, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("minmax", [1.7e308, -1.7e308]),
        ("standardize", [1.7e308, -1.7e308]),
        ("minmax", [5e-324, 0.0]),
        ("max", [5e-324, 0.0]),
    ],
)
def test_values_that_no_factor_fits_are_refused(kind, values):
    rows = np.zeros((7, 2))
    rows[:2, 0] = values
    with pytest.raises(DatasetError, match="too large, or too near to each other"):
        Scaling.fitted(kind, rows)


def test_many_rows_have_the_same_deviation(rows, monkeypatch):
    expected = Scaling.fitted("standardize", rows)
    monkeypatch.setattr("deeptutorial.datasets.blocks.CELLS_AT_ONCE", 15)
    found = Scaling.fitted("standardize", rows)
    np.testing.assert_allclose(found.factor, expected.factor, rtol=1e-12)


def test_what_lies_beyond_the_training_set(rows):
    beyond = np.vstack([rows.max(axis=0) + 1, rows.min(axis=0) - 1])
    scaled = Scaling.fitted("minmax", rows).apply(beyond)
    np.testing.assert_array_equal(scaled, [[1, 1, 1, 0, 1], [0, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    "plain",
    [
        None,
        {"kind": "max", "shift": [0.0]},
        {"kind": "none", "shift": [0.0], "factor": [1.0]},
        {"kind": [], "shift": [0.0], "factor": [1.0]},
        {"kind": "max", "shift": [0.0, 1.0], "factor": [1.0]},
        {"kind": "max", "shift": [0.0], "factor": ["1"]},
        {"kind": "max", "shift": [0.0], "factor": [True]},
        {"kind": "max", "shift": [float("nan")], "factor": [1.0]},
        {"kind": "max", "shift": [0.0], "factor": [float("inf")]},
    ],
)
def test_forged_scaling_is_refused(plain):
    with pytest.raises(ValueError, match="scaling"):
        Scaling.from_plain(plain, 5)


def test_the_training_set_decides(rows, tmp_path):
    np.savez(tmp_path / "genes.npz", x_train=rows, x_test=rows * 3)
    train, _, test = load_data(tmp_path / "genes.npz", scale="minmax")
    scaling = train[0].tag.data.scaling
    kept = rows[: len(rows) - len(rows) // 6]
    assert scaling.shift == tuple(kept.min(axis=0))
    np.testing.assert_allclose(train[0].get_value(), scaling.apply(kept), rtol=1e-6)
    assert test[0].get_value().max() == 1


def test_what_rounding_does_is_no_range(rows, tmp_path):
    scaled = MinMaxScaler().fit_transform(rows).astype(np.float32)
    scaled[0, 0], scaled[1, 0] = np.nextafter(np.float32(1), np.float32(2)), -1e-8
    np.savez(tmp_path / "x.npz", x=scaled)
    read = read_dataset(tmp_path / "x.npz")
    everything = np.concatenate([images for images, _ in (read.train, read.valid, read.test)])
    assert (everything.min(), everything.max()) == (0, 1)


def test_an_unknown_scaling_is_named(rows, tmp_path):
    np.savez(tmp_path / "x.npz", x=rows)
    with pytest.raises(ValueError, match="unknown scaling 'log': choose one of none, minmax"):
        load_data(tmp_path / "x.npz", scale="log")


@pytest.fixture
def genes(rows, tmp_path):
    np.savez(tmp_path / "genes.npz", x=rows)
    return str(tmp_path / "genes.npz")


def test_a_squared_error_takes_any_range(genes, rows):
    read = read_dataset(genes, any_range=True)
    everything = np.concatenate([images for images, _ in (read.train, read.valid, read.test)])
    np.testing.assert_array_equal(np.sort(everything, axis=None), np.sort(rows, axis=None))
    assert read.scaling is None


@pytest.mark.parametrize("scale", ["none", "standardize"])
def test_what_does_not_suit_the_cost_names_what_would(scale, genes, refusal):
    ways_out = ("--scale minmax", "--reconstruction-cost squared-error", "any_range=True")
    message = refusal(lambda path: load_data(path, scale=scale), genes, "in [0, 1]", *ways_out)
    assert ("after standardize" in message) == (scale == "standardize")


def test_the_factors_of_another_set(genes, rows, refusal):
    scaling = Scaling.fitted("minmax", rows / 2)
    read = read_dataset(genes, scale=scaling)
    assert read.scaling is scaling
    order = np.random.default_rng(0).permutation(len(rows))[: len(read.train[0])]
    np.testing.assert_array_equal(read.train[0], scaling.apply(rows[order]))
    narrow = Scaling.fitted("minmax", rows[:, :3])
    words = ("an example has 5 values, and the scaling is for 3",)
    refusal(lambda path: read_dataset(path, scale=narrow), genes, *words)


def test_what_does_not_fit_float32(tmp_path, rows, refusal):
    np.savez(tmp_path / "x.npz", x=rows * 1e50)
    with pytensor.config.change_flags(floatX="float32"):
        refusal(lambda path: load_data(path, any_range=True), tmp_path / "x.npz", "not fit float32")
        train_set_x, _ = load_data(tmp_path / "x.npz", scale="standardize", any_range=True)[0]
    assert abs(train_set_x.get_value()).max() < 10
