"""The study of pre-training, on a few small pictures."""

import json
import sys
from argparse import Namespace

import numpy as np
import pytensor
import pytest

from studies import pretraining


@pytest.fixture
def small_study(tmp_path, monkeypatch):
    """Return a function that runs the study on 70 pictures, and the path of its results."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 70)
    x = (rng.random((3, 6, 5)) > 0.5)[y] * 0.8 + rng.random((70, 6, 5)) * 0.2
    np.savez(tmp_path / "small.npz", x=x.astype("float32"), y=y)
    monkeypatch.setattr(pretraining, "CORRUPTION_LEVELS", (None,))
    monkeypatch.setattr(pretraining, "NUMBERS_OF_LABELS", (20, 50))
    results = tmp_path / "results" / "pretraining.jsonl"

    def run(*options):
        common = ["--dataset", str(tmp_path / "small.npz"), "--results", str(results)]
        small = ["--hidden-layers-sizes", "6", "--batch-size", "5"]
        epochs = ["--pretraining-epochs", "1", "--training-epochs", "2"]
        monkeypatch.setattr(sys, "argv", ["pretraining", *common, *small, *epochs, *options])
        monkeypatch.setattr(pretraining, "plot", lambda *_: None)
        with pytensor.config.change_flags(floatX=pytensor.config.floatX):
            pretraining.main()

    return run, results


@pytest.mark.slow
def test_each_condition_is_worked_out_once(small_study, capsys):
    run, path = small_study
    run("--seeds", "1")
    results = [json.loads(line) for line in path.read_text().splitlines()]
    conditions = [(r["corruption"], r["labels"], r["seed"]) for r in results]
    assert conditions == [(None, 20, 1), (None, 50, 1)]
    assert all(0 <= r["test_error"] <= 100 for r in results)
    capsys.readouterr()
    run("--seeds", "1")
    out = capsys.readouterr().out
    assert "validation" not in out  # nothing was missing
    assert "| test error in % | 20 labels | 50 labels |" in out


def test_pretraining_changes_every_layer():
    settings = Namespace(
        hidden_layers_sizes=[6, 5], batch_size=5, pretraining_epochs=1, pretrain_lr=0.1
    )
    x = pytensor.shared(np.random.default_rng(0).random((20, 8)).astype(pytensor.config.floatX))
    without, trained = (
        pretraining.pretrained(settings, [(x, None)], level, seed=1) for level in (None, 0.25)
    )
    for one, other in zip(without.params[:4], trained.params[:4], strict=True):
        assert not np.array_equal(one.get_value(), other.get_value())


def test_table_of_means_and_deviations(monkeypatch):
    results = [
        {"corruption": level, "labels": 1000, "seed": seed, "test_error": error}
        for level, seed, error in [(None, 1, 10.0), (None, 2, 12.0), (0.1, 1, 5.0)]
    ]
    lines = pretraining.table(results).splitlines()
    assert lines[2] == "| no pre-training | 11.00 ± 1.41 (2) |  |  |"
    assert lines[4] == "| 10 % corruption | 5.00 |  |  |"


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    results = [
        {"corruption": None, "labels": n, "seed": 1, "test_error": 3.0} for n in (1000, 10_000)
    ]
    pretraining.plot(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
