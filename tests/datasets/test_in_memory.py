"""Data that are in memory already."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from deeptutorial.datasets import DatasetError, load_data
from deeptutorial.datasets.load import read_undivided

X = np.random.default_rng(0).random((12, 4)).astype("float32")
Y = np.arange(12) % 3
KINDS = np.array(["b", "a", "c"])[Y]


def frame():
    return pd.DataFrame(X, columns=list("pqrs"), index=[f"s{i}" for i in range(12)])


@pytest.mark.parametrize(
    "data", [X, X.tolist(), scipy.sparse.csr_matrix(X), scipy.sparse.coo_array(X), {"x": X}]
)
def test_rows(data):
    examples = read_undivided(data)
    np.testing.assert_array_equal(examples.images, X)
    assert examples.labels is None
    assert examples.image_shape == (2, 2)


@pytest.mark.parametrize(
    "data", [(X, Y), [X, Y], (X.tolist(), Y.tolist()), (scipy.sparse.csr_matrix(X), Y)]
)
def test_pairs(data):
    examples = read_undivided(data)
    np.testing.assert_array_equal(examples.images, X)
    np.testing.assert_array_equal(examples.labels, Y)


def test_load_data_divides_them():
    read = load_data((X, KINDS))
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_array_equal(np.concatenate([x.get_value() for x, _ in read]), X[order])
    numbers = np.array([1, 0, 2])[Y]
    np.testing.assert_array_equal(np.concatenate([y.eval() for _, y in read]), numbers[order])
    assert read[0][0].tag.data.class_names == ("a", "b", "c")


def test_three_parts():
    read = load_data(((X, KINDS), (X[:3], KINDS[:3]), (X[3:], None)))
    assert [x.get_value().shape for x, _ in read] == [(12, 4), (3, 4), (9, 4)]
    assert [y.eval()[0] for _, y in read] == [1, 1, -1]
    read = load_data({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y})
    assert [len(x.get_value()) for x, _ in read] == [10, 2, 12]
    with pytest.raises(DatasetError, match=r"different sizes: \[4, 4, 3\]"):
        load_data(((X, Y), (X, Y), (X[:, :3], Y)))


def test_tables():
    examples = read_undivided(frame())
    np.testing.assert_array_equal(examples.images, X)
    assert examples.columns == tuple("pqrs")
    assert examples.identifiers.tolist() == [f"s{i}" for i in range(12)]
    assert read_undivided(frame().reset_index(drop=True)).identifiers is None
    with_kind = frame().assign(kind=KINDS)
    for given in (
        {"dataset": with_kind, "label_column": "kind"},
        {"dataset": with_kind.astype({"kind": "category"}), "label_column": -1},
        {"dataset": (frame(), with_kind["kind"])},
        {"dataset": with_kind.rename(columns={"kind": "label"})},
    ):
        examples = read_undivided(**given)
        np.testing.assert_array_equal(examples.images, X)
        assert examples.labels.tolist() == [1, 0, 2] * 4
        assert examples.class_names == ("a", "b", "c")
    with pytest.raises(DatasetError, match=r"column 5 \('kind'\) holds 'b', which is no number"):
        read_undivided(with_kind)
    turned = read_undivided(frame().T, transpose=True)
    np.testing.assert_array_equal(turned.images, X)
    assert turned.columns == tuple("pqrs")


@pytest.mark.parametrize("dtype", ["float32", "Float64", "object"])
def test_missing_values_in_tables(dtype):
    table = frame().astype(dtype)
    table.iloc[2, 1] = pd.NA if dtype == "Float64" else None
    with pytest.raises(DatasetError, match=r"row 3 \('s2'\), column 2 \('q'\): the value is miss"):
        read_undivided(table)
    mean = np.delete(X[:, 1], 2).mean(dtype="float64")
    np.testing.assert_allclose(read_undivided(table, impute=True).images[2, 1], mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "of object, not of numbers"),
        (3, r"got \(\)"),
        ([1, 2], r"got \(2,\)"),
        ([[1, 2], [3]], "no array of numbers can be made of them"),
        (np.array([["a", "b"]]), "not of numbers"),
        ({"a": X, "b": X}, "got a, b"),
        ({}, "got none"),
        (pd.DataFrame(), "empty"),
        (frame().assign(when=pd.Timestamp(0)), r"column 5 \('when'\) holds datetime64"),
        ((X, Y[:3]), "12 images but 3 labels"),
        (X * 3, "--scale minmax"),
    ],
)
def test_what_is_no_data_set(data, message):
    with pytest.raises(DatasetError, match=message):
        load_data(data)
