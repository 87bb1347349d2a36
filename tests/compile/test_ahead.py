"""Kernels that another process compiles: they are the same, whatever happens to it."""

import os
import subprocess
import sys
from inspect import cleandoc

import pytest

from deeptutorial.compile.backends.numba.kernels import ahead

TRAIN = """
import hashlib, sys
import numpy, pytensor
pytensor.config.floatX = "float32"
from deeptutorial import dA
from deeptutorial.compile.backends.numba.kernels import ahead, denoising_step
{before}
rng = numpy.random.RandomState(3)
x = pytensor.shared(rng.uniform(size=(40, 30)).astype("float32"))
index = pytensor.tensor.lscalar()
da = dA(numpy_rng=rng, n_visible=30, n_hidden=20, input=pytensor.tensor.matrix())
cost, updates = da.get_cost_updates(0.3, 0.1)
train = pytensor.function(
    [index], cost, updates=updates, givens={{da.x: x[index * 20 : (index + 1) * 20]}}
)
{then}
digest = hashlib.sha256()
for i in range(10):
    digest.update(train(i % 2))
digest.update(da.W.get_value())
print(digest.hexdigest())
"""

ALONE = "ahead._is_helper = True  # so that it has none"
BROKEN = """
sys.executable = {broken!r}
"""
KILLED = """
(helper,) = ahead._helpers
helper.process.kill()
"""
HELPED = """
(helper,) = ahead._helpers
kernels = denoising_step.kernels("float32")
assert helper.kernels == kernels
assert not any(map(helper.is_at, kernels[1:]))
helper.process.wait()
assert helper.process.returncode == 0
assert helper.process.stdout.read().split() == [kernel.function.__name__ for kernel in kernels]
assert all(ahead.is_kept(*kernel) for kernel in kernels)
assert set(kernels) <= set(ahead._announced)  # nobody here has needed them yet
"""
SHARED = """
import os, signal
(helper,) = ahead._helpers
while not ahead.is_kept(*helper.kernels[0]):
    pass
os.kill(helper.process.pid, signal.SIGSTOP)  # at the second, or further
rest = [kernel for kernel in helper.kernels if not ahead.is_kept(*kernel)]
ahead.put_in_place(rest[1:])
assert all(ahead.is_kept(*kernel) for kernel in rest[1:])
assert not ahead.is_kept(*rest[0])
assert helper.process.poll() is None
os.kill(helper.process.pid, signal.SIGCONT)
ahead.put_in_place()
assert helper.process.returncode in (0, -signal.SIGKILL)  # it has been waited for
"""


def run(program, caches):
    """Run a program whose caches are in this folder; return what it prints."""
    folders = {"NUMBA_CACHE_DIR": str(caches), "PYTENSOR_FLAGS": f"base_compiledir={caches}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | folders, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not ahead._can_have_a_helper(), reason="there is no second core")
def test_whatever_happens_to_the_helper(tmp_path):
    broken = tmp_path / "python3.99"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)

    def digest(name, before="", then=""):
        return run(TRAIN.format(before=cleandoc(before), then=cleandoc(then)), tmp_path / name)

    alone = digest("alone", before=ALONE)
    assert digest("helped", then=HELPED) == alone
    assert digest("broken", before=BROKEN.format(broken=str(broken))) == alone
    assert digest("killed", then=KILLED) == alone
    assert digest("shared", then=SHARED) == alone
    assert digest("helped") == alone  # from the disk


@pytest.mark.parametrize("executable", ["/usr/bin/blender", "/opt/python-like-app", "", None])
def test_what_is_no_python_is_not_started(executable, monkeypatch):
    monkeypatch.setattr(ahead, "cache_folder", lambda: "somewhere")
    monkeypatch.setattr(ahead.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(ahead.os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert ahead._can_have_a_helper()
    monkeypatch.setattr(sys, "executable", executable)
    assert not ahead._can_have_a_helper()


def test_without_a_second_core_or_a_folder_there_is_no_helper(monkeypatch):
    monkeypatch.setattr(ahead, "cache_folder", lambda: "somewhere")
    monkeypatch.setattr(ahead.os, "sched_getaffinity", lambda _: {1}, raising=False)
    assert not ahead._can_have_a_helper()
    monkeypatch.setattr(ahead.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(ahead, "cache_folder", lambda: None)
    assert not ahead._can_have_a_helper()


FOR_OTHERS = """
import numpy as np, pytensor, pytensor.tensor as pt
from numba import njit
from deeptutorial.compile.backends.numba.modes import own_products_mode
x, W = pt.dmatrices("x", "W")
compiled = pytensor.function([x, W], pt.tanh(x @ W), mode=own_products_mode()).vm.jit_fn

@njit
def outside(x, W):
    (y,) = compiled(x, W)
    return y.sum()

print(outside(np.ones((2, 3)), np.ones((3, 4))) == 8 * np.tanh(3))
"""


CONVERTED = """
import numpy as np, pytensor, pytensor.tensor as pt
from numba import njit
from pytensor.link.numba.dispatch import numba_funcify
from deeptutorial.compile.backends.numba.modes import own_products_mode
x, W = pt.dmatrices("x", "W")
function = pytensor.function([x, W], pt.tanh(x @ W), mode=own_products_mode())
converted = numba_funcify(function.maker.fgraph)

@njit
def outside(x, W):
    return converted(x, W)

print(np.sum(outside(np.ones((2, 3)), np.ones((3, 4)))) == 8 * np.tanh(3))
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [FOR_OTHERS, CONVERTED])
def test_kernels_are_in_place_where_other_compiled_code_calls(program, tmp_path):
    """They were where Python calls only; in a first run this called nothing, and crashed."""
    assert run(program, tmp_path) == "True\n"
