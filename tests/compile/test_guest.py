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


def test_same_results_to_the_bit(both):
    guest, alone, _ = both
    for name, (_, *results) in alone.items():
        assert guest[name][1:] == results, name


def test_next_to_no_time_is_spent_on_them(both):
    """Only the linear autoencoder's two products with a transposed matrix are looked at closely."""
    assert both[2] == 2
