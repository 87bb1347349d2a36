"""Theano 1.0's names over PyTensor, for code that was written when Theano was alive.

``from deeptutorial import theano`` and ``import deeptutorial.theano.tensor as T`` take the place of
the old imports; after `install` the old imports themselves work, in this process. Names that
PyTensor has unchanged are looked up there. Only what moved or means something else is written down
here, one line each that says how it differs.

The graphs are PyTensor's, so that everything that `deeptutorial` does to a graph is done to these.
As in Theano, a symbolic variable is true (``if not W:``): importing this changes that for the whole
process.
"""

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.op import Op
from pytensor.graph.replace import clone_replace
from pytensor.graph.type import Type
from pytensor.printing import pp

from deeptutorial.theano import _truth, compile, gradient, ifelse, printing, sandbox, tensor
from deeptutorial.theano._config import config
from deeptutorial.theano._function import In, Out, Param, function
from deeptutorial.theano._install import install
from deeptutorial.theano._names import lookup
from deeptutorial.theano._scan import foldl, foldr, map, reduce, scan
from deeptutorial.theano._shared import shared
from deeptutorial.theano.compile import Mode
from deeptutorial.theano.gradient import Lop, Rop, grad, subgraph_grad
from deeptutorial.theano.tensor import dot
from deeptutorial.theano.updates import OrderedUpdates

__all__ = [
    "Apply",
    "Constant",
    "In",
    "Lop",
    "Mode",
    "Op",
    "OrderedUpdates",
    "Out",
    "Param",
    "Rop",
    "SharedVariable",
    "Type",
    "Variable",
    "clone",
    "compile",
    "config",
    "dot",
    "foldl",
    "foldr",
    "function",
    "grad",
    "gradient",
    "ifelse",
    "install",
    "map",
    "pp",
    "printing",
    "reduce",
    "sandbox",
    "scan",
    "shared",
    "subgraph_grad",
    "tensor",
]

__version__ = version = "1.0.5"  # what it is in the shape of
change_flags = config.change_flags

_truth.variables_are_true()


def clone(output, replace=None, strict=True, share_inputs=True, copy_inputs=None):
    """`pytensor.graph.replace.clone_replace`; inputs are always shared with the original."""
    return clone_replace(output, replace, rebuild_strict=strict)


def __getattr__(name):
    return lookup(name, "theano", "pytensor")
