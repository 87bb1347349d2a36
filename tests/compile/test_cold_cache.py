"""A kernel that was just compiled gives the bits of one that comes out of the cache."""

import os
import subprocess
import sys
from pathlib import Path

STEPS = """
import hashlib, numpy
from deeptutorial.compile.backends.numba.kernels import denoising_step
denoising_step.load("float32")
rng = numpy.random.default_rng(0)
digest = hashlib.sha256()
for V, H in (30, 12), (37, 70):
    W = (rng.random((V, H)) - 0.5).astype("float32")
    b, b_prime = numpy.zeros(H, "float32"), numpy.zeros(V, "float32")
    for seed in range(50):
        x = rng.random((20, V)).astype("float32")
        digest.update(denoising_step.step(x, x, False, seed, 0.3, 0.005, W, b, b_prime))
    for parameter in (W, b, b_prime):
        digest.update(parameter)
print(digest.hexdigest())
"""


def test_cold_and_warm_caches_give_the_same_bits(tmp_path):
    def digest():
        return subprocess.run(
            [sys.executable, "-c", STEPS],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    cold = digest()
    assert list(tmp_path.rglob("*.nbc"))
    assert digest() == cold
