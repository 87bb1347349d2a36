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
    return run("guest"), run()


def test_there_are_a_dozen(both):
    guest, alone = both
    assert len(guest) == len(alone) == 12


def test_same_graphs(both):
    guest, alone = both
    for name, (graph, _, _) in alone.items():
        assert guest[name][0] == graph, name


def test_same_results_to_the_bit(both):
    guest, alone = both
    for name, (_, *results) in alone.items():
        assert guest[name][1:] == results, name
