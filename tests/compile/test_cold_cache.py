"""What was just compiled gives the bits of what comes out of the cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS = """
import numba
from deeptutorial.compile.backends.numba.kernels import denoising_step
from deeptutorial.compile.backends.numba.kernels.ahead import put_in_place
@numba.njit
def step(*arguments):
    return denoising_step.step(*arguments)

denoising_step.announce("float32")
put_in_place()
for V, H in (30, 12), (37, 70):
    W = (rng.random((V, H)) - 0.5).astype("float32")
    b, b_prime = numpy.zeros(H, "float32"), numpy.zeros(V, "float32")
    for seed in range(50):
        x = rng.random((20, V)).astype("float32")
        digest.update(step(x, x, False, seed, 0.3, 0.005, W, b, b_prime))
    for parameter in (W, b, b_prime):
        digest.update(parameter)
"""

STACK = """
import pytensor
pytensor.config.floatX = "float32"
from deeptutorial import SdA
x = pytensor.shared(rng.random((280, 30)).astype("float32"))
y = pytensor.shared(rng.integers(0, 3, 280).astype("int32"))
sda = SdA(numpy.random.RandomState(1), n_ins=30, hidden_layers_sizes=[9, 8], n_outs=3)
pretrain = sda.pretraining_functions(x, 20)
train, valid_score, test_score = sda.build_finetune_functions([(x, y)] * 3, 20, 0.5, 0.1, 0.1)
for index in range(14):
    for function in pretrain:
        digest.update(function(index, 0.3, 0.1))
    digest.update(train(index))
digest.update(sda.predict_proba(x.get_value()))
for parameter in (*sda.params, *(layer.b_prime for layer in sda.dA_layers)):
    digest.update(parameter.get_value())
"""


NOISE = """
import pytensor, pytensor.tensor as pt
pytensor.config.floatX = "float32"
from deeptutorial import RandomStreams
streams = RandomStreams(3)
x = pt.matrix()
noisy = x + 0.3 * streams.normal(x.shape) + streams.uniform(x.shape, -0.1, 0.1)
draw = pytensor.function([x], [noisy, streams.binomial(x.shape, 1, 0.3, "int8")])
for _ in range(20):
    for numbers in draw(rng.random((20, 783)).astype("float32")):
        digest.update(numbers)
"""


@pytest.mark.slow
@pytest.mark.parametrize("steps", [KERNELS, STACK, NOISE], ids=["kernels", "stack", "noise"])
def test_cold_and_warm_caches_give_the_same_bits(steps, tmp_path):
    program = f"""
import hashlib, numpy
rng = numpy.random.default_rng(0)
digest = hashlib.sha256()
{steps}
print(digest.hexdigest())
"""
    caches = {
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
    }

    def digest():
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env=os.environ | caches,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    cold = digest()
    assert list(tmp_path.rglob("*.nbc"))
    assert digest() == cold
