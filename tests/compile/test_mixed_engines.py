"""Functions for different engines that have shared variables in common."""

import gc
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

import deeptutorial
from deeptutorial import BackendError, dA
from deeptutorial.compile.backends.c.linker import HostVMLinker
from deeptutorial.compile.host_values import keep_on_host

PACKAGES = {"jax": "jax", "pytorch": "torch"}
DEVICES = [
    pytest.param(backend, marks=pytest.mark.skipif(not find_spec(package), reason=package))
    for backend, package in PACKAGES.items()
]
ROWS = np.random.default_rng(0).uniform(size=(100, 12))


@pytest.fixture(autouse=True)
def mode_put_back():
    before = pytensor.config.mode
    yield
    pytensor.config.mode = before


def train_on(*backends):
    """Train, each step on the next of the backends; return the costs and the weights."""
    x, index = pt.matrix("x"), pt.lscalar("index")
    rows = pytensor.shared(ROWS.astype(x.dtype), "rows")
    da = dA(np.random.RandomState(1), input=x, n_visible=12, n_hidden=5)
    cost, updates = da.get_cost_updates(0.0, 0.1)
    steps = []
    for backend, *device in map(str.split, backends):
        deeptutorial.use(backend, *device)
        steps.append(
            pytensor.function(
                [index], cost, updates=updates, givens={x: rows[index * 10 : (index + 1) * 10]}
            )
        )
    costs = [steps[(k // 2) % len(steps)](k) for k in range(8)]  # two calls, and the next backend
    return [float(c) for c in costs], da.W.get_value()


@pytest.mark.parametrize("backend", DEVICES)
def test_numba_by_turns_with_another(backend):
    costs, W = train_on("numba")
    mixed_costs, mixed_W = train_on("numba", backend)
    np.testing.assert_allclose(mixed_costs, costs, rtol=1e-5)
    np.testing.assert_allclose(mixed_W, W, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not find_spec("jax"), reason="jax")
def test_numba_by_turns_with_several_devices():
    """Their arrays have no memory of their own to show, as those of a GPU have not."""
    code = "from tests.compile.test_mixed_engines import train_on as train\n"
    code += "print(train('numba', 'jax all')[0])"
    costs = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    np.testing.assert_allclose(json.loads(costs), train_on("numba")[0], rtol=1e-5)


@pytest.mark.parametrize("backend", DEVICES)
def test_c_is_refused_what_lies_on_a_device(backend):
    """It would take any object for an array."""
    deeptutorial.use(backend)
    W = pytensor.shared(np.ones(3), "W")
    pytensor.function([], W.sum())
    with pytest.raises(BackendError, match=rf"W is in a function for {backend} .* for c: compile"):
        pytensor.function([], W.sum(), mode=Mode(HostVMLinker(use_cloop=True), "fast_compile"))


@pytest.mark.parametrize("backend", DEVICES)
def test_a_device_is_refused_what_c_reads(backend):
    deeptutorial.use(backend)
    W, copied = (pytensor.shared(np.ones(3), name) for name in ("W", "copied"))
    keep_on_host(W)
    keep_on_host(W)  # in another function too
    with pytest.raises(BackendError, match="W is in a function for c and cannot"):
        pytensor.function([], W.sum())
    assert pytensor.function([], copied.sum())() == 3


@pytest.mark.parametrize("backend", DEVICES)
def test_compiling_takes_no_copy_of_a_shared_variable(backend):
    """A set is on the device once, when a function has run, and not once more in each function."""

    def on_device():
        if backend == "jax":
            import jax

            return [array for array in jax.live_arrays() if array.shape == ROWS.shape]
        import torch

        tensors = [value for value in gc.get_objects() if type(value) is torch.Tensor]
        return [tensor for tensor in tensors if tuple(tensor.shape) == ROWS.shape]

    gc.collect()
    before = len(on_device())
    deeptutorial.use(backend)
    rows, index = pytensor.shared(ROWS.astype("float32")), pt.lscalar()
    look = [pytensor.function([index], rows[index] * factor) for factor in (1, 2)]
    assert len(on_device()) == before
    np.testing.assert_allclose([f(3) for f in look], [ROWS[3], 2 * ROWS[3]], rtol=1e-6)
    assert len(on_device()) == before + 1
