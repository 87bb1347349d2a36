import importlib

import numpy as np
import pytensor
import pytest

from benchmarks import run
from benchmarks.measure import (
    Measurement,
    Worker,
    WorkerError,
    check_costs,
    measure,
    training_file,
)
from benchmarks.peers import ALL_PEERS, missing_packages, numpy_by_hand
from benchmarks.report import bar_chart, markdown_table, results_table, seconds
from benchmarks.setting import Setting

SETTING = Setting(batch_size=5, n_hidden=7, corruption_level=0.0, threads=1)
N_MINIBATCHES = 8


@pytest.fixture(scope="module")
def train_x():
    rng = np.random.default_rng(0)
    return rng.random((SETTING.batch_size * N_MINIBATCHES, 12), dtype=np.float32)


@pytest.fixture
def train_x_file(train_x):
    with training_file(train_x) as path:
        yield path


def expected_costs(train_x):
    """Train in float64, one example and one derivative after the other."""
    W, b, b_prime = (p.astype("float64") for p in SETTING.initial_parameters(train_x.shape[1]))
    costs = []
    for start in range(0, len(train_x), SETTING.batch_size):
        dW, db, db_prime = np.zeros_like(W), np.zeros_like(b), np.zeros_like(b_prime)
        losses = []
        for x in train_x[start : start + SETTING.batch_size].astype("float64"):
            y = 1 / (1 + np.exp(-(x @ W + b)))
            z = 1 / (1 + np.exp(-(W @ y + b_prime)))
            losses.append(-np.sum(x * np.log(z) + (1 - x) * np.log(1 - z)))
            at_output = z - x
            at_hidden = (at_output @ W) * y * (1 - y)
            dW += np.outer(x, at_hidden) + np.outer(at_output, y)
            db += at_hidden
            db_prime += at_output
        costs.append(np.mean(losses))
        rate = SETTING.learning_rate / SETTING.batch_size
        W, b, b_prime = W - rate * dW, b - rate * db, b_prime - rate * db_prime
    return np.array(costs)


# The first trains nothing, the next three take long to compile, and the last one needs a GPU.
NOT_TRAINED_HERE = (
    "matrix_products",
    "pytorch_compiled",
    "variants.pytorch_compiled",
    "deeptutorial_c",
    "pytorch_graph",
)


@pytest.mark.parametrize("name", [name for name in ALL_PEERS if name not in NOT_TRAINED_HERE])
def test_implementation_trains_as_the_formulas_say(name, train_x):
    if missing := missing_packages(name):
        pytest.skip(f"{', '.join(missing)} not installed")
    peer = importlib.import_module(f"benchmarks.peers.{name}")
    with pytensor.config.change_flags(floatX="float32", mode=pytensor.config.mode):
        train = peer.prepare(train_x, SETTING.initial_parameters(train_x.shape[1]), SETTING)
        costs = [*train(0, 3), *train(3, N_MINIBATCHES - 3)]
    np.testing.assert_allclose(costs, expected_costs(train_x), rtol=1e-5)


def test_worker_answers_commands(train_x, train_x_file, tmp_path):
    train = numpy_by_hand.prepare(train_x, SETTING.initial_parameters(train_x.shape[1]), SETTING)
    train(0, 1)  # as at the start
    expected = train(0, N_MINIBATCHES).mean(dtype="float64")
    with Worker("numpy_by_hand", train_x_file, SETTING, tmp_path) as worker:
        assert worker.start_seconds > 0
        answer = worker.ask("go")
        assert answer["minibatches"] == N_MINIBATCHES
        assert answer["seconds_per_epoch"] == pytest.approx(answer["seconds"])
        assert answer["cost"] == pytest.approx(expected, rel=1e-6)
        assert worker.ask("report")["peak_memory"] > train_x.nbytes
        assert "no such command" in worker.ask("dance")["error"]


def test_worker_that_fails_says_why(train_x_file, tmp_path):
    with pytest.raises(WorkerError, match="no_such_peer"):
        Worker("no_such_peer", train_x_file, SETTING, tmp_path)


def test_implementations_take_turns(train_x_file):
    names = ["numpy_by_hand", "matrix_products"]
    found = measure(names, train_x_file, SETTING, repeats=2)
    assert [measurement.name for measurement in found] == names
    for measurement in found:
        assert measurement.error == ""
        assert len(measurement.epochs) == 2
        assert measurement.first_start > 0
        assert measurement.later_start > 0
    assert found[0].cost is not None
    assert found[1].cost is None


def test_missing_package_is_left_out_and_named(monkeypatch):
    found = run.missing_packages
    monkeypatch.setattr(
        run, "missing_packages", lambda name: ["torch"] if "torch" in name else found(name)
    )
    names, notes = run.choose(only=[], skip=["numpy_by_hand"])
    assert not any("torch" in name for name in names)
    assert "numpy_by_hand" not in names
    assert "matrix_products" in names
    assert "Left out: PyTorch, eager (torch not installed)." in notes
    assert "Left out: NumPy by hand (not asked for)." in notes


@pytest.mark.parametrize(("corruption_level", "allowed"), [(0.0, 0.001), (0.3, 0.01)])
def test_disagreeing_costs_are_errors(corruption_level, allowed):
    costs = {
        "deeptutorial": 100.0,
        "plain_pytensor": 100.0,
        "pytorch_inplace": 100.0,
        "jax_scan": 100 * (1 + 0.9 * allowed),
        "pytorch_eager": 100 * (1 + 1.1 * allowed),
        "numpy_by_hand": float("nan"),
        "matrix_products": None,
    }
    found = [Measurement(name, epochs=[1.0], cost=cost) for name, cost in costs.items()]
    check_costs(found, corruption_level)
    wrong = {measurement.name for measurement in found if measurement.error}
    assert wrong == {"pytorch_eager", "numpy_by_hand"}
    assert {m.name for m in found if m.median is None} == wrong


MADE_UP = [
    Measurement("deeptutorial", [2.0, 1.5, 2.5], 11.04, 3.0, 400 * 2**20, 150.0),
    Measurement("jax_scan", [3.0, 3.5, 3.25], 120.0, 0.5, 600 * 2**20, 150.0),
    Measurement("numpy_by_hand", error="ValueError: made up"),
]


def test_table():
    lines = results_table(MADE_UP).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:5]]
    assert cells == [
        ["deeptutorial", "2.00", "[1.50–2.50]", "1.00", "11.0", "3.00", "400"],
        ["JAX, lax.scan", "3.25", "[3.00–3.50]", "1.62", "120", "0.500", "600"],
        ["NumPy by hand", "error", "–", "–", "–", "–", "–"],
    ]
    assert lines[-1] == "- NumPy by hand: ValueError: made up"
    assert len({len(line) for line in lines[:5]}) == 1


def test_table_without_this_project_has_no_ratios():
    assert results_table(MADE_UP[1:2]).splitlines()[2].split("|")[4].strip() == "–"


def test_markdown_table():
    table = markdown_table(("name", "n"), [("a", "10"), ("longer", "2")])
    assert table.splitlines() == [
        "| name   |  n |",
        "| ------ | -: |",
        "| a      | 10 |",
        "| longer |  2 |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.012"), (0.9999, "1.00"), (9.996, "10.0"), (99.96, "100"), (None, "–")],
)
def test_durations(value, text):
    assert seconds(value) == text


def test_chart(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "chart.png"
    bar_chart([(SETTING, MADE_UP)] * 3, path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("setting", "n_train_batches", "stretch"),
    [
        (Setting(), 2500, 2500),
        (Setting(batch_size=1), 50_000, 2500),
        (Setting(n_hidden=2000), 2500, 625),
        (Setting(batch_size=600), 83, 83),
        (Setting(epochs=0.1), 2500, 250),
        (Setting(epochs=1e-9), 2500, 1),
    ],
)
def test_stretch(setting, n_train_batches, stretch):
    assert setting.stretch(n_train_batches) == stretch
