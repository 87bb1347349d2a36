"""The fault drill in short; `make drill` is the whole of it."""

import random
import signal

import pytest

from tests.faults import drill
from tests.faults.scripts import small_dA, small_SdA, write_small_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drill")
    write_small_data(folder / "small.npz")
    return folder


@pytest.fixture(scope="module")
def dA(folder):
    return drill.Undisturbed(small_dA(folder / "small.npz", 4), folder / "dA")


@pytest.fixture
def tally():
    tally = drill.Tally()
    yield tally
    assert tally.rows
    assert tally.losses == []


def test_kills(dA, tally, tmp_path):
    drill.kill(dA, tmp_path, 3, random.Random(0), tally)
    assert tally.rows == {"SIGKILL, dA.py": [3, 0]}


def test_kills_of_a_stack(folder, tally, tmp_path):
    SdA = drill.Undisturbed(small_SdA(folder / "small.npz", 1), folder / "SdA")
    drill.kill(SdA, tmp_path, 2, random.Random(0), tally)


def test_sigterm(dA, tally, tmp_path):
    drill.end_by_signal(dA, tmp_path / "run", signal.SIGTERM, 2, tally)


@pytest.mark.parametrize(
    "fault", [drill.no_room_at_the_start, drill.fill_up_by_a_limit, drill.race, drill.take_over]
)
def test_faults(fault, dA, tally, tmp_path):
    fault(dA, tmp_path / "run", tally)


def test_a_loss_is_told(dA, tmp_path):
    """The drill can fail: other bits and a run that goes back are losses."""
    tally = drill.Tally()
    tally.add("fault", *dA.problems(tmp_path, dA.lines))
    tally.add("fault")
    assert tally.rows == {"fault": [1, 1]}
    assert "other bits in" in tally.losses[0]
    assert dA.problems(dA.folder, dA.lines) == []
    assert dA.problems(dA.folder, dA.lines[1:]) == ["other lines were printed"]
