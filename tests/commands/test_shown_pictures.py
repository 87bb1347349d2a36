"""Folders of pictures through the commands: classes, parts, options, and what a PNG can hold.

What comes out is compared with NumPy's calculation from the parameters of the model.
"""

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import SdA, dA
from deeptutorial.commands import main
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.scaling import Scaling
from tests.commands.by_numpy import codes, reconstructed

HEIGHT, WIDTH = 6, 5


@pytest.fixture(autouse=True)
def in_float32(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX="float32"):
        yield


def save_da(scaling=None):
    da = dA(np.random.RandomState(1), n_visible=HEIGHT * WIDTH, n_hidden=7)
    da.b_prime.set_value(np.linspace(-1, 1, HEIGHT * WIDTH).astype("float32"))
    da.image_shape, da.data = (HEIGHT, WIDTH), Description(scaling=scaling)
    da.save("da.npz")
    return da


def run(*arguments, status=0):
    assert main([str(argument) for argument in arguments]) == status


def save(path, pixels):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def made(n, seed=0, shape=(HEIGHT, WIDTH)):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype="uint8")


def table(name):
    with open(name, newline="") as file:
        return list(csv.DictReader(file))


def numbers(lines, beginning):
    return np.array(
        [[float(v) for k, v in line.items() if k.startswith(beginning)] for line in lines]
    )


@pytest.fixture
def parts():
    """Return pictures by their names, in folders of classes in folders that are parts."""
    names = [
        *(f"train/{c}/{i}.png" for c in ("ant", "bee") for i in range(4)),
        *(f"val/{c}/{i}.png" for c in ("ant", "bee") for i in range(2)),
        *(f"test/{c}/{i}.png" for c in ("ant", "bee") for i in range(3)),
    ]
    pictures = dict(zip(names, made(len(names)), strict=True))
    for name, pixels in pictures.items():
        save(Path("insects", name), pixels)
    return pictures


@pytest.mark.parametrize(
    ("part", "folder"),
    [(None, "test"), ("test", "test"), ("training", "train"), ("validation", "val")],
)
def test_a_part_keeps_its_names_and_classes(parts, part, folder):
    da = save_da()
    run(
        "encode",
        "da.npz",
        "insects",
        "--output",
        "c.csv",
        *([] if part is None else ["--part", part]),
    )
    lines, names = table("c.csv"), [name for name in parts if name.startswith(folder)]
    assert [line["identifier"] for line in lines] == names
    assert [line["label"] for line in lines] == [name.split("/")[1] for name in names]
    X = np.stack([parts[name].ravel() / 256 for name in names])
    np.testing.assert_allclose(numbers(lines, "unit"), codes(da, X), rtol=1e-4)


def test_predictions_for_a_part_are_counted(parts, capsys):
    sda = SdA(np.random.RandomState(1), n_ins=HEIGHT * WIDTH, hidden_layers_sizes=[4], n_outs=2)
    sda.logLayer.b.set_value(np.array([5, 0], dtype="float32"))  # all are ants
    sda.image_shape, sda.data = (HEIGHT, WIDTH), Description(class_names=("ant", "bee"))
    sda.save("sda.npz")
    run("predict", "sda.npz", "insects", "--output", "p.csv")
    assert {line["class"] for line in table("p.csv")} == {"ant"}
    assert "3 of 6 taken for another class" in capsys.readouterr().err


def test_a_part_that_has_to_be_made_is_the_training_scripts(parts):
    """Without a folder of its own, the validation set is taken from the training set."""
    for name in parts:
        if name.startswith("val"):
            Path("insects", name).unlink()
    save_da()
    run("encode", "da.npz", "insects", "--part", "validation")
    assert len(np.load("codes.npy")) == 8 // 6
    run("encode", "da.npz", "insects", "--part", "training")
    assert len(np.load("codes.npy")) == 8 - 8 // 6
    run("encode", "da.npz", "insects")
    assert len(np.load("codes.npy")) == 6


def test_classes_are_the_outermost_folders_as_in_training():
    for name in ("ant/red/0.png", "ant/black/0.png", "bee/0.png"):
        save(Path("data", name), made(1)[0])
    save_da()
    run("encode", "da.npz", "data", "--output", "c.csv")
    assert [line["label"] for line in table("c.csv")] == ["ant", "ant", "bee"]


def test_denoise_takes_all_parts(parts, capsys):
    save_da()
    run("denoise", "da.npz", "insects", "--output", "out")
    assert sorted(str(p.relative_to("out")) for p in Path("out").rglob("*.png")) == sorted(parts)
    run("denoise", "da.npz", "insects", "--part", "test", status=2)
    assert "leave --part out" in capsys.readouterr().err


# ---- options


def test_resize_and_grey():
    colours = made(3, shape=(2 * HEIGHT, 2 * WIDTH, 3))
    for i, pixels in enumerate(colours):
        save(f"large/{i}.png", pixels)
    da = save_da()
    run("encode", "da.npz", "large", "--resize", f"{WIDTH}x{HEIGHT}", "--grey")
    grey = colours @ [0.299, 0.587, 0.114] / 256
    weights = np.array([1, 3, 3, 1]) / 8  # of a pixel of half the size, where there is no edge
    inner = np.einsum("i,j,nij->n", weights, weights, grey[:, 3:7, 3:7])
    with_option = np.load("codes.npy")
    run("convert", "large", "rows.npy", "--resize", f"{WIDTH}x{HEIGHT}", "--grey")
    X = np.load("rows.npy")
    np.testing.assert_allclose(X.reshape(3, HEIGHT, WIDTH)[:, 2, 2], inner, rtol=1e-5)
    np.testing.assert_allclose(with_option, codes(da, X), rtol=1e-4)
    run("denoise", "da.npz", "large", "--resize", f"{WIDTH}x{HEIGHT}", "--output", "out")
    for i, expected in enumerate(reconstructed(da, X) * 256):
        with Image.open(f"out/{i}.png") as picture:
            np.testing.assert_allclose(np.asarray(picture).ravel(), expected.round(), atol=1)


def test_a_wrong_size_names_the_option(capsys):
    save("a/b.png", made(1, shape=(4, 4))[0])
    save_da()
    run("encode", "da.npz", "a", status=2)
    assert f"take --resize {WIDTH}x{HEIGHT}" in capsys.readouterr().err


def test_damaged_pictures_are_left_out_and_listed(capsys):
    pixels = made(4)
    for i, picture in enumerate(pixels):
        save(f"data/{i}.png", picture)
    Path("data", "1.png").write_bytes(Path("data", "1.png").read_bytes()[:50])
    Path("data", "2.tif").touch()
    da = save_da()
    run("encode", "da.npz", "data", status=2)
    assert "take --skip-damaged" in capsys.readouterr().err
    run("encode", "da.npz", "data", "--skip-damaged", "--output", "c.csv")
    error = capsys.readouterr().err
    assert "2 picture(s) left out" in error
    assert "1.png" in error
    assert "2.tif" in error
    lines = table("c.csv")
    assert [line["identifier"] for line in lines] == ["0.png", "2.png", "3.png"]
    X = pixels[[0, 2, 3]].reshape(3, -1) / 256
    np.testing.assert_allclose(numbers(lines, "unit"), codes(da, X), rtol=1e-4)
    run("denoise", "da.npz", "data", "--skip-damaged")
    assert sorted(p.name for p in Path("denoised").iterdir()) == ["0.png", "2.png", "3.png"]
    for i in (0, 2, 3):
        Path("data", f"{i}.png").unlink()
    run("encode", "da.npz", "data", "--skip-damaged", status=2)
    assert "none of its 2 picture(s) can be read" in capsys.readouterr().err


def test_options_of_standard_input(monkeypatch, capsys):
    large = made(1, shape=(2 * HEIGHT, 2 * WIDTH))[0]
    save("large.png", large)
    np.save("rows.npy", made(2).reshape(2, -1))
    save_da()
    size = ["--resize", f"{WIDTH}x{HEIGHT}"]

    def encode(name, *options, status=0):
        stream = io.TextIOWrapper(io.BytesIO(Path(name).read_bytes()))
        monkeypatch.setattr("sys.stdin", stream)
        run("encode", "da.npz", "-", *options, status=status)

    run("encode", "da.npz", "large.png", *size, "--output", "of_file.npy")
    encode("large.png", *size)
    np.testing.assert_array_equal(np.load("codes.npy"), np.load("of_file.npy"))
    for name, *options in (
        ("rows.npy", "--transpose"),
        ("rows.npy", *size),
        ("rows.npy", "--part", "test"),
    ):
        encode(name, *options, status=2)
        assert f"{options[0]} means nothing for a .npy" in capsys.readouterr().err
    encode("rows.npy")


def test_an_option_of_tables_is_refused(capsys):
    save("data/a.png", made(1)[0])
    save_da()
    run("encode", "da.npz", "data", "--transpose", status=2)
    assert "--transpose means nothing for this kind of data" in capsys.readouterr().err


def test_report_takes_the_options():
    for i, pixels in enumerate(made(30, shape=(12, 10))):
        save(f"large/{i}.png", pixels)
    save_da()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run("report", "da.npz", "--dataset", "large", "--resize", f"{WIDTH}x{HEIGHT}")
    assert Path("report", "report.html").exists()


# ---- what a PNG holds


def test_12_bits_come_back_as_16():
    """A camera's 12 bits, scaled for the model, come out in the units of the files."""
    values = np.random.default_rng(0).integers(0, 4096, (5, HEIGHT, WIDTH), dtype="uint16")
    for i, picture in enumerate(values):
        save(f"camera/{i}.tif", picture)
    scaling = Scaling.fitted("max", values.reshape(5, -1) / 65536)
    da = save_da(scaling)
    run("denoise", "da.npz", "camera", "--output", "out")
    expected = reconstructed(da, values.reshape(5, -1) / values.max()) * values.max()
    assert expected.max() > 1000
    for i in range(5):
        with Image.open(f"out/{i}.png") as picture:
            found = np.asarray(picture)
        assert found.dtype == np.uint16
        np.testing.assert_allclose(found.ravel(), expected[i], atol=1)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_numbers_without_a_white_are_no_png(dtype, capsys):
    values = made(4).astype(dtype)
    for i, picture in enumerate(values):
        save(f"numbers/{i}.tif", picture)
    da = save_da(Scaling.fitted("max", values.reshape(4, -1)))
    run("denoise", "da.npz", "numbers", status=2)
    assert "no PNG holds them; `deeptutorial convert` makes rows" in capsys.readouterr().err
    assert not Path("denoised").exists()
    run("convert", "numbers", "rows.npy")
    run("denoise", "da.npz", "rows.npy", "--output", "clean.npy")
    largest = values.max()
    expected = reconstructed(da, values.reshape(4, -1) / largest) * largest
    np.testing.assert_allclose(np.load("clean.npy"), expected, rtol=1e-4)


def test_12_bits_are_converted_with_a_scaling_only(capsys):
    for i in range(3):
        save(f"camera/{i}.tif", np.full((2, 2), 4000 + i, dtype="uint16"))
    run("convert", "camera", "rows.npy", status=2)
    assert "take --scale max" in capsys.readouterr().err
    assert not Path("rows.npy").exists()
    run("convert", "camera", "rows.npy", "--scale", "max")
    np.testing.assert_allclose(np.load("rows.npy")[:, 0], np.arange(4000, 4003) / 4002, rtol=1e-6)


def test_12_bits_are_told_of_where_the_model_has_no_scaling(capsys):
    for i in range(3):
        save(f"camera/{i}.tif", np.full((HEIGHT, WIDTH), 4000 + i, dtype="uint16"))
    save_da()
    run("encode", "da.npz", "camera")
    assert "warning: the values go up to 4002 only" in capsys.readouterr().err
    np.save("rows.npy", np.full((3, HEIGHT * WIDTH), 4002, dtype="uint16"))
    run("encode", "da.npz", "rows.npy", "--output", "of_rows.npy", status=2)
    assert "rows.npy: the values go up to 4002 only" in capsys.readouterr().err
    assert not Path("of_rows.npy").exists()
    np.save("rows.npy", np.full((3, HEIGHT * WIDTH), 40020, dtype="uint16"))
    run("encode", "da.npz", "rows.npy", "--output", "of_rows.npy")
    assert capsys.readouterr().err == ""
