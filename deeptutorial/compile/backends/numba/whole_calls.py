"""Calls of Numba's functions that are made as a whole, whatever signals come.

Python looks for signals between its own instructions. PyTensor's linker for Numba gives it occasion
in the middle of a call, where that does harm. Numba asks a Python function for ``numpy.ndarray``
each time it makes an array, and passes over a KeyboardInterrupt that is raised there: what comes
out is a SystemError, or an address that is none. And while results are put one by one where they
belong, some parameters can be new already and others old.

Here no Python runs from the moment that a function begins to the one at which all its results are
in their places, also those of shared variables. A signal is handled before, or behind. (Some
functions need Python, for an Op that Numba cannot compile or for a NumPy generator; signals are
held for these, which takes a few microseconds.)

It is for PyTensor's own linker too, since the tutorial's loop, ``pytensor.function`` without a
mode, has that one. Nor does what it compiles hold on to the shared variables any longer: Numba
keeps every graph to the end of the process, and with them it kept all data. And since Numba never
releases what is at hand where compiled code raises an error, inputs are lent to it, not given.
"""

from collections.abc import Callable
from itertools import chain, starmap
from operator import itemgetter
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import TupleModel
from numba.core.registry import CPUDispatcher
from numba.extending import box, intrinsic, register_model
from numba.np.numpy_support import as_dtype
from pytensor import config
from pytensor.graph.basic import Apply, Variable, clone_get_equiv
from pytensor.graph.destroyhandler import DestroyHandler
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.basic import JITLinker
from pytensor.link.c.type import generic
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS
from pytensor.link.numba.dispatch import basic
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.link.numba.linker import NumbaLinker
from pytensor.link.utils import raise_with_op
from pytensor.tensor.type import DenseTensorType

from deeptutorial.compile.backends.numba.kernels.ahead import needed_kernels, put_in_place
from deeptutorial.compile.backends.numba.kernels.caching import let_fail
from deeptutorial.compile.host_values import bring_to_host
from deeptutorial.compile.one_instruction import places, put
from deeptutorial.held_signals import SignalsHeld

__all__ = ["converted", "make_calls_whole"]


def make_calls_whole() -> None:
    """Let PyTensor's linker for Numba, and those that are made of it, make whole calls."""
    NumbaLinker.create_jitable_thunk = _create_jitable_thunk


def converted(
    fgraph: FunctionGraph, version: str, **kwargs: Any
) -> tuple[CPUDispatcher, str | None]:
    """Return what Numba is to compile, and what it is kept on disk by, with the version.

    Unlike PyTensor it puts no function around it, which would hold all inputs for itself.
    """
    function, key = basic.numba_funcify_and_cache_key(fgraph, **kwargs)
    if not config.numba__cache:
        key = None
    if key is not None:
        # The name of its file, a temporary one, is part of what Numba looks for on disk.
        plain = function.py_func
        plain.__code__ = plain.__code__.replace(co_filename="<string>")
        CACHED_SRC_FUNCTIONS[plain] = f"{key} {version}"
    return function, key


def _create_jitable_thunk(
    linker: NumbaLinker, compute_map, order, input_storage, output_storage, storage_map
):
    """Return what PyTensor's method of this name returns."""
    fgraph = linker.fgraph
    if not fgraph.outputs:
        return JITLinker.create_jitable_thunk(
            linker, compute_map, order, input_storage, output_storage, storage_map
        )
    nodes = [output.owner for output in fgraph.outputs if output.owner is not None][:1]
    with needed_kernels() as kernels:
        converted = linker.fgraph_convert(_graph_without_data(fgraph), squeeze_output=True)
        if converted[1] is None:  # an Op may run in Python, where nobody knows what it keeps
            graph = _graph_without_data(fgraph, is_lending=False)
            converted = linker.fgraph_convert(graph, squeeze_output=True)
    function = linker.jit_compile(converted)
    inputs = [storage_map[variable] for variable in fgraph.inputs]
    outputs = [storage_map[variable] for variable in fgraph.outputs]
    call = _whole_call(function, inputs, outputs, fgraph.update_mapping)
    compile_for_args, add_overload = function._compile_for_args, function.add_overload
    careful = True

    def add_with_kernels(compiled):
        """Let nobody call what was compiled, not even other compiled code, without its kernels."""
        put_in_place(kernels)
        add_overload(compiled)

    def compile_undisturbed(*args):
        """Compile, which Numba does in a call with new types."""
        nonlocal careful
        if bring_to_host(fgraph.inputs):
            raise _BroughtToHostError
        with SignalsHeld():
            compiled = compile_for_args(*args)
            careful = any(map(_may_run_python, function.overloads.values()))
        return compiled

    def careful_call():
        if careful:
            with SignalsHeld():
                call()
        else:
            call()

    def explained_call():
        try:
            try:
                careful_call()
            except _BroughtToHostError:
                careful_call()
            except BufferError:  # Numba looks at what lies on a GPU as if it were on the host
                if not bring_to_host(fgraph.inputs):
                    raise
                careful_call()
        except Exception:
            raise_with_op(fgraph, nodes[0] if nodes else None, thunk)

    let_fail(function._cache)
    function._compile_for_args, function.add_overload = compile_undisturbed, add_with_kernels
    thunk: Any = explained_call  # with attributes that PyTensor asks for
    thunk.inputs, thunk.outputs, thunk.lazy = inputs, outputs, False
    return [thunk], nodes, function


class _BroughtToHostError(Exception):
    """What is to be called has been given values from a device, and will be given others."""


def _whole_call(
    function: Callable, inputs: list[list], outputs: list[list], updates: dict[int, int] | None
) -> Callable[[], None]:
    """Return what calls a function and puts its results in place, in one instruction."""
    storages, numbers = places(inputs, outputs, updates)
    pick = itemgetter(*numbers, *(numbers if len(numbers) == 1 else ()))  # of one it makes no tuple
    first = itemgetter(0)

    def call():
        results = starmap(function, (map(first, inputs),))
        put(storages, chain.from_iterable(map(pick, results)))

    return call


def _may_run_python(compiled) -> bool:
    """Tell whether what was compiled may call Python.

    It does for an Op that Numba cannot compile (these are never read from the disk, where nobody
    could see it any more), and asks Python for the parts of what is no array.
    """
    kinds = [*compiled.signature.args, *compiled.signature.return_type]
    called = {function.name for function in compiled.library._final_module.functions}
    plain = (types.Array, types.Number, types.Boolean)
    return "PyObject_CallFunctionObjArgs" in called or not all(isinstance(k, plain) for k in kinds)


def _graph_without_data(fgraph: FunctionGraph, is_lending: bool = True) -> FunctionGraph:
    """Return the same graph of variables that have no values, and with the results in one."""
    memo: dict = {variable: variable.type(variable.name) for variable in fgraph.inputs}
    inputs = list(memo.values())
    lent = _never_results(fgraph) if is_lending else []
    if lent:
        memo |= zip(lent, Lent(len(lent)).make_node(*map(memo.get, lent)).outputs, strict=True)
    clone_get_equiv(fgraph.inputs, fgraph.outputs, memo=memo)
    results = Results()(*(memo[output] for output in fgraph.outputs))
    copied = FunctionGraph(inputs, [results], clone=False)
    copied.attach_feature(DestroyHandler())  # what is changed in place is changed last
    return copied


def _never_results(fgraph: FunctionGraph) -> list[Variable]:
    """Return the arrays among the inputs of which no result is a part."""
    in_results = set(fgraph.outputs)
    for node in reversed(fgraph.toposort()):
        for parts in (node.op.view_map, node.op.destroy_map):
            for output, origins in parts.items():
                if node.outputs[output] in in_results:
                    in_results.update(node.inputs[origin] for origin in origins)
    return [v for v in fgraph.inputs if isinstance(v.type, DenseTensorType) and v not in in_results]


class Lent(Op):
    """Arrays as they are, except that compiled code does not count its references to them.

    Whoever calls it holds them meanwhile. A reference that was counted, to a training set say,
    would be there for ever once an error is raised while it is at hand.
    """

    __props__ = ("count",)

    def __init__(self, count: int):
        self.count = count
        self.view_map = {i: [i] for i in range(count)}

    def make_node(self, *arrays: Variable) -> Apply:
        return Apply(self, arrays, [array.type() for array in arrays])

    def perform(self, node, inputs, output_storage):
        for storage, value in zip(output_storage, inputs, strict=True):
            storage[0] = value


@register_funcify_and_cache_key(Lent)
def _lent(op: Lent, node, **_):
    @numba_njit
    def implementation(*arrays):
        return _uncounted(arrays)

    return implementation, f"deeptutorial's {op.count} lent inputs, version 2"


@intrinsic
def _uncounted(typing_context, arrays):
    def codegen(context, builder, signature, arguments):
        lent = []
        for kind, value in zip(arrays, cgutils.unpack_tuple(builder, arguments[0]), strict=True):
            array = context.make_array(kind)(context, builder, value)
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            lent.append(array._getvalue())
        return lent[0] if len(lent) == 1 else context.make_tuple(builder, arrays, lent)

    # Numba has one output of an Op as it is, and several in a tuple.
    return (arrays[0] if len(arrays) == 1 else arrays)(arrays), codegen


class Results(Op):
    """Hand all results of a function over to Python."""

    __props__ = ()

    def make_node(self, *results: Variable) -> Apply:
        return Apply(self, results, [generic()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = tuple(inputs)


@register_funcify_and_cache_key(Results)
def _results(op: Results, node, **_):
    @numba_njit
    def implementation(*results):
        return _for_python(results)

    return implementation, "deeptutorial's results, version 2"


class _ForPython(types.Tuple):
    """A tuple whose arrays become Python's without Python's help; elsewhere like any tuple."""

    def __new__(cls, types):  # Numba's own has another class for things of one kind
        return object.__new__(cls)


register_model(_ForPython)(TupleModel)


@intrinsic
def _for_python(typing_context, values):
    kind = _ForPython(values.types)

    def codegen(context, builder, signature, arguments):
        results = context.make_tuple(builder, kind, cgutils.unpack_tuple(builder, arguments[0]))
        context.nrt.incref(builder, kind, results)
        return results

    return kind(values), codegen


@box(_ForPython)
def _box_results(kind, value, c):
    made = c.pyapi.tuple_new(kind.count)
    for i, part in enumerate(kind):
        result = c.builder.extract_value(value, i)
        is_array = type(part) is types.Array
        boxed = _box_array(part, result, c) if is_array else c.box(part, result)
        c.pyapi.tuple_setitem(made, i, boxed)
    return made


def _box_array(kind: types.Array, array, c):
    """Do what Numba does for an array, but with `numpy.ndarray` at hand, not asked for."""
    number = c.context.get_constant
    constants = [
        c.env_manager.read_const(c.env_manager.add_const(constant))
        for constant in (np.ndarray, as_dtype(kind.dtype))
    ]
    arguments = [
        c.builder.bitcast(cgutils.alloca_once_value(c.builder, array), cgutils.voidptr_t),
        constants[0],
        number(types.int32, kind.ndim),
        number(types.int32, int(kind.mutable)),
        constants[1],
    ]
    function = cgutils.get_or_insert_function(
        c.builder.module,
        ir.FunctionType(c.pyapi.pyobj, [argument.type for argument in arguments]),
        "NRT_adapt_ndarray_to_python_acqref",
    )
    boxed = c.builder.call(function, arguments)
    # What has no owner is a part of an input that was lent, of which an Op has not told that it
    # hands it on: it must not outlive it. (`copy` is written in C, and no Python runs.)
    result = cgutils.alloca_once_value(c.builder, boxed)
    owner = c.context.make_array(kind)(c.context, c.builder, array).meminfo
    with c.builder.if_then(cgutils.is_null(c.builder, owner), likely=False):
        c.builder.store(c.pyapi.call_method(boxed, "copy"), result)
        c.pyapi.decref(boxed)
    c.context.nrt.decref(c.builder, kind, array)
    return c.builder.load(result)
