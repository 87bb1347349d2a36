"""The command `deeptutorial`: what comes out, against NumPy; what is refused; pipes."""

import copy
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import SdA, dA, load_model
from deeptutorial.archives import read_archive, write_archive
from deeptutorial.commands import main
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.scaling import Scaling
from tests.commands.by_numpy import codes, reconstructed, sigmoid

ROOT = Path(__file__).parents[2]
NAMES = (
    *("train", "run", "port", "convert", "info", "filters", "encode", "predict", "denoise"),
    "export",
    "report",
)
HEIGHT, WIDTH = 6, 5


@pytest.fixture(autouse=True)
def in_float32(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX="float32"):
        yield


@pytest.fixture(scope="module")
def da():
    """Return a dA of 6x5 pixels that is not trained, but has biases."""
    with pytensor.config.change_flags(floatX="float32"):
        da = dA(np.random.RandomState(1), n_visible=HEIGHT * WIDTH, n_hidden=7)
        for bias in da.params[1:]:
            noise = np.random.default_rng(2).normal(size=bias.get_value().shape)
            bias.set_value(noise.astype("float32"))
        da.image_shape = (HEIGHT, WIDTH)
        return da


@pytest.fixture
def model(da, tmp_path):
    da.save(tmp_path / "da.npz")
    return "da.npz"


@pytest.fixture
def stack(tmp_path):
    sda = SdA(np.random.RandomState(1), n_ins=30, hidden_layers_sizes=[7, 4], n_outs=3)
    sda.image_shape = (HEIGHT, WIDTH)
    sda.save(tmp_path / "sda.npz")
    return sda


@pytest.fixture
def data_set(tmp_path):
    """Return 70 labelled images, saved as data.npz in three parts."""
    rng = np.random.default_rng(0)
    x = rng.random((70, HEIGHT, WIDTH)).astype("float32")
    y = np.arange(70) % 3
    parts = {"train": slice(0, 50), "valid": slice(50, 60), "test": slice(60, 70)}
    arrays = {
        f"{a}_{name}": {"x": x, "y": y}[a][rows] for name, rows in parts.items() for a in "xy"
    }
    np.savez(tmp_path / "data.npz", **arrays)
    return x.reshape(70, -1)


@pytest.fixture
def pictures(tmp_path):
    """Return grey pictures as bytes, saved in a folder; the last one in a folder of its own."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, HEIGHT, WIDTH), dtype="uint8")
    (tmp_path / "pictures" / "z").mkdir(parents=True)
    for name, picture in zip(("a.png", "b.bmp", "c.png", "d.png", "z/a.png"), pixels, strict=True):
        Image.fromarray(picture).save(tmp_path / "pictures" / name)
    return pixels


def rows(pixels):
    return pixels.reshape(len(pixels), -1) / 256


def as_bytes(z):
    return np.clip(np.rint(z * 256), 0, 255)


def run(*arguments, status=0):
    assert main([str(argument) for argument in arguments]) == status


def process(*arguments, input=None, folder=None, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "deeptutorial", *map(str, arguments)],
        input=input,
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


# ---- encode


@pytest.mark.parametrize(
    ("part", "of"), [("training", (0, 50)), ("validation", (50, 60)), ("test", (60, 70))]
)
def test_encode_a_part_of_a_data_set(part, of, da, model, data_set):
    run("encode", model, "data.npz", "--part", part)
    found = np.load("codes.npy")
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, codes(da, data_set[slice(*of)]), rtol=1e-4)


def test_encode_pictures_in_the_order_of_their_names(da, model, pictures):
    run("encode", model, "pictures", "--output", "out.npy")
    np.testing.assert_allclose(np.load("out.npy"), codes(da, rows(pictures)), rtol=1e-4)
    run("encode", model, Path("pictures", "c.png"), "--output", "out.npy")
    np.testing.assert_allclose(np.load("out.npy"), codes(da, rows(pictures[2:3])), rtol=1e-4)


def test_encode_from_a_pipe_into_a_pipe(da, model, data_set):
    file = io.BytesIO()
    np.save(file, data_set.reshape(70, HEIGHT, WIDTH))
    done = process("encode", model, "-", "--output", "-", input=file.getvalue())
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(
        np.load(io.BytesIO(done.stdout)), codes(da, data_set), rtol=1e-4, atol=1e-6
    )


def test_encode_with_a_stack(stack, data_set):
    np.save("x.npy", data_set)
    run("encode", "sda.npz", "x.npy")
    code = data_set
    for layer in stack.sigmoid_layers:
        code = sigmoid(code @ layer.W.get_value() + layer.b.get_value())
    np.testing.assert_allclose(np.load("codes.npy"), code, rtol=1e-4)


def test_colour_and_grey(model, da, pictures):
    colours = np.repeat(pictures[0][:, :, None], 3, axis=2) // np.array([1, 2, 4], dtype="uint8")
    Image.fromarray(colours).save("colours.png")
    run("encode", model, "colours.png")
    grey = (colours @ [0.299, 0.587, 0.114]).reshape(1, -1) / 256
    np.testing.assert_allclose(np.load("codes.npy"), codes(da, grey), rtol=1e-4)

    coloured = dA(np.random.RandomState(1), n_visible=HEIGHT * WIDTH * 3, n_hidden=2)
    coloured.image_shape = (HEIGHT, WIDTH, 3)
    coloured.save("coloured.npz")
    run("encode", "coloured.npz", "pictures")
    expected = codes(coloured, np.repeat(rows(pictures), 3, axis=1))
    np.testing.assert_allclose(np.load("codes.npy"), expected, rtol=1e-4)


# ---- denoise


def test_denoise_pictures(da, model, pictures, capfd):
    run("denoise", model, "pictures", "--output", "out/clean")
    expected = as_bytes(reconstructed(da, rows(pictures))).reshape(pictures.shape)
    for name, clean in zip(("a", "b", "c", "d", "z/a"), expected, strict=True):
        with Image.open(Path("out", "clean", f"{name}.png")) as picture:
            np.testing.assert_allclose(np.asarray(picture), clean, atol=1)
    assert capfd.readouterr().err == "5 picture(s) in out/clean\n"


def test_denoise_from_a_pipe_into_a_pipe(da, model, pictures):
    file = io.BytesIO()
    Image.fromarray(pictures[0]).save(file, "PNG")
    done = process("denoise", model, "-", input=file.getvalue())
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    expected = as_bytes(reconstructed(da, rows(pictures[:1]))).reshape(HEIGHT, WIDTH)
    np.testing.assert_allclose(np.asarray(Image.open(io.BytesIO(done.stdout))), expected, atol=1)


def test_denoise_one_picture_into_a_pipe(da, model, pictures, capfdbinary):
    run("denoise", model, "pictures/b.bmp", "--output", "-")
    expected = as_bytes(reconstructed(da, rows(pictures[1:2]))).reshape(HEIGHT, WIDTH)
    picture = Image.open(io.BytesIO(capfdbinary.readouterr().out))
    np.testing.assert_allclose(np.asarray(picture), expected, atol=1)
    run("denoise", model, "pictures", "--output", "-", status=2)
    assert b"5 pictures do not fit one file" in capfdbinary.readouterr().err


def test_denoise_writes_over_no_original(model, pictures, capsys):
    before = Path("pictures", "a.png").read_bytes()
    run("denoise", model, "pictures", "--output", "pictures", status=2)
    assert "would be written over an original" in capsys.readouterr().err
    run("denoise", model, "pictures/a.png", "pictures/z/a.png", status=2)
    assert "would both be written to denoised/a.png" in capsys.readouterr().err
    assert Path("pictures", "a.png").read_bytes() == before
    assert not Path("denoised").exists()


# ---- filters, info, report


def test_filters_are_those_of_the_script(da, model):
    from dA import save_filters

    save_filters(da, da.image_shape, "script.png")
    run("filters", model, "--output", "ours.png")
    script, ours = (np.asarray(Image.open(name)) for name in ("script.png", "ours.png"))
    assert ours.shape == (HEIGHT, script.shape[1])  # seven units need one row of ten
    np.testing.assert_array_equal(ours, script[:HEIGHT])


def test_info(model, da, capsys):
    run("info", model)
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["model"] == "dA"
    assert lines["n_hidden"] == "7"
    assert lines["image_shape"] == "6, 5"
    W = da.W.get_value()
    assert lines["W"] == f"30 x 7, from {W.min():.4g} to {W.max():.4g}, mean {W.mean():.4g}"


def test_info_of_a_model_of_a_table(da, capsys):
    table = copy.copy(da)
    scaling = Scaling("minmax", (0.0,) * 30, (0.5,) * 30)
    columns = tuple(f"gene{i}" for i in range(30))
    table.image_shape, table.data = (1, 30), Description(columns, ("ill", "well"), scaling)
    table.save("table.npz")
    run("info", "table.npz")
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["scaling"] == "minmax, of 30 columns"
    assert lines["columns"] == "30: " + ", ".join(columns[:8]) + ", ..."
    assert lines["class_names"] == "2: ill, well"


def test_report_in_the_scaling_of_the_model(da, data_set, capsys):
    scaled = copy.copy(da)
    scaled.data = Description((), (), Scaling("max", (0.0,), (0.05,)))
    scaled.save("scaled.npz")
    np.savez("large.npz", x=data_set * 20)
    run("report", "scaled.npz", "--dataset", "large.npz")
    figures = json.loads(Path("report", "report.json").read_text())
    order = np.random.default_rng(0).permutation(70)[-10:]
    x, z = data_set[order], reconstructed(da, data_set[order])
    cost = -np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1).mean()
    np.testing.assert_allclose(figures["models"][0]["test_cost"]["clean"], cost, rtol=1e-4)
    da.save("da.npz")
    run("report", "da.npz", "--dataset", "large.npz", status=2)
    assert "the model has learned from values in [0, 1]" in capsys.readouterr().err
    two = ("--corruption-level", 0, "--corruption-level", 0.3)
    run("report", "da.npz", "scaled.npz", *two, "--dataset", "data.npz", status=2)
    assert "scaled.npz has learned from values that were scaled other" in capsys.readouterr().err


def test_no_report_of_columns_in_another_order(capsys):
    """By their places alone they would be taken for others, silently."""
    x = np.random.default_rng(0).random((40, 3)).round(3).astype(str)
    for name, heads in (("good", "p,q,r"), ("odd", "p,r,q")):
        Path(f"{name}.csv").write_text("\n".join([heads, *map(",".join, x)]))
    of_table = dA(np.random.RandomState(1), n_visible=3, n_hidden=2)
    of_table.data = Description(columns=("p", "q", "r"))
    of_table.save("table.npz")
    run("report", "table.npz", "--dataset", "odd.csv", status=2)
    assert "'r' in the place of 'q'" in capsys.readouterr().err
    run("report", "table.npz", "--dataset", "good.csv")


def test_info_of_a_file_that_wants_to_reach_the_terminal(model, capsys):
    header, arrays = read_archive(model, "deeptutorial model", 1)
    header["model"] = "dA\x1b[2J\x1b]0;title\x07"
    header["hyperparameters"] = {
        "half": "\ud800",
        "k" * 10**6: 1,
        "turned\u202e": "v" * 10**6,
    }
    arrays = {"\x9bW": arrays["W"], "empty": np.zeros((0, 3), "float32")}
    arrays["number"] = np.float32(3).reshape(())
    write_archive("odd.npz", header, arrays)
    run("info", "odd.npz")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all(line.isprintable() and line.isascii() and len(line) < 400 for line in lines)
    told = dict(line.split(maxsplit=1) for line in lines)
    assert told["model"] == r"dA\x1b[2J\x1b]0;title\x07"
    assert told["half"] == r"\ud800"
    assert told["empty"] == "0 x 3, empty"
    assert told["number"] == "a number, from 3 to 3, mean 3"
    assert told[r"\x9bW"].startswith("30 x 7, from ")


def test_a_header_of_lists_in_lists_is_refused(model, capsys):
    header, arrays = read_archive(model, "deeptutorial model", 1)
    for _ in range(900):
        header["image_shape"] = [header["image_shape"]]
    write_archive("deep.npz", header, arrays)
    run("info", "deep.npz", status=2)
    assert (
        "deep.npz: not a deeptutorial model, or a damaged one (its header is nested too deeply)"
        in (capsys.readouterr().err)
    )


def test_report(model, data_set, stack, capsys):
    run("report", model, "da.npz", *("--corruption-level", 0, "--corruption-level", 0.4),
        *("--dataset", "data.npz"))  # fmt: skip
    assert capsys.readouterr().out == f"{Path('report', 'report.html')}\n"
    figures = json.loads(Path("report", "report.json").read_text())
    assert [model["corruption_level"] for model in figures["models"]] == [0, 0.4]
    assert figures["test"] == {"examples": 10, "corruption_level": 0.4}
    run("report", "sda.npz", "--dataset", "data.npz", "--output-folder", "stack")
    assert json.loads(Path("stack", "report.json").read_text())["kind"] == "SdA"


def test_report_of_models_of_two_sizes_and_precisions(model, data_set, tmp_path):
    with pytensor.config.change_flags(floatX="float64"):
        other = dA(np.random.RandomState(1), n_visible=30, n_hidden=3)
        other.save(tmp_path / "other.npz")
    levels = ("--corruption-level", 0, "--corruption-level", 0.4)
    for models in (("da.npz", "other.npz"), ("other.npz", "da.npz")):
        run("report", *models, *levels, "--dataset", "data.npz")
        figures = json.loads(Path("report", "report.json").read_text())
        assert sorted(model["n_hidden"] for model in figures["models"]) == [3, 7]


def test_report_of_a_large_deviation(data_set, tmp_path, capsys):
    """Only where the level is one: of masking there is no more than everything."""
    for kind in ("gaussian", "masking"):
        noisy = dA(np.random.RandomState(1), n_visible=30, n_hidden=3, corruption=kind)
        noisy.save(tmp_path / f"{kind}.npz")
    level = ("--corruption-level", 2, "--dataset", "data.npz")
    run("report", "gaussian.npz", *level)
    assert "noise of deviation 2" in Path("report", "report.html").read_text(encoding="utf-8")
    run("report", "masking.npz", *level, status=2)
    assert "--corruption-level of masking.npz must be at most 1\n" in capsys.readouterr().err


# ---- train


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the package as an installation has it."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "setup.py", "--quiet", "build"]
    options = ["--build-base", folder / "build", "--build-lib", folder / "lib"]
    subprocess.run([*build, *options], cwd=ROOT, check=True, capture_output=True)
    return folder / "lib"


@pytest.mark.parametrize("script", ["dA", "SdA"])
def test_an_installed_package_brings_the_very_scripts(script, installed, tmp_path):
    carried = installed / "deeptutorial" / "scripts" / f"{script}.py"
    assert carried.read_bytes() == (ROOT / f"{script}.py").read_bytes()
    done = process("train", script, "--help", folder=tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}.py ".encode())


def test_train(data_set, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["deeptutorial"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    options = "--dataset data.npz --n-hidden 4 --training-epochs 1 --corruption gaussian"
    with pytest.raises(SystemExit) as ended:
        main(["train", "dA", *options.split()])
    assert ended.value.code == 0
    assert capsys.readouterr().out.count("Training epoch 0, cost ") == 2
    assert load_model("dA_plots/dA_corruption_30.npz").corruption == "gaussian"


# ---- help and refusals


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"  deeptutorial {name} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nowhere.npz"), "nowhere.npz"),
        (("info", "data.npz"), "data.npz: not a deeptutorial model"),
        (("encode", "da.npz", "nowhere"), "nowhere: no such file or folder"),
        (("encode", "da.npz", "large.png"), "large.png: 9x8 pixels, but the model has learned "
         "from 5x6"),
        (("encode", "da.npz", "wide.npy"), "an example has 31 values, but the model takes 30"),
        (("encode", "da.npz", "nan.npy"), "nan.npy: holds NaN or infinity"),
        (("encode", "da.npz", "data.npz", "--output", "no/x.npy"), "no such folder: 'no'"),
        (("encode", "da.npz", "empty"), "any picture that Pillow can read"),
        (("denoise", "da.npz", "nowhere.png"), "nowhere.png: no such file or folder"),
        (("denoise", "sda.npz", "large.png"), "sda.npz: holds a model of the kind 'SdA', not 'dA'"),
        (("report", "da.npz", "da.npz", "--dataset", "data.npz"), "once for each of the 2 models"),
        (("report", "da.npz", "sda.npz", "--dataset", "data.npz"), "a report of its own"),
        (("report", "da.npz", "--dataset", "wide.npz"), "its examples have 31 values, but da.npz"),
        (("report", "sda.npz", "--dataset", "bare.npz"), "its labels are missing"),
    ],
)  # fmt: skip
def test_refused_in_one_line(arguments, message, model, stack, data_set, tmp_path, capsys):
    Image.fromarray(np.zeros((8, 9), dtype="uint8")).save("large.png")
    np.save("wide.npy", np.zeros((3, 31)))
    np.save("nan.npy", np.full((3, 30), np.nan))
    np.savez("wide.npz", x=np.zeros((9, 31), dtype="float32"))
    np.savez("bare.npz", x=data_set)
    Path("empty").mkdir()
    run(*arguments, status=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"deeptutorial {arguments[0]}: error: ")
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "prog"),
    [((), "deeptutorial"), (("filters", "x", "--rows", "0"), "deeptutorial filters")],
)
def test_wrong_options_are_one_line_and_status_2(arguments, prog, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{prog}: error: ")
