"""`python SdA.py` as a process, and its main function."""

import inspect
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from PIL import Image

from deeptutorial import SdA
from deeptutorial.commands.script_options import RECIPES, SdA_options
from deeptutorial.datasets.description import Description

ROOT = Path(__file__).parents[1]
COST = r"\d+\.\d+"


def start(*options, folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(ROOT / "SdA.py"), *map(str, options)],
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
    """A data set of 140 pictures of 6x5 pixels, of three kinds, in an .npz."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 140)
    x = (rng.random((3, 6, 5)) > 0.5)[y] * 0.8 + rng.random((140, 6, 5)) * 0.2
    np.savez(tmp_path / "small.npz", x=x.astype("float32"), y=y)
    return tmp_path / "small.npz"


SMALL = ("--hidden-layers-sizes", 9, 8, 7, "--batch-size", 4, "--pretraining-epochs", 2)


def test_a_whole_run(tmp_path, small_set):
    status, out, err = run(
        *("--dataset", small_set, *SMALL, "--training-epochs", 12, "--finetune-lr", 1),
        folder=tmp_path,
    )
    assert status == 0, err
    pretraining = "".join(
        f"Pre-training layer {layer}, epoch {epoch}, cost {COST}\n"
        for layer in range(3)
        for epoch in range(2)
    )
    better = rf"     epoch \d+, minibatch 25/25, test error of best model {COST} %\n"
    assert re.fullmatch(
        r"\.\.\. building the model\n"
        r"\.\.\. getting the pretraining functions\n"
        r"\.\.\. pre-training the model\n"
        rf"{pretraining}"
        r"\.\.\. getting the finetuning functions\n"
        r"\.\.\. finetunning the model\n"
        rf"(epoch \d+, minibatch 25/25, validation error {COST} %\n({better})?)+"
        rf"Optimization complete with best validation score of {COST} %, on iteration \d+, "
        rf"with test performance {COST} %\n",
        out,
    ), out
    assert re.fullmatch(
        r"The pretraining code for file SdA\.py ran for \d+\.\d\dm\n"
        r"The training code for file SdA\.py ran for \d+\.\d\dm\n",
        err,
    )
    validation = [float(v) for v in re.findall(rf"validation error ({COST})", out)]
    best, test = re.search(rf"score of ({COST}) %.*performance ({COST}) %", out).groups()
    assert float(best) == min(validation)
    assert test == re.findall(rf"best model ({COST})", out)[-1]
    with Image.open(tmp_path / "SdA_plots" / "filters_layer_0.png") as picture:
        assert picture.size == (10 * 6 - 1, 10 * 7 - 1)
    for name in ("learning_curve.png", "mistakes.png"):
        with Image.open(tmp_path / "SdA_plots" / name) as picture:
            assert np.asarray(picture).std() > 0


@pytest.mark.slow
def test_codes_worked_out_once_or_at_each_step(tmp_path, small_set):
    options = ("--dataset", small_set, *SMALL, "--training-epochs", 0)
    _, once, _ = run(*options, folder=tmp_path)
    _, each, _ = run(*options, "--no-encode-once", folder=tmp_path)
    costs = [[float(n) for n in re.findall(COST, out)] for out in (once, each)]
    assert len(costs[0]) == 6
    np.testing.assert_allclose(*costs, rtol=1e-4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(tmp_path, small_set):
    options = ("--dataset", small_set, *SMALL, "--training-epochs", 1)
    _, first, _ = run(*options, folder=tmp_path)
    _, again, _ = run(*options, folder=tmp_path)
    _, other, _ = run(*options, "--seed", 5, folder=tmp_path)
    assert first == again != other


@pytest.mark.slow
def test_patience_ends_the_run(tmp_path, small_set):
    """With a rate of 0 nothing gets better: ten epochs, and no more."""
    status, out, err = run(
        *("--dataset", small_set, "--hidden-layers-sizes", 4, "--pretraining-epochs", 0),
        *("--batch-size", 20, "--finetune-lr", 0, "--output-folder", "a/b"),
        folder=tmp_path,
    )
    assert status == 0, err
    # The 51st minibatch, the first of the eleventh epoch, is where patience is at an end.
    assert len(re.findall("validation error", out)) == 10
    assert len(re.findall("test error", out)) == 1
    assert "on iteration 5, " in out
    assert len(list((tmp_path / "a" / "b").glob("[!.]*"))) == 7


def test_fine_tuning_in_minibatches_of_its_own(tmp_path, small_set):
    """Pre-training is the same as without, to the printed digit; fine-tuning takes 100 / 20."""
    options = ("--dataset", small_set, *SMALL, "--training-epochs", 1)
    _, usual, _ = run(*options, folder=tmp_path)
    status, out, err = run(*options, "--finetune-batch-size", 20, folder=tmp_path)
    assert status == 0, err
    assert "epoch 1, minibatch 5/5, validation error" in out
    pretraining = [re.findall("Pre-training.*", text) for text in (out, usual)]
    assert pretraining[0] == pretraining[1]
    assert len(pretraining[0]) == 6


def test_without_fine_tuning_the_filters_are_saved(tmp_path, small_set):
    status, out, err = run(
        *("--dataset", small_set, *SMALL, "--training-epochs", 0), folder=tmp_path
    )
    assert status == 0, err
    assert "Optimization" not in out
    saved = {path.name for path in (tmp_path / "SdA_plots").glob("[!.]*")}
    assert saved == {
        *("filters_layer_0.png", "SdA.npz", "report.html", "report.json", "playground.html"),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "nowhere.npz"), "nowhere.npz: no such file or folder"),
        (("--batch-size", 101), "100 example(s), fewer than one minibatch of 101"),
        (("--batch-size", 50), "the validation set has 20 example(s), fewer than one minibatch"),
        (
            ("--batch-size", 50, "--finetune-batch-size", 25),
            "the validation set has 20 example(s), fewer than one minibatch of 25",
        ),
        (("--finetune-batch-size", 0), "expected a whole number of at least 1, got 0"),
        (("--hidden-layers-sizes", 0), "expected a whole number of at least 1, got 0"),
        (("--corruption-level", 0.1), "given 1 time(s), but there are 3 hidden layers"),
        (("--finetune-lr-decay", 2), "expected a number between 0 and 1, got 2"),
        (("--recipe", "slow"), "invalid choice: 'slow'"),
        (("--output-folder", "small.npz"), "small.npz"),
        (("--dataset", "unlabelled.npz"), "examples of the training set have no label"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(tmp_path, small_set, options, message):
    np.savez(tmp_path / "unlabelled.npz", x=np.zeros((70, 6, 5), dtype="float32"))
    status, out, err = run("--dataset", small_set, *options, folder=tmp_path)
    assert status == 2
    assert out in ("", "... building the model\n")
    assert len(err.splitlines()) == 1
    assert err.startswith("SdA.py: error: ")
    assert message in err


def test_divergence_says_what_to_change(tmp_path, small_set):
    status, _, err = run("--dataset", small_set, *SMALL, "--pretrain-lr", 1e38, folder=tmp_path)
    assert status == 1
    assert "the learning rate of 1e+38 is too high; try 1e+37" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "awaited", "message"),
    [
        (
            ("--pretraining-epochs", 10_000_000),
            "Pre-training layer 0, epoch 0",
            "Interrupted; the filters so far are in "
            + os.path.join("SdA_plots", "filters_layer_0.png")
            + "; go on with --resume",
        ),
        pytest.param(
            ("--finetune-lr", 1e-9, "--training-epochs", 10_000_000, "--batch-size", 1),
            "     epoch 1, ",
            "Interrupted; the pictures so far are in SdA_plots; go on with --resume",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_ctrl_c_keeps_what_was_learned_so_far(tmp_path, small_set, options, awaited, message):
    process = start("--dataset", small_set, *SMALL, *options, folder=tmp_path)
    for line in process.stdout:
        if line.startswith(awaited):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == message
    assert "Traceback" not in err
    names = {path.name for path in (tmp_path / "SdA_plots").glob("[!.]*")}
    assert "filters_layer_0.png" in names
    assert ("mistakes.png" in names) == ("pictures" in message)


@pytest.mark.slow
def test_colour_pictures(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((70, 4, 9, 3)).astype("float32")
    np.savez(tmp_path / "colour.npz", x=x, y=rng.integers(0, 2, 70))
    status, _, err = run(
        *("--dataset", "colour.npz", *SMALL, "--training-epochs", 1), folder=tmp_path
    )
    assert status == 0, err


def test_mistakes_are_looked_for_among_some_examples_only(tmp_path, monkeypatch):
    """The test set may lie on disk, and be large."""
    of_script, drawn = script(), []
    monkeypatch.setattr(of_script, "AT_MOST", 5)

    def draw(X, labels, probabilities, image_shape):
        drawn.append((len(X), len(labels), len(probabilities)))
        return Image.new("L", (1, 1))

    monkeypatch.setattr(of_script, "draw_mistakes", draw)
    monkeypatch.setattr(of_script, "save_filters", lambda *_: None)
    network = SdA(np.random.RandomState(1), n_ins=6, hidden_layers_sizes=[3], n_outs=2)
    x = pytensor.shared(np.zeros((9, 6), dtype=pytensor.config.floatX))
    best = {"params": [param.get_value() for param in network.params]}
    curves = {"validation": [(1, 2.0)]}
    of_script.save_best(
        network, (x, pt.cast(pytensor.shared(np.zeros(9)), "int32")), best, curves, tmp_path
    )
    assert drawn == [(5, 5, 5)]


def test_noise_and_cost_are_those_of_the_network():
    x = pytensor.shared(np.zeros((9, 6), dtype=pytensor.config.floatX))
    x.tag.image_shape, x.tag.data = (1, 6), Description(("a", "b", "c", "d", "e", "f"))
    labels = pt.cast(pytensor.shared(np.arange(9.0) % 3), "int32")
    options = ["--corruption", "gaussian", "--corruption-level", "2", "--corruption-level", "0.5"]
    options += ["--reconstruction-cost", "squared-error", "--hidden-layers-sizes", "5", "4"]
    with pytensor.config.change_flags(floatX=pytensor.config.floatX):
        given = SdA_options(script().test_SdA, [*options, "--scale", "standardize"])
        sizes, levels = given["hidden_layers_sizes"], given["corruption_levels"]
        kinds = given["corruption"], given["reconstruction_cost"]
        sda = script().build([(x, labels)] * 3, sizes, levels, *kinds, seed=1)
    assert given["scale"] == "standardize"
    assert (sda.corruption, sda.corruption_levels) == ("gaussian", [2, 0.5])
    costs = [layer.reconstruction_cost for layer in sda.dA_layers]
    assert costs == ["squared-error", "cross-entropy"]
    assert sda.data.columns == ("a", "b", "c", "d", "e", "f")


# ---- options and signature


def test_help_teaches(tmp_path):
    status, out, _ = run("--help", folder=tmp_path)
    assert status == 0
    others = {
        "corruption_levels": "corruption-level",
        "finetune_corruption_level": "finetune-corruption",
    }
    for name in set(inspect.signature(script().test_SdA).parameters) - {"reading"}:
        assert "--" + others.get(name, name.replace("_", "-")) in out
    for word in ("--floatX", "python SdA.py", *(f"--recipe {name}" for name in ("fast", "best"))):
        assert word in out


def script():
    import SdA

    return SdA


def test_signature_is_the_tutorials():
    from deeptutorial import SdA

    parameters = inspect.signature(script().test_SdA).parameters
    assert {name: parameters[name].default for name in list(parameters)[:6]} == {
        "finetune_lr": 0.1,
        "pretraining_epochs": 15,
        "pretrain_lr": 0.001,
        "training_epochs": 1000,
        "dataset": "mnist.pkl.gz",
        "batch_size": 1,
    }
    assert script().SdA is SdA


def test_options_default_to_the_signature():
    """But for the data set, which the command line looks for with more patience."""
    with pytensor.config.change_flags(floatX=pytensor.config.floatX):
        options = SdA_options(script().test_SdA, [])
    parameters = inspect.signature(script().test_SdA).parameters
    assert set(options) == set(parameters) - {"reading"}
    for name in set(options) - {"dataset"}:
        default = parameters[name].default
        assert options[name] == (list(default) if isinstance(options[name], list) else default)


def test_a_recipe_gives_way_to_what_is_given():
    with pytensor.config.change_flags(floatX=pytensor.config.floatX):
        options = SdA_options(script().test_SdA, ["--recipe", "fast", "--finetune-lr", "0.5"])
    assert options["batch_size"] == RECIPES["fast"]["batch_size"]
    assert options["finetune_lr"] == 0.5


@pytest.mark.parametrize(
    ("n_layers", "levels"), [(1, (0.1,)), (2, (0.1, 0.2)), (5, (0.1, 0.2, 0.3, 0.3, 0.3))]
)
def test_default_corruption_levels(n_layers, levels):
    with pytensor.config.change_flags(floatX=pytensor.config.floatX):
        options = SdA_options(script().test_SdA, ["--hidden-layers-sizes", *["5"] * n_layers])
    assert options["corruption_levels"] == levels


@pytest.mark.slow
def test_the_built_in_digits(tmp_path):
    """A narrow network for one epoch already tells most of them apart."""
    status, out, err = run(
        *("--dataset", "digits", "--recipe", "fast", "--hidden-layers-sizes", 60),
        *("--pretraining-epochs", 1, "--training-epochs", 1),
        folder=tmp_path,
    )
    assert status == 0, err
    assert float(re.search(rf"performance ({COST}) %", out).group(1)) < 20
