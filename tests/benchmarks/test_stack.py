"""The benchmark of the stacked network, on a few small pictures."""

import itertools

import numpy as np
import pytensor
import pytest

from benchmarks import stack


@pytest.fixture
def small_set(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    path = tmp_path / "small.npz"
    np.savez(path, x=rng.random((70, 6, 5)).astype("float32"), y=rng.integers(0, 3, 70))
    monkeypatch.setattr(stack, "HIDDEN_LAYERS_SIZES", (8, 7, 6))
    return path


@pytest.mark.slow
def test_every_phase_is_measured(small_set, tmp_path, monkeypatch, capsys):
    ticks = itertools.count()
    monkeypatch.setattr(stack.time, "perf_counter", lambda: float(next(ticks)))  # 1 s a stretch
    output = tmp_path / "STACK.md"
    options = ["--dataset", str(small_set), "--batch-sizes", "5", "--part", "0.5", "--repeats", "1"]
    with pytensor.config.change_flags(floatX="float32"):
        assert stack.main([*options, "--output", str(output)]) == 0
    text = output.read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    for phase in ("layer 0", "layer 1", "layer 2", "fine-tuning"):
        (row,) = [line for line in text.splitlines() if phase in line and line.startswith("|")]
        assert row.split("|")[2].strip() == "2.00 (2.00–2.00)"  # half an epoch took one


def test_a_part_of_an_epoch_is_scaled_to_the_whole(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 13.0, 20.0, 30.0])
    monkeypatch.setattr(stack.time, "perf_counter", lambda: next(clock))
    steps = []
    assert stack.seconds_an_epoch(steps.append, n_batches=100, part=0.2, repeats=3) == [
        2 * 5,
        3 * 5,
        10 * 5,
    ]
    assert steps == [*range(20), *range(20), *range(20), *range(20)]


@pytest.mark.parametrize("wrong", [["--part", "0"], ["--repeats", "0"], ["--batch-sizes", "0"]])
def test_wrong_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        stack.main(wrong)
    assert stopped.value.code == 2
    assert "--part in (0, 1]" in capsys.readouterr().err


def test_operations_of_an_epoch_of_fine_tuning():
    """Two examples: 2 x 3 and 3 x 4 for codes and weights, and 3 x 4 for the layer below."""
    assert stack.products_of_an_epoch(2, (2, 3, 4)) == 2 * 2 * ((6 + 12) + (6 + 12) + 12)
    assert round(stack.products_of_an_epoch(50_000, (784, 1000, 1000, 1000, 10)) / 1e9) == 760
