"""The benchmark of several processes: its tables, and its workers on a few rows."""

import io
from contextlib import contextmanager

import numpy as np
import pytensor
import pytest

from benchmarks import distributed


def test_what_is_exchanged():
    """Two products for W and both biases, in float32, and the cost."""
    assert distributed.exchanged_bytes(500) == 4 * (2 * 784 * 500 + 500 + 784 + 1)
    (row,) = [line for line in distributed.exchange_table([500]).splitlines() if "| 500 " in line]
    # Of n devices in a ring, each sends 2 (n - 1) / n times what is added up.
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["3.1", "3.1", "5.5", "6.2"]


def test_many_devices_gain_where_there_is_enough_to_do():
    fast = {"flops": 1e12, "bandwidth": 1e9, "latency": 1e-3}
    arithmetic, exchange = distributed.predicted_step(600, 500, n=4, **fast)
    assert arithmetic == pytest.approx(5 * 2 * 784 * 500 * 150 / 1e12)
    assert exchange == pytest.approx(1e-3 + 1.5 * distributed.exchanged_bytes(500) / 1e9)
    rows = [
        [float(cell) for cell in line.split("|")[1:-1]]
        for line in distributed.prediction_table().splitlines()[2:]
    ]
    tutorial = next(row for row in rows if row[:2] == [20, 500])
    large = next(row for row in rows if row[:2] == [60_000, 4000])
    assert max(tutorial[2:]) < 1
    assert large[2] > 7
    assert large[3] > 10


def test_the_table_of_ratios():
    table = distributed.measured_table({600: (2.0, 2.2, 1.5)})
    assert [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]] == [
        "600",
        "2.00",
        "1.50",
        "0.75",
        "0.68",
    ]


def test_a_worker_answers(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    answers = io.StringIO()

    @contextmanager
    def private_stdout():
        yield answers

    monkeypatch.setattr(distributed, "_private_stdout", private_stdout)
    monkeypatch.setattr(distributed.sys, "stdin", iter(["go\n", "go\n"]))
    monkeypatch.delattr(distributed.os, "sched_setaffinity", raising=False)
    path = tmp_path / "train_x.npy"
    np.save(path, np.random.default_rng(0).random((60, 784)).astype("float32"))
    setting = {"batch_size": 20, "n_hidden": 5, "epochs": 1}
    with pytensor.config.change_flags(floatX="float32"):
        distributed._work({"n": 1, "number": 0, "train_x": str(path), "setting": setting})
    assert [float(line) > 0 for line in answers.getvalue().splitlines()] == [True, True]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [(["--batch-sizes", "15"], "must be even"), (["--repeats", "0"], "must be positive")],
)
def test_wrong_options_are_refused(wrong, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        distributed.main(wrong)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
