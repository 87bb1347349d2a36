"""Importing the package once more, after its modules were forgotten."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import numpy, pytensor

for _ in range(2):
    for name in [name for name in sys.modules if name.split(".")[0] == "deeptutorial"]:
        del sys.modules[name]
    from deeptutorial import dA
    from deeptutorial.compile.ops.denoising_step import DenoisingStep

da = dA(numpy.random.RandomState(1), n_visible=6, n_hidden=4)
cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
train = pytensor.function([da.x], cost, updates=updates)
assert any(type(node.op) is DenoisingStep for node in train.maker.fgraph.apply_nodes)
print(float(train(numpy.full((2, 6), 0.5))) > 0)
"""


def test_the_rewrites_are_those_of_the_modules_that_are_there():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "True\n", done.stderr
