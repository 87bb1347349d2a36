"""`python dA.py` as a process, and its main function."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

from deeptutorial import load_model
from deeptutorial.commands.script_options import dA_options

ROOT = Path(__file__).parents[1]

REFERENCE = {  # mean cost of the first epochs that the original printed
    0.0: [63.289169, 55.786657],
    0.3: [81.764986, 73.443446],
}


def start(*options, folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(ROOT / "dA.py"), *map(str, options)],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*options, folder, **environment):
    process = start(*options, folder=folder, **environment)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


@pytest.fixture
def small_set(tmp_path):
    """A data set of 70 pictures of 6x5 pixels in an .npz."""
    x = np.random.default_rng(0).random((70, 6, 5)).astype("float32")
    np.savez(tmp_path / "small.npz", x=x)
    return tmp_path / "small.npz"


def test_a_whole_run(tmp_path, small_set):
    status, out, err = run(
        "--dataset", small_set, "--training-epochs", 2, "--n-hidden", 12, folder=tmp_path
    )
    assert status == 0, err
    cost = r"\d+\.\d+"
    assert re.fullmatch(
        rf"(Training epoch 0, cost  {cost}\nTraining epoch 1, cost  {cost}\n){{2}}", out
    )
    assert re.fullmatch(
        r"The no corruption code for file dA\.py ran for \d+\.\d\dm\n"
        r"The 30% corruption code for file dA\.py ran for \d+\.\d\dm\n",
        err,
    )
    for level in (0, 30):
        with Image.open(tmp_path / "dA_plots" / f"filters_corruption_{level}.png") as picture:
            assert picture.size == (10 * 6 - 1, 10 * 7 - 1)
            assert picture.mode == "L"
            assert np.asarray(picture)[:6, :5].max() >= 254


def test_options(tmp_path, small_set):
    status, out, err = run(
        *("--dataset", small_set, "--training-epochs", 1, "--n-hidden", 3, "--batch-size", 7),
        *("--corruption-level", 0.125, "--corruption-level", 1, "--output-folder", "a/b"),
        *("--learning-rate", 0.01, "--seed", 7, "--floatX", "float64"),
        folder=tmp_path,
    )
    assert status == 0, err
    assert len(out.splitlines()) == 2
    assert "The 12.5% corruption code" in err
    assert {path.name for path in (tmp_path / "a" / "b").glob("[!.]*")} == {
        "report.html",
        "report.json",
        "playground.html",
        *("filters_corruption_12.5.png", "dA_corruption_12.5.npz"),
        *("filters_corruption_100.png", "dA_corruption_100.npz"),
    }
    with pytensor.config.change_flags(floatX="float64"):
        da = load_model(tmp_path / "a" / "b" / "dA_corruption_100.npz")
    assert (da.n_visible, da.n_hidden, da.image_shape) == (30, 3, (6, 5))


def test_another_noise(tmp_path, small_set):
    status, _, err = run(
        *("--dataset", small_set, "--training-epochs", 1, "--n-hidden", 3),
        *("--corruption-level", 0.3, "--corruption", "salt-and-pepper"),
        folder=tmp_path,
    )
    assert status == 0, err
    da = load_model(tmp_path / "dA_plots" / "dA_corruption_30.npz")
    assert da.corruption == "salt-and-pepper"


@pytest.mark.slow
def test_the_deviation_of_gaussian_noise_may_be_large(tmp_path, small_set):
    status, _, err = run(
        *("--dataset", small_set, "--training-epochs", 1, "--n-hidden", 3),
        *("--corruption-level", 1.5, "--corruption", "gaussian"),
        folder=tmp_path,
    )
    assert status == 0, err
    report = json.loads((tmp_path / "dA_plots" / "report.json").read_text(encoding="utf-8"))
    assert report["models"][0]["corruption_level"] == 1.5
    assert list(report["times"]["seconds"]) == ["training, noise of deviation 1.5"]


def test_an_interrupted_run_is_not_started_over(tmp_path, small_set):
    (tmp_path / "dA_plots").mkdir()
    (tmp_path / "dA_plots" / "checkpoint_0.npz").touch()
    status, _, err = run("--dataset", small_set, folder=tmp_path)
    assert status == 2
    assert err == (
        "dA.py: error: dA_plots holds a run that was interrupted: go on with it by --resume, or "
        "choose another --output-folder (or remove "
        f"{os.path.join('dA_plots', 'checkpoint_*.npz')})\n"
    )


def test_the_same_seed_gives_the_same_run(tmp_path, small_set):
    options = ("--dataset", small_set, "--training-epochs", 1, "--n-hidden", 4)
    _, first, _ = run(*options, "--output-folder", "one", folder=tmp_path)
    _, again, _ = run(*options, "--output-folder", "two", folder=tmp_path)
    _, other, _ = run(*options, "--seed", 5, folder=tmp_path)
    assert first == again != other
    for name in ("filters_corruption_0.png", "filters_corruption_30.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow
def test_colour_pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(20):
        Image.fromarray(rng.integers(0, 256, (4, 9, 3), dtype="uint8")).save(folder / f"{k}.png")
    status, _, err = run(
        *("--dataset", folder, "--training-epochs", 1, "--n-hidden", 5, "--batch-size", 5),
        *("--corruption-level", 0.2),
        folder=tmp_path,
    )
    assert status == 0, err
    with Image.open(tmp_path / "dA_plots" / "filters_corruption_20.png") as picture:
        assert picture.size == (10 * 10 - 1, 10 * 5 - 1)
        colours = np.asarray(picture.convert("RGB"))[:4, :9].astype(int)
    assert (colours[..., 0] != colours[..., 1]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "nowhere.npz"), "nowhere.npz: no such file or folder"),
        (("--batch-size", 51), "50 example(s), fewer than one minibatch of 51"),
        (("--batch-size", 0), "--batch-size: expected a whole number of at least 1, got 0"),
        (("--batch-size", "many"), "--batch-size: invalid whole number value: 'many'"),
        (("--learning-rate", "nan"), "--learning-rate: expected a number of at least 0, got nan"),
        (("--corruption-level", 1.5), "expected a number between 0 and 1, got 1.5"),
        (("--corruption", "pepper"), "invalid choice: 'pepper'"),
        (("--scale", "log"), "invalid choice: 'log'"),
        (("--scale", "standardize"), "take minmax, or --reconstruction-cost squared-error"),
        (("--seed", -1), "expected a whole number between 0 and 4294967295, got -1"),
        (("--floatX", "float16"), "invalid choice: 'float16'"),
        (("--output-folder", "small.npz"), "small.npz"),
        (("--unknown",), "unrecognized arguments: --unknown"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(tmp_path, small_set, options, message):
    status, out, err = run("--dataset", small_set, *options, folder=tmp_path)
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("dA.py: error: ")
    assert message in err


def test_divergence_says_what_to_change(tmp_path, small_set):
    status, _, err = run(
        *("--dataset", small_set, "--learning-rate", 1e38, "--n-hidden", 5), folder=tmp_path
    )
    assert status == 1
    assert "the learning rate of 1e+38 is too high; try 1e+37" in err
    assert "Traceback" not in err


def test_ctrl_c_saves_the_filters_so_far(tmp_path, small_set):
    process = start("--dataset", small_set, "--training-epochs", 10_000_000, folder=tmp_path)
    assert process.stdout.readline().startswith("Training epoch 0, cost  ")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == [
        "Interrupted; the filters so far are in "
        + os.path.join("dA_plots", "filters_corruption_0.png")
        + "; go on with --resume"
    ]
    with Image.open(tmp_path / "dA_plots" / "filters_corruption_0.png") as picture:
        assert picture.size == (59, 69)


def test_a_second_ctrl_c_ends_at_once():
    """Seen from a minibatch that takes very long: the first signal alone would wait for it."""
    program = (
        "import os, signal, time\n"
        "from deeptutorial.training import minibatches\n"
        "for i in minibatches(3, 0):\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(100)\n"
    )
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60)
    assert process.returncode == -signal.SIGINT


def test_help_teaches(tmp_path):
    status, out, _ = run("--help", folder=tmp_path)
    assert status == 0
    for option in (
        *("--learning-rate", "--training-epochs", "--dataset", "--batch-size", "--output-folder"),
        *("--n-hidden", "--corruption-level", "--seed", "--floatX", "python dA.py"),
        *("--resume", "--checkpoint-every"),
    ):
        assert option in out


def test_signature_is_the_tutorials():
    import inspect

    import dA as script
    from deeptutorial import dA

    parameters = inspect.signature(script.test_dA).parameters
    assert {name: parameters[name].default for name in list(parameters)[:5]} == {
        "learning_rate": 0.1,
        "training_epochs": 15,
        "dataset": "mnist.pkl.gz",
        "batch_size": 20,
        "output_folder": "dA_plots",
    }
    assert script.dA is dA


def test_options_default_to_the_signature():
    """But for the data set, which the command line looks for with more patience."""
    import inspect

    import dA as script

    with pytensor.config.change_flags(floatX=pytensor.config.floatX):
        options = dA_options(script.test_dA, [])
    parameters = inspect.signature(script.test_dA).parameters
    defaults = {name: given.default for name, given in parameters.items() if name != "reading"}
    assert options == defaults | {"dataset": "auto"}
    assert parameters["reading"].kind is inspect.Parameter.VAR_KEYWORD


def test_how_to_read_the_data_goes_to_load_data(monkeypatch):
    import dA as script

    given = {}

    def load_data(dataset, **reading):
        given.update(reading, dataset=dataset)
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "load_data", load_data)
    words = ["--dataset", "genes.tsv", "--transpose", "--label-column", "-1", "--impute"]
    with pytest.raises(KeyboardInterrupt):
        script.test_dA(**dA_options(script.test_dA, words))
    assert given == {
        "dataset": "genes.tsv",
        "transpose": True,
        "label_column": "-1",
        "impute": True,
        "any_range": False,
    }


def test_pictures_are_read_as_the_options_say(tmp_path, monkeypatch, capfd):
    import dA as script

    monkeypatch.chdir(tmp_path)
    for i, side in enumerate((30, 40, 50, 60)):
        Image.new("RGB", (side, 20), (i, 2 * i, 3 * i)).save(tmp_path / f"{i}.png")
    (tmp_path / "broken.png").touch()
    words = "--resize 9x7 --grey --skip-damaged --training-epochs 1 --n-hidden 2 --batch-size 1"
    options = dA_options(script.test_dA, ["--dataset", ".", *words.split()])
    assert (options["resize"], options["grey"], options["skip_damaged"]) == ((7, 9), True, True)
    script.test_dA(**options)
    assert "broken.png" in capfd.readouterr().err
    da = load_model(tmp_path / "dA_plots" / "dA_corruption_0.npz")
    assert da.image_shape == (7, 9)


@pytest.mark.parametrize(
    "size", ["28", "28x", "x28", "0x3", "3x0", "-3x3", "2.5x3", "99999x3", "axb"]
)
def test_what_is_no_size_is_refused(size, capfd):
    import dA as script

    with pytest.raises(SystemExit):
        dA_options(script.test_dA, ["--resize", size])
    assert "argument --resize" in capfd.readouterr().err


@pytest.mark.parametrize(("level", "tolerance"), [(0.0, 1e-4), (0.3, 5e-3)])
def test_real_mnist_meets_the_originals_costs(level, tolerance, mnist_folder, tmp_path, capsys):
    import dA as script

    with pytensor.config.change_flags(floatX="float32"):
        script.test_dA(
            dataset=str(mnist_folder),
            training_epochs=2,
            corruption_levels=(level,),
            output_folder=tmp_path,
        )
    costs = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(costs, REFERENCE[level], rtol=tolerance)
