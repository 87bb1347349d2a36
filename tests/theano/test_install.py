"""The old imports, and what is said of those that cannot be."""

import importlib
import subprocess
import sys

import pytest

from deeptutorial import theano

IMPORTS = """
import sys
import deeptutorial.theano
deeptutorial.theano.install()
deeptutorial.theano.install()

import theano
import theano.tensor as T
import theano.tensor.nnet.conv
import theano.tensor.shared_randomstreams
from theano import config, function, In, Param, shared, tensor
from theano.compile.mode import Mode, get_default_mode
from theano.compile.nanguardmode import NanGuardMode
from theano.compile.sharedvalue import SharedVariable
from theano.ifelse import ifelse
from theano.printing import pp, debugprint, Print
from theano.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams
from theano.scan_module import until
from theano.tensor.basic import dot
from theano.tensor.extra_ops import repeat
from theano.tensor.nnet import conv2d, nnet
from theano.tensor.nnet.conv import conv2d as older
from theano.tensor.nnet.nnet import softmax
from theano.tensor.nlinalg import matrix_inverse
from theano.tensor.signal import downsample, pool
from theano.tensor.signal.downsample import max_pool_2d
from theano.tensor.var import TensorVariable
from theano.updates import OrderedUpdates

assert theano is deeptutorial.theano
assert T is theano.tensor is sys.modules["deeptutorial.theano.tensor"]
assert isinstance(T.matrix(), TensorVariable)
assert softmax is T.nnet.softmax
assert dot is T.dot
try:
    import theano.sandbox.cuda
except ImportError as error:
    print(error)
"""

IN_THE_WAY = """
import sys, types
sys.modules["theano"] = types.ModuleType("theano")
import deeptutorial.theano
try:
    deeptutorial.theano.install()
except ImportError as error:
    print(error)
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_old_imports_find_this_package():
    assert "theano.sandbox.cuda is not to be had" in run(IMPORTS)


def test_another_theano_is_not_replaced():
    assert "another theano is imported already" in run(IN_THE_WAY)


def test_importing_deeptutorial_installs_nothing():
    run(
        "import sys, deeptutorial\n"
        "assert 'theano' not in sys.modules and 'deeptutorial.theano' not in sys.modules\n"
        "import deeptutorial.theano\n"
        "assert 'theano' not in sys.modules"
    )


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sandbox.cuda", "device=cuda"),
        ("gpuarray.dnn", "deeptutorial.use"),
        ("gof", "theano.Op|Apply"),
        ("tensor.opt", "pytensor.tensor.rewriting"),
    ],
)
def test_what_cannot_be_given_says_why(name, advice):
    with pytest.raises(ImportError, match=advice):
        importlib.import_module(f"deeptutorial.theano.{name}")
    owner, _, attribute = f"theano.{name}".rpartition(".")
    if owner != "theano.gpuarray":
        with pytest.raises(AttributeError, match=advice):
            getattr(importlib.import_module(f"deeptutorial.{owner}"), attribute)


def test_from_theano_import_of_what_is_gone_says_why():
    with pytest.raises(ImportError, match="went with Theano"):
        from deeptutorial.theano.sandbox import cuda  # noqa: F401


def test_an_unknown_name_says_where_it_was_looked_for():
    with pytest.raises(AttributeError, match="nothing_like_it is not known here"):
        theano.tensor.nothing_like_it  # noqa: B018
