"""The two examples for Dask, each on a cluster of two processes on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest

from deeptutorial import SdA, dA

pytest.importorskip("distributed")
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run(example, *arguments, cwd=ROOT):
    found = subprocess.run(
        [sys.executable, ROOT / "examples" / example, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", ["dA and a file", "SdA and a folder"])
def test_codes_of_a_folder(kind, tmp_path):
    """They are the formula's, block by block, in the order of the rows."""
    rng = np.random.default_rng(3)
    rows = rng.random((25_000, 12)).astype("float32")
    with pytensor.config.change_flags(floatX="float32"):
        if kind.startswith("dA"):
            model = dA(np.random.RandomState(1), n_visible=12, n_hidden=5)
            layers, source = [(model.W, model.b)], tmp_path / "rows.npy"
            np.save(source, rows)
        else:
            model = SdA(np.random.RandomState(1), None, 12, [7, 4], n_outs=3)
            layers, source = [(layer.W, layer.b) for layer in model.sigmoid_layers], tmp_path / "in"
            source.mkdir()
            for name, part in (("0.npy", rows[:11_000]), ("1.npy", rows[11_000:])):
                np.save(source / name, part)
        model.save(tmp_path / "model.npz")
    told = run("encode_with_dask.py", "model.npz", source, "codes", cwd=tmp_path)
    expected = rows.astype("float64")
    for W, b in layers:
        expected = sigmoid(expected @ W.get_value() + b.get_value())
    assert told == f"25000 codes of {expected.shape[1]} units are in codes\n"
    stack = [np.load(tmp_path / "codes" / f"{i}.npy") for i in range(3 if kind[0] == "d" else 4)]
    np.testing.assert_allclose(np.concatenate(stack), expected, rtol=1e-4, atol=1e-6)


def test_a_search():
    pytest.importorskip("sklearn")
    told = run("search_with_dask.py")
    accuracies = [float(line.split()[-1]) for line in told.splitlines() if "accuracy" in line]
    assert len(accuracies) == 5
    assert all(0.8 < accuracy < 1 for accuracy in accuracies)
    assert told.splitlines()[-1].startswith("best corruption level: ")
