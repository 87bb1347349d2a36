"""A linker for PyTensor's Numba backend that takes less time to compile the same functions.

PyTensor has Numba compile a function in layers: each Op, a wrapper around each Op, under which it
is kept on disk, the function that calls the wrappers, and a wrapper around that. In each layer LLVM
works through all the code of the layers below again. Here there are no wrappers, LLVM works
through all of it once (`whole_libraries`), and only the whole function is kept on disk. PyTensor's
own linker does so too, where a graph has some of the project's Ops: it is the one of the tutorial's
loop, ``pytensor.function`` without a mode.

Floating-point numbers are calculated as they are written, never reordered: LLVM would reorder them
one way in a function that was just compiled and another way in the same one from the disk, since in
the former's process there are other copies of what it calls. Where the order matters for speed, in
sums, it is in the source here.

A few Ops are replaced, too, whose implementations take seconds to compile, since they reduce, fill
and index in every way that NumPy can, and put together messages of errors. What takes their place
does the same arithmetic in the same order, for matrices only; and it looks whether an index lies
within the matrix, where PyTensor's reads and writes what lies beyond.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from weakref import WeakValueDictionary

import numpy as np
from numba.core.registry import CPUDispatcher
from pytensor import config
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch import basic
from pytensor.link.numba.linker import NumbaLinker
from pytensor.scalar.basic import Add, Maximum
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.math import Argmax
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor

from deeptutorial.compile.backends.numba.whole_calls import converted
from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole

__all__ = ["QuickNumbaLinker", "quicken_graphs_with"]

_VERSION = "quick 8"
"""To be changed with what is below, since compiled functions are kept on disk."""


class QuickNumbaLinker(NumbaLinker):
    """Has Numba compile the Ops and the function that calls them, and nothing else."""

    def fgraph_convert(self, fgraph: FunctionGraph, **kwargs) -> tuple[CPUDispatcher, str | None]:
        """Return what Numba is to compile, and what it is kept on disk by."""
        with _own_implementations(), config.change_flags(numba__fastmath=False):
            return converted(fgraph, _VERSION, **kwargs)

    def jit_compile(self, fn_and_cache: tuple[CPUDispatcher, str | None]) -> CPUDispatcher:
        """Let Numba compile it, at the first call."""
        function, key = fn_and_cache
        dispatcher = basic.numba_njit(
            function.py_func,
            fastmath=False,
            final_function=True,
            no_cfunc_wrapper=True,
            cache=key is not None,
        )
        dispatcher._compile_for_args = optimised_as_a_whole()(dispatcher._compile_for_args)
        return dispatcher


def quicken_graphs_with(*ops: type[Op]) -> None:
    """Let PyTensor's own linker do what the quick one does for graphs with one of these Ops."""
    compile_layers = NumbaLinker.jit_compile

    def fgraph_convert(
        linker: NumbaLinker, fgraph: FunctionGraph, **kwargs
    ) -> tuple[CPUDispatcher, str | None]:
        linker.is_quick = any(isinstance(node.op, ops) for node in fgraph.apply_nodes)
        if linker.is_quick:
            return QuickNumbaLinker.fgraph_convert(linker, fgraph, **kwargs)
        return converted(fgraph, f"fastmath {config.numba__fastmath}", **kwargs)

    def jit_compile(
        linker: NumbaLinker, fn_and_cache: tuple[CPUDispatcher, str | None]
    ) -> CPUDispatcher:
        return (QuickNumbaLinker.jit_compile if linker.is_quick else compile_layers)(
            linker, fn_and_cache
        )

    NumbaLinker.fgraph_convert = fgraph_convert
    NumbaLinker.jit_compile = jit_compile


@contextmanager
def _own_implementations() -> Iterator[None]:
    """Let graphs be converted with what `_implementation` returns, those within Ops too."""
    original = basic.numba_funcify_ensure_cache
    basic.numba_funcify_ensure_cache = _implementation
    try:
        yield
    finally:
        basic.numba_funcify_ensure_cache = original


_implementations: WeakValueDictionary = WeakValueDictionary()
"""Those in use: what two functions have in common is compiled once."""


def _implementation(op: Op, node: Apply, **kwargs) -> tuple[Callable, str | None]:
    """Return a function for Numba that does what an Op does, and a key that tells it from others.

    As with PyTensor's, the key does not tell for which types of inputs the function is.
    """
    source = _simple_source(op, node)
    if source is None:
        function, key = basic.numba_funcify_and_cache_key(op, node=node, **kwargs)
    else:
        plain = compile_numba_function_src(
            source,
            "implementation",
            {"np": np, "OUT_OF_BOUNDS": OUT_OF_BOUNDS, "__name__": __name__},
        )
        function = basic.numba_njit(plain)
        key = sha256(f"{_VERSION} {source}".encode()).hexdigest()
    if key is not None:
        form = (key, *map(_form, node.inputs))
        function = _implementations.setdefault(form, function)
    return function, key


def _form(variable: Variable) -> tuple:
    type = variable.type
    return getattr(type, "dtype", type), getattr(type, "ndim", None)


def _simple_source(op: Op, node: Apply) -> str | None:
    """Return the source of an implementation for matrices; None where PyTensor's is needed."""
    ndims: list = [getattr(v.type, "ndim", None) for v in node.inputs]  # of what has any
    match op:
        case CAReduce(scalar_op=Add() | Maximum(), axis=(axis,)) if ndims == [2]:
            return _reduction(op, node, axis)
        case Argmax(axis=(1,)) if ndims == [2]:
            return ARGMAX
        case Alloc() if len(ndims) > 1 and all(node.inputs[0].type.broadcastable):
            sizes = [f"size_{i}" for i in range(len(ndims) - 1)]
            shape = "".join(f"{size}.item(), " for size in sizes)
            return FILL.format(sizes=", ".join(sizes), shape=shape)
        case AdvancedSubtensor(idx_list=(0, 1)) if _places_are_vectors(node):
            return ENTRIES.format(
                values="", fits="", res="np.empty(n, x.dtype)", move="res[k] = x[i, j]"
            )
        case AdvancedIncSubtensor(idx_list=(0, 1), ignore_duplicates=False) if (
            _places_are_vectors(node) and ndims[1] < 2
        ):
            value = ("y.item()", "y[k if y.size > 1 else 0]")[ndims[1]]
            return ENTRIES.format(
                values="y, ",
                fits=("", " or y.size not in (1, n)")[ndims[1]],
                res="x" if op.inplace else "x.copy()",
                move=f"res[i, j] {'=' if op.set_instead_of_inc else '+='} {value}",
            )
    return None


def _places_are_vectors(node: Apply) -> bool:
    """Tell whether entries of a matrix are asked for by vectors of their rows and columns."""
    x, rows, columns = (node.inputs[i].type for i in (0, -2, -1))
    return (x.ndim, rows.ndim, columns.ndim) == (2, 1, 1) and "bool" not in (
        rows.dtype,
        columns.dtype,
    )


def _reduction(op: CAReduce, node: Apply, axis: int) -> str | None:
    (dtype,) = {v.type.dtype for v in node.outputs}
    acc_dtype = op.acc_dtype or dtype
    if not dtype.startswith("float") or not acc_dtype.startswith("float"):
        return None
    place, entry = ("res[j]", "res[i]")[axis], "x[i, j]"
    if isinstance(op.scalar_op, Add):
        identity, move = "0", f"{place} += {entry}"
    else:
        # As in NumPy a NaN is the largest; before PyTensor 3.3 its Numba backend overlooks it.
        identity = "-np.inf"
        move = f"if {place} < {entry} or {entry} != {entry}: {place} = {entry}"
    return REDUCE.format(
        kept=1 - axis,
        identity=identity,
        acc_dtype=acc_dtype,
        move=move,
        cast="" if acc_dtype == dtype else f".astype(np.{dtype})",
    )


OUT_OF_BOUNDS = "a matrix has no such row or column (is it a label, of a class that there is not?)"

REDUCE = """
def implementation(x):
    res = np.full(x.shape[{kept}], np.{acc_dtype}({identity}), np.{acc_dtype})
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            {move}
    return res{cast}
"""

ARGMAX = """
def implementation(x):
    res = np.empty(x.shape[0], np.int64)
    for i in range(x.shape[0]):
        res[i] = np.argmax(x[i])
    return res
"""

FILL = """
def implementation(value, {sizes}):
    return np.full(({shape}), value.item())
"""

ENTRIES = """
def implementation(x, {values}rows, columns):
    n = columns.size if rows.size == 1 else rows.size
    if columns.size not in (1, n){fits}:
        raise ValueError("shape mismatch: the indices, or the values, do not fit together")
    res = {res}
    for k in range(n):
        i, j = rows[k if rows.size > 1 else 0], columns[k if columns.size > 1 else 0]
        if not (-x.shape[0] <= i < x.shape[0] and -x.shape[1] <= j < x.shape[1]):
            raise IndexError(OUT_OF_BOUNDS)
        {move}
    return res
"""
