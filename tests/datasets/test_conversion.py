"""`deeptutorial convert`: rows on disk, and what lies beside them, against what is read at once."""

import json

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from deeptutorial.commands import main
from deeptutorial.datasets import DatasetError, load_data, read_dataset
from deeptutorial.datasets.conversion import convert_to_rows
from deeptutorial.datasets.load import read_undivided

VALUES = np.random.default_rng(0).normal(7, 3, (50, 4)).round(3)
KINDS = [("cat", "dog", "eel")[i % 3] for i in range(50)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr("deeptutorial.datasets.text_tables.CELLS_OF_A_BLOCK", 28)
    monkeypatch.setattr("deeptutorial.datasets.blocks.CELLS_AT_ONCE", 28)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path):
    lines = ["id,p,q,r,s,kind"]
    lines += [
        ",".join([f"s{i}", *map(str, row), kind])
        for i, (row, kind) in enumerate(zip(VALUES.tolist(), KINDS, strict=True))
    ]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    return tmp_path / "table.csv"


def test_rows_and_what_lies_beside(table, capsys):
    assert main(["convert", "table.csv", "rows.npy", "--label-column", "kind"]) == 0
    assert "50 rows of 4 values in rows.npy" in capsys.readouterr().err
    rows = np.load("rows.npy")  # whole without what lies beside
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, VALUES.astype("f4"))
    assert np.load("rows.labels.npy").tolist() == [i % 3 for i in range(50)]
    from_rows, from_table = read_undivided("rows.npy"), read_undivided(table, label_column="kind")
    np.testing.assert_array_equal(from_rows.images, from_table.images.astype("f4"))
    assert np.array_equal(from_rows.labels, from_table.labels)
    assert from_rows.class_names == from_table.class_names == ("cat", "dog", "eel")
    assert from_rows.columns == from_table.columns == tuple("pqrs")
    assert from_rows.identifiers.tolist() == from_table.identifiers.tolist()
    assert from_rows.image_shape == from_table.image_shape


@pytest.mark.parametrize(
    ("scale", "peer"), [("minmax", MinMaxScaler), ("standardize", StandardScaler)]
)
def test_scaled_rows(table, scale, peer, refusal):
    convert_to_rows(table, table.with_name("rows.npy"), scale, label_column="kind")
    expected = peer().fit_transform(VALUES)
    np.testing.assert_allclose(np.load("rows.npy"), expected, rtol=1e-5, atol=1e-6)
    read = read_dataset("rows.npy", any_range=True)
    assert read.scaling.kind == scale
    in_units = read.scaling.undo(np.load("rows.npy"))
    np.testing.assert_allclose(in_units, VALUES, rtol=1e-5)
    assert load_data("rows.npy", any_range=True)[0][0].tag.data.scaling == read.scaling
    refusal(lambda _: read_dataset("rows.npy", "max"), "rows.npy", "scaled already")
    refusal(lambda _: convert_to_rows("rows.npy", table.with_name("b.npy"), "max"), "rows.npy")


def test_imputed_rows(table, refusal):
    table.write_text("p,q\n" + "".join(f"{i},{i if i % 3 else 'NA'}\n" for i in range(50)))
    rows = table.with_name("rows.npy")
    refusal(lambda path: convert_to_rows(path, rows), table, "line 2, column 2 ('q')")
    assert not rows.exists()
    convert_to_rows(table, rows, impute=True)
    np.testing.assert_allclose(np.load(rows), read_undivided(table, impute=True).images, rtol=1e-6)


def test_other_kinds(tmp_path, refusal):
    pixels = np.random.default_rng(1).integers(0, 256, (9, 3, 2), dtype="u1")
    np.savez("pixels.npz", x=pixels, y=np.arange(9))
    rows = tmp_path / "rows.npy"
    convert_to_rows("pixels.npz", rows)
    np.testing.assert_array_equal(np.load(rows), pixels.reshape(9, 6) / 256)
    assert read_undivided(rows).image_shape == (3, 2)
    np.savetxt("x.amat", np.column_stack([np.eye(3), [0, 1, 2]]))
    convert_to_rows("x.amat", rows)
    np.testing.assert_array_equal(np.load(rows), np.eye(3))
    np.savez("parts.npz", x_train=np.eye(9), x_test=np.eye(9))
    refusal(lambda path: convert_to_rows(path, rows), "parts.npz", "a training and a test set")
    np.testing.assert_array_equal(np.load(rows), np.eye(3))  # still there
    refusal(lambda path: convert_to_rows(path, rows, member="x"), "x.amat", "::x")


def test_a_part(tmp_path, capsys):
    x = np.random.default_rng(1).integers(0, 256, (9, 4), dtype="u1")
    kinds = np.array(["ant", "bee", "cow"])
    np.savez(
        "parts.npz",
        x_train=x,
        y_train=kinds[np.arange(9) % 3],
        x_test=x[:4],
        y_test=kinds[[2, 1, 1, 2]],
    )
    assert main(["convert", "parts.npz", "rows.npy"]) == 2
    assert "choose one by --part" in capsys.readouterr().err
    assert main(["convert", "parts.npz", "rows.npy", "--part", "test"]) == 0
    np.testing.assert_array_equal(np.load("rows.npy"), x[:4] / 256)
    read = read_undivided("rows.npy")
    assert [read.class_names[label] for label in read.labels] == ["cow", "bee", "bee", "cow"]
    np.savez("bare.npz", x_train=x, x_test=x[:4])
    assert main(["convert", "bare.npz", "rows.npy", "--part", "test"]) == 0
    assert read_undivided("rows.npy").labels is None
    np.savez("whole.npz", x=x)
    assert main(["convert", "whole.npz", "rows.npy", "--part", "test"]) == 2
    assert "has no parts; leave --part out" in capsys.readouterr().err


def test_what_an_earlier_conversion_left(table):
    rows = table.with_name("rows.npy")
    convert_to_rows(table, rows, label_column="kind")
    table.write_text("1,2\n3,4\n5,6\n")
    convert_to_rows(table, rows)
    examples = read_undivided(rows)
    assert examples.labels is None
    assert examples.columns == ()
    assert json.loads((table.with_name("rows.about.json")).read_text())["identifiers"] is None


def test_a_number_too_large(table):
    table.write_text("1,2\n1e300,4\n")
    with pytest.raises(DatasetError, match="too large for 32 bits"):
        convert_to_rows(table, table.with_name("rows.npy"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table.csv", "rows.csv"], "ends with .npy"),
        (["nowhere.csv", "rows.npy"], "nowhere.csv: no such file"),
        (["table.csv", "nowhere/rows.npy"], "nowhere"),
        (["table.csv", "rows.npy"], "'kind'"),
        (["same.npy", "same.npy"], "is the table itself"),
    ],
)
def test_one_line_where_it_cannot_be_done(table, capsys, words, message):
    np.save("same.npy", VALUES)
    assert main(["convert", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
