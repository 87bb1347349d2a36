"""The fault drill in short; `make drill` is the whole of it."""

import random
import signal

import pytest

from tests.faults import disks, drill, folders, kills, places
from tests.faults.scripts import mnist_dA, small_dA, small_SdA, write_small_data
from tests.faults.tally import Tally
from tests.faults.undisturbed import Undisturbed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drill")
    write_small_data(folder / "small.npz")
    return folder


@pytest.fixture(scope="module")
def dA(folder):
    return Undisturbed(small_dA(folder / "small.npz", 4), folder / "dA")


@pytest.fixture
def tally():
    tally = Tally()
    yield tally
    assert tally.rows
    assert tally.losses == []


@pytest.mark.slow
def test_kills(dA, tally, tmp_path):
    kills.kill(dA, tmp_path, 3, random.Random(0), tally)
    assert tally.rows == {"SIGKILL, dA.py": [3, 0]}


@pytest.mark.slow
def test_kills_of_a_stack(folder, tally, tmp_path):
    SdA = Undisturbed(small_SdA(folder / "small.npz", 1), folder / "SdA")
    kills.kill(SdA, tmp_path, 2, random.Random(0), tally)


@pytest.mark.slow
def test_sigterm(dA, tally, tmp_path):
    kills.end_by_signal(dA, tmp_path / "run", signal.SIGTERM, 2, tally)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [disks.no_room_at_the_start, disks.fill_up_by_a_limit, folders.race, folders.take_over],
)
def test_faults(fault, dA, tally, tmp_path):
    fault(dA, tmp_path / "run", tally)


@pytest.mark.slow
def test_no_home(dA, tally, tmp_path):
    places.no_home(dA, tmp_path / "run", tally)
    assert tally.rows == {"no home to write to": [1, 0]}


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "n_threads"), [("numba", 2), ("jax", 1)])
def test_three_kills_on_mnist(backend, n_threads, mnist_folder, tally, tmp_path):
    if not drill.is_there(backend):
        pytest.skip(f"{backend} is not installed")
    script = mnist_dA(backend, n_threads, 2, mnist_folder)
    undisturbed = Undisturbed(script, tmp_path / "undisturbed")
    kills.kill(undisturbed, tmp_path / "killed", 3, random.Random(n_threads), tally)
    assert tally.rows == {f"SIGKILL, {script.label}": [3, 0]}


def test_a_loss_is_told(dA, tmp_path):
    """The drill can fail: other bits and a run that goes back are losses."""
    tally = Tally()
    tally.add("fault", *dA.problems(tmp_path, dA.lines))
    tally.add("fault")
    assert tally.rows == {"fault": [1, 1]}
    assert "other bits in" in tally.losses[0]
    assert dA.problems(dA.folder, dA.lines) == []
    assert dA.problems(dA.folder, dA.lines[1:]) == ["other lines were printed"]


@pytest.mark.slow
def test_a_spoilt_checkpoint_is_counted_as_lost(dA, tmp_path):
    tally = Tally()
    kills.spoil(dA, tmp_path / "run", tally)
    assert tally.rows == {"a checkpoint that is spoilt": [0, 1]}
    assert "other bits in" in tally.losses[0]
    assert "dA_corruption_0.npz" in tally.losses[0]


def test_what_breaks_down_is_counted_as_lost():
    def task(_tally):
        raise RuntimeError("no such thing here")

    tally = Tally()
    drill.perform(iter([task]), 2, tally)
    assert tally.rows == {"a fault that could not be tried": [0, 1]}
    assert "no such thing here" in tally.losses[0]


@pytest.mark.parametrize("size", drill.SIZES)
def test_the_sizes(size, tmp_path, monkeypatch):
    """Whatever size it is, its tasks can be made; the hour has the numbers that are promised."""
    monkeypatch.setattr(drill, "Undisturbed", lambda script, folder: dA_stub(script))
    monkeypatch.setattr(drill, "read_dataset", lambda name: None)
    monkeypatch.setattr(drill, "is_there", lambda backend: True)
    one = drill.SIZES[size]
    tasks = list(drill.Drill(one, 1, tmp_path).tasks())
    assert len(tasks) > sum(one.kills.values()) / drill.AT_ONCE
    if size == "hour":
        default = sum(n for (_, backend), n in one.kills.items() if backend in ("numba", "jax"))
        assert default >= 1000
        assert sum(one.kills.values()) - default >= 200


def dA_stub(script):
    undisturbed = Undisturbed.__new__(Undisturbed)
    undisturbed.script, undisturbed.seconds = script, 1.0
    return undisturbed
