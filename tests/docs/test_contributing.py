"""CONTRIBUTING.md: what it names is there, and what it says is to be done does it."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytensor
import pytest

import deeptutorial
from deeptutorial.compile.backends import choice
from deeptutorial.datasets import DatasetError, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WITHOUT_BLOCKS = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
IN_BACKTICKS = sorted(set(re.findall(r"`([^`\s]+)`", WITHOUT_BLOCKS)))
NAMES = [word for word in IN_BACKTICKS if re.fullmatch(r"(deeptutorial|tests)(\.\w+)+", word)]
MADE_BY_US = {"dist/", "choice.py", "dispatch.py"}  # built, or one for each engine
PATHS = [
    word
    for word in IN_BACKTICKS
    if re.fullmatch(r"\.?[\w.-]+/[\w./-]*|\w+\.(py|md|toml|cff)", word) and word not in MADE_BY_US
]


@pytest.mark.parametrize("path", PATHS)
def test_each_path_is_there(path):
    there = ROOT / path
    assert there.is_dir() if path.endswith("/") else there.is_file()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there(name):
    *parts, last = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        assert hasattr(thing, last)
        return
    pytest.fail(f"nothing of {name} can be imported")


def test_each_link_leads_somewhere():
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\s-]", "", h).lower().replace(" ", "-") for h in headings}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target[1:] in anchors if target.startswith("#") else (ROOT / target).is_file()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Run the page's Python, piece by piece; return the names after each piece."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("told"))
        names: dict = {}
        states = []
        for piece in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
            exec(compile(piece, "CONTRIBUTING.md", "exec"), names)
            states.append(dict(names))
        return states


def after(told, name):
    """Return the names after the piece that first had this one."""
    return next(names for names in told if name in names)


@pytest.mark.parametrize("what", ["speckle", "AbsoluteError", "updates"])
def test_it_trains(told, what):
    names = told[2] if what == "updates" else after(told, what)
    rng = np.random.default_rng(1)
    x = (rng.random((20, 64)) > 0.5).astype(pytensor.config.floatX)
    costs = [names["train"](x) for _ in range(200)]
    assert np.mean(costs[-20:]) < 0.8 * np.mean(costs[:20])


def test_the_noise_has_its_deviation(told):
    names = after(told, "speckle")
    da = deeptutorial.dA(np.random.RandomState(0), n_visible=64, corruption=names["speckle"])
    x = np.full((500, 64), 0.5, dtype=pytensor.config.floatX)
    noisy = pytensor.function([da.x], da.get_corrupted_input(da.x, 0.3))(x)
    assert abs(noisy.mean() - 0.5) < 0.01
    assert abs(noisy.std() - 0.15) < 0.005


def test_the_data_set_is_read(told):
    assert told[-1]["train_set_x"].get_value().shape == (100, 64)


def test_the_reader(told, tmp_path, monkeypatch, refusal):
    monkeypatch.setitem(load.READERS, ".readings", told[-1]["read_readings"])
    x, y = np.random.default_rng(2).random((14, 9)), np.arange(14) % 3
    np.savetxt(tmp_path / "table.readings", np.column_stack([x, y]), delimiter=",")
    read = deeptutorial.load_data(tmp_path / "table.readings")
    assert [part[0].get_value().shape for part in read] == [(10, 9), (2, 9), (2, 9)]
    everything = np.concatenate([part[0].get_value() for part in read])
    np.testing.assert_allclose(np.sort(everything, axis=0), np.sort(x, axis=0), rtol=1e-6)

    (tmp_path / "table.readings").rename(tmp_path / "TABLE.READINGS")
    assert len(load.read_dataset(tmp_path / "TABLE.READINGS").train[0]) == 10

    (tmp_path / "empty.readings").touch()
    refusal(load.read_dataset, tmp_path / "empty.readings", "0 example(s)")
    (tmp_path / "words.readings").write_text("no,numbers\n")
    refusal(load.read_dataset, tmp_path / "words.readings", "cannot be read as a table")
    np.savetxt(tmp_path / "large.readings", np.column_stack([9 * x, y]), delimiter=",")
    refusal(load.read_dataset, tmp_path / "large.readings", "[0, 1]", kind=DatasetError)


def test_the_backend(told, monkeypatch):
    monkeypatch.setitem(choice.CHOOSERS, "python", told[-1]["choose"])
    x = pytensor.tensor.matrix("x")
    with pytensor.config.change_flags(mode=pytensor.config.mode):
        assert deeptutorial.use("python").startswith("Python")
        double = pytensor.function([x], 2 * x)
    assert double([[1, 2]]).tolist() == [[2, 4]]
    with pytest.raises(deeptutorial.BackendError, match="not on cuda"):
        deeptutorial.use("python", "cuda")


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_the_operation(told, mode):
    x = pytensor.tensor.vector("x")
    ramp = pytensor.function([x], told[-1]["Ramp"]()(x), mode=mode)
    assert ramp([-1.5, 0, 2]).tolist() == [0, 0, 2]
