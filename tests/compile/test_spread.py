"""Minibatches that devices share, those of one process and of two, beside one device."""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest

import deeptutorial
from deeptutorial import BackendError
from tests.compile import trained_on_devices

jax = pytest.importorskip("jax")

from deeptutorial.compile.backends.jax.on_host import OnHost  # noqa: E402  it needs JAX
from deeptutorial.compile.backends.jax.spread import Spread, UnevenMinibatchError  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def on_one_device():
    before = pytensor.config.mode
    with pytensor.config.change_flags(floatX="float32"):
        deeptutorial.use("jax", "cpu")
        found = trained_on_devices.train_all()
    pytensor.config.mode = before
    return found


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.compile.trained_on_devices", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


def assert_alike(path, expected):
    """Compare what was trained; return what is not compared here."""
    with np.load(path) as file:
        found = dict(file)
    assert set(found) == set(expected)
    shares = {name: found.pop(name) for name in list(found) if name.endswith("share")}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert np.mean(found["dA: costs"][-20:]) < 0.8 * found["dA: costs"][0]
    # Rows that lie in a file come in windows, each device's part of them to it.
    np.testing.assert_array_equal(found["dA on a file: costs"], found["dA: costs"])
    return shares


@pytest.mark.slow
def test_four_devices_train_like_one(on_one_device, tmp_path):
    """Costs and parameters of a dA and of both phases of an SdA, with the same draws."""
    path = tmp_path / "four.npz"
    flags = "--xla_force_host_platform_device_count=4"
    assert "on 4 devices (CPU)" in finished(start("all", path, XLA_FLAGS=flags))
    shares = assert_alike(path, on_one_device)
    for share in shares.values():
        np.testing.assert_array_equal(share, (20, 12 // 4, 36))


def test_all_devices_are_one_here():
    """The same ways are taken, and come to the same."""
    before = pytensor.config.mode
    with pytensor.config.change_flags(floatX="float32"):
        one_device = deeptutorial.use("jax")
        expected = trained_on_devices.train_dA()
        assert deeptutorial.use("jax", "all") == one_device
        deeptutorial.use("jax", "all")
        found = trained_on_devices.train_dA()
    pytensor.config.mode = before
    for name in ("costs", "W", "b", "rows as they were"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)


@pytest.mark.slow
def test_two_processes_train_like_one(on_one_device, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    paths = [tmp_path / f"{k}.npz" for k in range(2)]
    both = [start("all", path, coordinator, 2, k) for k, path in enumerate(paths)]
    for process in both:
        assert "on 2 devices (CPU) of 2 processes" in finished(process)
    for path in paths:
        for share in assert_alike(path, on_one_device).values():
            np.testing.assert_array_equal(share, (20, 12 // 2, 36))


def test_sizes_that_could_be_shared_are_named():
    spread = Spread(jax.devices())
    spread.n_devices = 4
    spread.check(12)
    with pytest.raises(UnevenMinibatchError, match=r"minibatches of 18 .* 16 or 20 say"):
        spread.check(18)
    with pytest.raises(UnevenMinibatchError, match=r"minibatches of 1 .* 4 or 8 say"):
        spread.check(1)


def test_only_jax_has_all_devices():
    with pytest.raises(BackendError, match=r"numba runs on one device.*--backend jax"):
        deeptutorial.use("numba", "all")


def test_an_array_on_the_host_is_pickled_as_itself():
    array = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(OnHost(array))), array)
