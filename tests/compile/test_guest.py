"""`import deeptutorial` leaves graphs alone that have nothing to do with a dA."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(*arguments):
    process = subprocess.run(
        [sys.executable, str(HERE / "unrelated_graphs.py"), *arguments],
        cwd=HERE.parents[1],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return json.loads(process.stdout)


def flat(nested):
    if not isinstance(nested, list):
        return [nested]
    return [number for part in nested for number in flat(part)]


@pytest.fixture(scope="module")
def both():
    guest, alone = run("guest"), run()
    return guest, alone, guest.pop("closer looks")


def test_there_are_a_dozen(both):
    guest, alone, _ = both
    assert len(guest) == len(alone) == 12


def test_same_graphs(both):
    guest, alone, _ = both
    for name, (graph, _, _) in alone.items():
        assert guest[name][0] == graph, name


def test_same_results(both):
    """Not to the last bit: BLAS's rounding depends on where in memory an array happens to lie."""
    guest, alone, _ = both
    for name, (_, *results) in alone.items():
        for got, expected in zip(flat(guest[name][1:]), flat(results), strict=True):
            assert got == pytest.approx(expected, rel=1e-13, abs=1e-13), name


def test_next_to_no_time_is_spent_on_them(both):
    """None trains a matrix, so none is looked at closely."""
    assert both[2] == 0
