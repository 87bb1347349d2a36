"""`encode`, `predict` and `denoise` of rows: whole, in their order, in their units, by their names.

What comes out is compared with NumPy's calculation from the arrays of the model's file.
"""

import csv
import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import SdA, dA
from deeptutorial.commands import main, shown
from deeptutorial.commands.inputs import read_examples
from deeptutorial.commands.script_options import dA_options
from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.scaling import Scaling

ROOT = Path(__file__).parents[2]
N_GENES = 30
GENES = tuple(f"gene{i}" for i in range(N_GENES))


@pytest.fixture(autouse=True)
def in_float32(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX="float32"):
        yield


@pytest.fixture(scope="module")
def expression():
    """Return 40 made samples of 30 genes, each of a range of its own; one is always the same."""
    rng = np.random.default_rng(0)
    rows = rng.gamma(2, 3, (40, N_GENES)) * rng.uniform(0.1, 2, N_GENES) + 1
    rows[:, 4] = 7.25
    return rows


@pytest.fixture
def da(expression):
    """Save a dA for such samples, scaled; return it."""
    da = dA(np.random.RandomState(1), n_visible=N_GENES, n_hidden=7)
    for bias in da.params[1:]:
        noise = np.random.default_rng(2).normal(size=bias.get_value().shape)
        bias.set_value(noise.astype("float32"))
    da.data = Description(GENES, (), Scaling.fitted("minmax", expression))
    da.save("da.npz")
    return da


@pytest.fixture
def sda(expression):
    """Save a stack for them, with names of its classes; return it."""
    sizes = {"n_ins": N_GENES, "hidden_layers_sizes": [6, 5], "n_outs": 3}
    sda = SdA(np.random.RandomState(1), **sizes, reconstruction_cost="squared-error")
    for param in sda.params[::2]:
        noise = np.random.default_rng(3).normal(size=param.get_value().shape)
        param.set_value(3 * noise.astype("float32"))
    sda.logLayer.b.set_value(-sda.logLayer.W.get_value().sum(axis=0) / 2)  # no class for all
    sda.data = Description(GENES, ("1", "2", "10"), Scaling.fitted("standardize", expression))
    sda.save("sda.npz")
    return sda


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def of_file(name):
    with np.load(name) as file:
        header = json.loads(bytes(file["header.json"]))
        return header["data"]["scaling"], {
            k: file[k].astype("float64") for k in file if "." not in k
        }


def scaled(scaling, rows):
    X = (rows - np.array(scaling["shift"])) * np.array(scaling["factor"])
    return X if scaling["kind"] == "standardize" else np.clip(X, 0, 1)


def codes(rows):
    scaling, arrays = of_file("da.npz")
    return sigmoid(scaled(scaling, rows) @ arrays["W"] + arrays["b"])


def denoised(rows):
    scaling, arrays = of_file("da.npz")
    z = sigmoid(codes(rows) @ arrays["W"].T + arrays["b_prime"])
    factor = np.array(scaling["factor"])
    width = np.divide(1, factor, out=np.zeros_like(factor), where=factor > 0)
    return z * width + np.array(scaling["shift"])


def probabilities(rows):
    scaling, arrays = of_file("sda.npz")
    code = scaled(scaling, rows)
    for i in range(2):
        code = sigmoid(code @ arrays[f"layer_{i}_W"] + arrays[f"layer_{i}_b"])
    e = np.exp(code @ arrays["output_W"] + arrays["output_b"])
    return e / e.sum(axis=1, keepdims=True)


def run(*arguments, status=0):
    assert main([str(argument) for argument in arguments]) == status


def table(name, delimiter=","):
    """Return the first line of a text file, and the others."""
    with open(name, newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file, delimiter=delimiter)
    return head, lines


@pytest.fixture
def as_table(monkeypatch):
    """Return a function that lets "table" be examples, as a reader of tables returns them."""

    def offer(images, **known):
        examples = Examples(images, known.pop("labels", None), (1, images.shape[1]), **known)
        monkeypatch.setattr(
            "deeptutorial.commands.inputs.read_undivided", lambda source, **_: examples
        )

    return offer


# ---- all rows, in their order


@pytest.mark.parametrize("at_a_time", [1, 3 * N_GENES, 2_000_000])
def test_a_row_for_each_row_of_a_file_without_parts(at_a_time, da, expression, monkeypatch):
    monkeypatch.setattr(shown, "VALUES_AT_A_TIME", at_a_time)
    np.savez("genes.npz", x=expression)
    np.save("genes.npy", expression)
    np.save("fortran.npy", np.asfortranarray(expression.astype("float32")))
    for name in ("genes.npz", "genes.npy", "fortran.npy"):
        run("encode", "da.npz", name)
        np.testing.assert_allclose(np.load("codes.npy"), codes(expression), rtol=1e-4)


def test_parts_are_picked_where_there_are_any(da, expression, capsys):
    np.savez("parts.npz", x_train=expression[:18], x_test=expression[18:])
    for part, rows in (("training", slice(15)), ("validation", slice(15, 18))):
        run("encode", "da.npz", "parts.npz", "--part", part)
        np.testing.assert_allclose(np.load("codes.npy"), codes(expression[rows]), rtol=1e-4)
    run("encode", "da.npz", "parts.npz")
    np.testing.assert_allclose(np.load("codes.npy"), codes(expression[18:]), rtol=1e-4)
    np.save("genes.npy", expression)
    run("encode", "da.npz", "genes.npy", "--part", "training", status=2)
    assert "genes.npy has no parts: leave --part out" in capsys.readouterr().err


# ---- the forms of a table


@pytest.mark.parametrize(("name", "delimiter"), [("c.csv", ","), ("c.tsv", "\t")])
def test_names_stand_beside_the_codes(name, delimiter, da, expression, as_table):
    odd = np.array(['say "a"', "b,c", "d\te", "f\ng"] + [f"s{i}" for i in range(36)])
    labels = np.arange(40) % 3 - 1
    as_table(expression, identifiers=odd, labels=labels, class_names=("ill", "well"))
    run("encode", "da.npz", "table", "--output", name)
    head, lines = table(name, delimiter)
    assert head == ["identifier", "label", *(f"unit_{i}" for i in range(7))]
    assert [line[0] for line in lines] == odd.tolist()
    assert [line[1] for line in lines] == [("", "ill", "well")[label + 1] for label in labels]
    found = np.array([line[2:] for line in lines], dtype="float32")
    np.testing.assert_allclose(found, codes(expression), rtol=1e-4)
    run("encode", "da.npz", "table")
    np.testing.assert_array_equal(np.load("codes.npy"), found)  # each number to its last bit


def test_parquet(da, expression, as_table, monkeypatch, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(shown, "VALUES_AT_A_TIME", 7 * N_GENES)
    names = np.array([f"sample {i}" for i in range(40)])
    as_table(expression, identifiers=names, labels=np.array(["a", "b"] * 20))
    run("encode", "da.npz", "table", "--output", "codes.parquet")
    read = parquet.read_table("codes.parquet")
    assert read.column_names == ["identifier", "label", *(f"unit_{i}" for i in range(7))]
    assert read["identifier"].to_pylist() == names.tolist()
    assert read["label"].to_pylist() == ["a", "b"] * 20
    found = np.array([read[f"unit_{i}"].to_numpy() for i in range(7)]).T
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, codes(expression), rtol=1e-4)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    run("encode", "da.npz", "table", "--output", "c.parquet", status=2)
    assert "c.parquet: needs pyarrow: pip install '.[tables]'" in capsys.readouterr().err


def test_the_name_of_a_file_need_not_be_text(sda):
    parquet = pytest.importorskip("pyarrow.parquet")
    sda.data, sda.image_shape = Description(), (6, 5)
    sda.save("sda.npz")
    Path("pictures").mkdir()
    name = os.fsdecode(b"gr\xfcn.png")
    try:
        Image.fromarray(np.zeros((6, 5), dtype="uint8")).save(Path("pictures", name))
    except OSError:
        pytest.skip("here it has to be")
    run("predict", "sda.npz", "pictures", "--output", "p.csv")
    assert table("p.csv")[1][0][0] == r"gr\udcfcn.png"
    run("predict", "sda.npz", "pictures", "--output", "p.parquet")
    assert parquet.read_table("p.parquet")["identifier"].to_pylist() == [r"gr\udcfcn.png"]


def test_other_names_are_refused(da, expression, capsys):
    np.save("genes.npy", expression)
    run("encode", "da.npz", "genes.npy", "--output", "codes.xlsx", status=2)
    assert "codes.xlsx: rows are written as .npy, .csv, .tsv, .parquet;" in capsys.readouterr().err
    before = Path("genes.npy").read_bytes()
    run("encode", "da.npz", "genes.npy", "--output", "genes.npy", status=2)
    assert "genes.npy: would be written over" in capsys.readouterr().err
    assert Path("genes.npy").read_bytes() == before


def test_what_is_written_partly_does_not_stay(da, expression, monkeypatch, capsys):
    monkeypatch.setattr(shown, "VALUES_AT_A_TIME", 5 * N_GENES)
    expression = expression.copy()
    expression[31, 2] = np.nan
    np.save("genes.npy", expression)
    for name in ("c.npy", "c.csv", *(["c.parquet"] if find_spec("pyarrow") else [])):
        run("encode", "da.npz", "genes.npy", "--output", name, status=2)
        assert "genes.npy: holds NaN or infinity (example 32)" in capsys.readouterr().err
    Path("c.csv").write_text("an older one")
    run("encode", "da.npz", "genes.npy", "--output", "c.csv", status=2)
    assert Path("c.csv").read_text() == "an older one"
    assert {path.name for path in Path().iterdir()} == {"c.csv", "genes.npy", "da.npz"}


def test_a_name_without_a_suffix_is_of_the_usual_form(da, expression):
    np.save("genes.npy", expression)
    run("encode", "da.npz", "genes.npy", "--output", "codes")
    np.testing.assert_allclose(np.load("codes"), codes(expression), rtol=1e-4)


# ---- the columns of a table


def test_columns_are_found_by_their_names(da, expression, as_table, capsys):
    order = np.random.default_rng(5).permutation(N_GENES)
    names = tuple(np.array(GENES)[order])
    with_more = np.hstack([expression[:, order], np.full((40, 1), np.nan)])
    as_table(with_more, columns=(*names, "age"))
    run("encode", "da.npz", "table")
    np.testing.assert_allclose(np.load("codes.npy"), codes(expression), rtol=1e-4)
    as_table(expression[:, order], columns=("gene?", *names[1:-1], "gene!"))
    run("encode", "da.npz", "table", status=2)
    err = capsys.readouterr().err
    missing = min(order[0], order[-1])
    assert f"table: has no column 'gene{missing}', which the model has learned from" in err
    assert "and lacks 1 others" in err
    as_table(expression[:, order], columns=names[:-1] + names[:1])
    run("encode", "da.npz", "table", status=2)
    as_table(np.hstack([expression, expression]), columns=GENES + GENES)
    run("encode", "da.npz", "table", status=2)
    assert "since some have the same" in capsys.readouterr().err


def test_rows_that_were_scaled_already_are_not_scaled_again(da, expression, as_table, capsys):
    scaling = da.data.scaling
    as_table(scaling.apply(expression), scaling=scaling)
    run("encode", "da.npz", "table")
    np.testing.assert_allclose(np.load("codes.npy"), codes(expression), rtol=1e-4)
    run("denoise", "da.npz", "table", "--output", "d.npy")
    np.testing.assert_allclose(np.load("d.npy"), denoised(expression), rtol=1e-4)
    as_table(scaling.apply(expression), scaling=Scaling.fitted("max", expression))
    run("encode", "da.npz", "table", status=2)
    assert "table: was scaled already (max), and otherwise than" in capsys.readouterr().err


# ---- from training on, by the script


@pytest.mark.parametrize(
    ("scale", "cost"), [("minmax", "cross-entropy"), ("standardize", "squared-error")]
)
def test_gene_expression_all_the_way(scale, cost, capsys):
    """200 samples of 300 genes in units of 0 to 20, of five hidden factors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 300)) + rng.normal(size=(200, 300)) / 4
    x = 20 * (x - x.min()) / (x.max() - x.min())
    np.savez("genes.npz", x=x)
    options = f"--dataset genes.npz --scale {scale} --reconstruction-cost {cost} --n-hidden 20 "
    options += "--training-epochs 30 --batch-size 10 --corruption-level 0.1 --learning-rate "
    run_dA(options + {"minmax": "0.1", "standardize": "0.003"}[scale])
    costs = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert costs[-1] < costs[0]

    model = Path("dA_plots", "dA_corruption_10.npz")
    scaling, arrays = of_file(model)
    code = sigmoid(scaled(scaling, x) @ arrays["W"] + arrays["b"])
    a = code @ arrays["W"].T + arrays["b_prime"]
    z = (a if cost == "squared-error" else sigmoid(a)) / np.array(scaling["factor"])
    z += np.array(scaling["shift"])
    run("encode", model, "genes.npz")
    np.testing.assert_allclose(np.load("codes.npy"), code, rtol=1e-3, atol=1e-6)
    run("denoise", model, "genes.npz")
    found = np.load("denoised.npy")
    np.testing.assert_allclose(found, z, rtol=1e-4)
    assert np.mean((found - x) ** 2) < 0.5 * x.var(axis=0).mean()  # it has learned something


def run_dA(options):
    import dA as script

    script.test_dA(**dA_options(script.test_dA, options.split()))


# ---- denoise


def test_denoise_in_the_units_of_the_data(da, expression, as_table):
    names = np.array([f"sample {i}" for i in range(40)])
    as_table(expression, identifiers=names, columns=GENES)
    run("denoise", "da.npz", "table")
    head, lines = table("denoised.csv")
    assert head == ["identifier", *GENES]
    assert [line[0] for line in lines] == names.tolist()
    found = np.array([line[1:] for line in lines], dtype="float64")
    np.testing.assert_allclose(found, denoised(expression), rtol=1e-5)
    assert (found[:, 4] == 7.25).all()
    assert found.max() > 5


def test_denoise_rows_of_bytes(expression):
    da = dA(np.random.RandomState(1), n_visible=N_GENES, n_hidden=7)
    da.save("da.npz")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 5, 6), dtype="uint8")
    np.save("pixels.npy", pixels)
    run("denoise", "da.npz", "pixels.npy")
    W = da.W.get_value().astype("float64")
    z = sigmoid(sigmoid(pixels.reshape(40, -1) / 256 @ W) @ W.T)
    found = np.load("denoised.npy")
    assert found.dtype == "uint8"
    np.testing.assert_allclose(found, np.clip(np.rint(z * 256), 0, 255), atol=1)


def test_one_set_of_rows_at_a_time(da, expression, capsys):
    np.save("genes.npy", expression)
    run("denoise", "da.npz", "genes.npy", "genes.npy", status=2)
    assert "2 inputs that are not all pictures: take one at a time" in capsys.readouterr().err


# ---- predict


def test_predict_tells_classes_by_their_names(sda, expression, as_table, capsys):
    p = probabilities(expression)
    taken_for = np.array(["1", "2", "10"])[p.argmax(axis=1)]
    assert len(set(taken_for)) > 1
    labels = taken_for.copy()
    labels[:3] = ["unheard of", *np.where(taken_for[1:3] == "1", "2", "1")]
    names = np.array([f"s{i}" for i in range(40)])
    as_table(expression, identifiers=names, labels=labels)
    run("predict", "sda.npz", "table")
    head, lines = table("predictions.csv")
    assert head[:3] == ["identifier", "label", "class"]
    assert head[3:] == ["probability_1", "probability_2", "probability_10"]
    assert [line[:3] for line in lines] == np.transpose([names, labels, taken_for]).tolist()
    np.testing.assert_allclose(np.array([line[3:] for line in lines], float), p, rtol=1e-4)
    assert capsys.readouterr().err == "2 of 39 taken for another class than they have (5.13 %)\n"


def test_predict_numbers_into_a_pipe(expression):
    sda = SdA(np.random.RandomState(1), n_ins=N_GENES, hidden_layers_sizes=[6], n_outs=3)
    sda.save("sda.npz")
    file = io.BytesIO()
    np.save(file, expression / expression.max())
    command = [sys.executable, "-W", "error", "-m", "deeptutorial"]
    done = subprocess.run(
        [*command, "predict", "sda.npz", "-", "--output", "-"],
        input=file.getvalue(),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.decode().splitlines()
    assert head == "class,probability_0,probability_1,probability_2"
    assert len(lines) == 40
    assert lines[0].startswith("0,0.33333")


def test_classes_of_pictures_are_their_folders(sda, capsys):
    sda.data, sda.image_shape = Description((), ("cat", "dog", "owl")), (6, 5)
    sda.save("sda.npz")
    pixels = np.random.default_rng(3).integers(0, 256, (4, 6, 5), dtype="uint8")
    for name, picture in zip(("cat/1", "cat/2", "dog/1", "hen/1"), pixels, strict=True):
        Path("pictures", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(Path("pictures", f"{name}.png"))
    run("predict", "sda.npz", "pictures", "--output", "p.tsv")
    _, lines = table("p.tsv", "\t")
    assert [line[0] for line in lines] == ["cat/1.png", "cat/2.png", "dog/1.png", "hen/1.png"]
    assert [line[1] for line in lines] == ["cat", "cat", "dog", "hen"]
    assert " of 3 taken for another class" in capsys.readouterr().err


def test_a_dA_predicts_nothing(da, expression, capsys):
    np.save("genes.npy", expression)
    run("predict", "da.npz", "genes.npy", status=2)
    assert "holds a model of the kind 'dA', not 'SdA'" in capsys.readouterr().err


# ---- what a model has not learned from


@pytest.fixture
def of_pixels():
    da = dA(np.random.RandomState(1), n_visible=N_GENES, n_hidden=7)
    da.image_shape = (6, 5)
    da.save("da.npz")
    return da


@pytest.mark.parametrize("value", [200, -5, np.nan])
@pytest.mark.parametrize("kind", ["npy", "tif"])
def test_floats_that_training_refuses(kind, value, of_pixels, capsys):
    good = np.full((6, 5), 0.5, dtype="float32")
    picture = good.copy()
    picture[2, 3] = value
    if kind == "tif":
        Path("data").mkdir()
        Image.fromarray(good).save("data/a.tif")
        Image.fromarray(picture).save("data/b.tif")
        source, called = "data", "b.tif"
    else:
        np.save("data.npy", np.stack([good, picture]))
        source, called = "data.npy", "data.npy"
    for command in ("encode", "denoise"):
        run(command, "da.npz", source, status=2)
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1)
        assert called in err
        assert ("NaN" if value != value else "in [0, 1]") in err
    assert not Path("codes.npy").exists()
    assert not Path("denoised.npy").exists()
    assert not list(Path().glob("denoised/b*"))


def test_bytes_are_scaled_and_other_numbers_refused(of_pixels, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (9, N_GENES))
    pixels[0, :2] = 0, 255
    W = of_pixels.W.get_value().astype("float64")
    for dtype, levels in (("uint8", 256), ("uint16", 65536)):
        np.save("x.npy", (pixels * (levels // 256)).astype(dtype))
        run("encode", "da.npz", "x.npy")
        np.testing.assert_allclose(np.load("codes.npy"), sigmoid(pixels / 256 @ W), rtol=1e-4)
    for dtype in ("float64", "int64"):
        np.save("x.npy", pixels.astype(dtype))
        run("encode", "da.npz", "x.npy", status=2)
        assert "x.npy: the values go from 0 to 255, and the model" in capsys.readouterr().err


def test_a_squared_error_takes_any_range(expression):
    da = dA(
        np.random.RandomState(1), n_visible=N_GENES, n_hidden=7, reconstruction_cost="squared-error"
    )
    da.save("da.npz")
    np.save("genes.npy", expression)
    run("encode", "da.npz", "genes.npy")
    W = da.W.get_value().astype("float64")
    np.testing.assert_allclose(np.load("codes.npy"), sigmoid(expression @ W), rtol=1e-4, atol=1e-6)
    run("denoise", "da.npz", "genes.npy")
    expected = sigmoid(expression @ W) @ W.T
    np.testing.assert_allclose(np.load("denoised.npy"), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fo", "cannot be read as .npy"),
        (b"no array", "cannot be read as .npy"),
        (b"", "cannot be read as .npy"),
    ],
)
def test_damaged_npy(content, message, of_pixels, capsys):
    Path("x.npy").write_bytes(content)
    run("encode", "da.npz", "x.npy", status=2)
    assert f"x.npy: {message}" in capsys.readouterr().err


def test_an_npy_of_another_size_than_it_tells(of_pixels, capsys):
    np.save("x.npy", np.zeros((4, N_GENES)))
    whole = Path("x.npy").read_bytes()
    for content in (whole[:-1], whole + b"\0", whole.replace(b"(4, 30)", b"(4**9,)")):
        Path("x.npy").write_bytes(content)
        run("encode", "da.npz", "x.npy", status=2)
        assert "x.npy: cannot be read as .npy" in capsys.readouterr().err
    np.save("x.npy", np.array([{}], dtype=object), allow_pickle=True)
    run("encode", "da.npz", "x.npy", status=2)
    assert "x.npy: cannot be read as .npy" in capsys.readouterr().err


def test_an_npy_larger_than_memory(of_pixels):
    """A hole of zeros of a terabyte: its first block comes, and the last one can be looked at."""
    n_rows = 10**12 // N_GENES
    with open("large.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (n_rows, N_GENES)}
        np.lib.format.write_array_header_1_0(file, header)
        try:
            file.truncate(file.tell() + n_rows * N_GENES)
        except OSError:
            pytest.skip("files have no holes here")
    found = read_examples("large.npy", of_pixels)
    assert len(found) == n_rows
    rows, X = next(found.blocks(7))
    assert X.shape == (rows.stop, N_GENES)
    assert X.nbytes < 1e8
