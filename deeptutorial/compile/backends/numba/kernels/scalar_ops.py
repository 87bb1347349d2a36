"""PyTensor's scalar Ops in vector instructions.

An Op with no entry in `_EMITTERS` is not for the compiler of epilogues, and stays with PyTensor's;
so do Ops on numbers that no entry takes.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.scalar import basic, math

from deeptutorial.compile.backends.numba.kernels.vector_math import CONTRACT, FLOATS, VectorMath

__all__ = ["can_emit", "emit_node"]

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def can_emit(scalar_op: basic.ScalarOp, inputs: Sequence[str], outputs: Sequence[str]) -> bool:
    """Tell whether a scalar Op can be compiled here, for these types of numbers."""
    known = (*FLOATS, *INTEGERS, "bool")
    if any(dtype not in known for dtype in (*inputs, *outputs)):
        return False
    if isinstance(scalar_op, basic.Composite):
        return all(
            can_emit(n.op, [v.type.dtype for v in n.inputs], [v.type.dtype for v in n.outputs])
            for n in scalar_op.fgraph.apply_nodes
        )
    entry = _EMITTERS.get(type(scalar_op))
    return entry is not None and entry.takes(inputs, outputs[0])


def emit_node(vectors, node: Apply, arguments: list):
    """Write a node of a scalar graph in instructions, and return its result.

    Parameters
    ----------
    vectors : Vectors
        Writes the instructions.
    node : Apply
        Its Op is one that `can_emit` knows.
    arguments : list of vector values
    """
    typed = [(value, v.type.dtype) for value, v in zip(arguments, node.inputs, strict=True)]
    return _EMITTERS[type(node.op)].emit(vectors, typed, node.outputs[0].type.dtype)


class _Emitter:
    """How one scalar Op is written in vector instructions, and for which types of numbers."""

    def __init__(self, emit: Callable, takes: Callable):
        self.emit, self.takes = emit, takes


def _in_floats(write: Callable) -> _Emitter:
    """An Op that works in the float type of its result."""

    def emit(v, arguments, dtype):
        math = v.math[32 if dtype == "float32" else 64]
        return write(math, *(v.cast(value, given, dtype) for value, given in arguments))

    return _Emitter(emit, lambda inputs, output: output in FLOATS)


def _arithmetic(in_floats: str, in_integers: str) -> _Emitter:
    """A sum, difference or product of any number of floats or integers."""

    def emit(v, arguments, dtype):
        if dtype in FLOATS:
            write = partial(getattr(v.builder, in_floats), flags=CONTRACT)
        else:
            write = getattr(v.builder, in_integers)
        return reduce(write, (v.cast(value, given, dtype) for value, given in arguments))

    def takes(inputs, output):
        return output != "bool" and all(i not in FLOATS or output in FLOATS for i in inputs)

    return _Emitter(emit, takes)


def _comparison(ordered: str) -> _Emitter:
    def emit(v, arguments, _):
        (a, a_type), (b, b_type) = arguments
        common = str(np.result_type(a_type, b_type))
        a, b = v.cast(a, a_type, common), v.cast(b, b_type, common)
        if common in FLOATS:
            compare = v.builder.fcmp_unordered if ordered == "!=" else v.builder.fcmp_ordered
        elif common == "bool" or common.startswith("u"):
            compare = v.builder.icmp_unsigned
        else:
            compare = v.builder.icmp_signed
        return compare(ordered, a, b)

    def takes(inputs, output):
        # Of int64 and uint64 NumPy and Numba compare the numbers; here they would become floats.
        common = str(np.result_type(*inputs))
        return output == "bool" and (common not in FLOATS or not {*FLOATS}.isdisjoint(inputs))

    return _Emitter(emit, takes)


def _logical(instruction: str) -> _Emitter:
    def emit(v, arguments, dtype):
        write = getattr(v.builder, instruction)
        return reduce(write, (v.cast(value, given, dtype) for value, given in arguments))

    return _Emitter(emit, lambda inputs, output: not {*inputs, output} & set(FLOATS))


def _switch(v, arguments, dtype):
    (condition, given), *choices = arguments
    condition = v.cast(condition, given, "bool")
    return v.builder.select(condition, *(v.cast(value, t, dtype) for value, t in choices))


def _clip(v, arguments, dtype):
    x, low, high = (v.cast(value, given, dtype) for value, given in arguments)
    below = v.builder.fcmp_ordered("<", x, low)
    above = v.builder.fcmp_ordered(">", x, high)
    return v.builder.select(below, low, v.builder.select(above, high, x))


def _cast(v, arguments, dtype):
    ((value, given),) = arguments
    return v.cast(value, given, dtype)


def _is_nan(v, arguments, _):
    ((value, _dtype),) = arguments
    return v.builder.fcmp_unordered("uno", value, value)


def _is_infinite(v, arguments, _):
    ((value, dtype),) = arguments
    size = v.math[32 if dtype == "float32" else 64].abs(value)
    return v.builder.fcmp_ordered("==", size, v.constant(np.inf, dtype))


def _sign(m, x):
    one, zero = m.number(1), m.number(0)
    # Zeros and NaN stay as they are.
    return m.select(m.less(zero, x), one, m.select(m.less(x, zero), m.number(-1), x))


def _of_floats(emit) -> _Emitter:
    return _Emitter(emit, lambda inputs, output: all(i in FLOATS for i in inputs))


def _no_float_to_integer(inputs, output):
    return output in FLOATS or output == "bool" or all(i not in FLOATS for i in inputs)


_EMITTERS = {
    basic.Add: _arithmetic("fadd", "add"),
    basic.Sub: _arithmetic("fsub", "sub"),
    basic.Mul: _arithmetic("fmul", "mul"),
    basic.TrueDiv: _in_floats(VectorMath.div),
    basic.Reciprocal: _in_floats(lambda m, x: m.div(m.number(1), x)),
    basic.Neg: _in_floats(VectorMath.neg),
    basic.Abs: _in_floats(VectorMath.abs),
    basic.Sign: _in_floats(_sign),
    basic.Sqr: _in_floats(lambda m, x: m.mul(x, x)),
    basic.Sqrt: _in_floats(VectorMath.sqrt),
    basic.Pow: _in_floats(lambda m, x, y: m.intrinsic("pow", x, y)),
    basic.Exp: _in_floats(VectorMath.exp),
    basic.Expm1: _in_floats(VectorMath.expm1),
    basic.Log: _in_floats(VectorMath.log),
    basic.Log1p: _in_floats(VectorMath.log1p),
    basic.Tanh: _in_floats(VectorMath.tanh),
    basic.Sin: _in_floats(lambda m, x: m.intrinsic("sin", x)),
    basic.Cos: _in_floats(lambda m, x: m.intrinsic("cos", x)),
    math.Sigmoid: _in_floats(VectorMath.sigmoid),
    math.Softplus: _in_floats(VectorMath.softplus),
    basic.ScalarMaximum: _in_floats(VectorMath.maximum),
    basic.ScalarMinimum: _in_floats(VectorMath.minimum),
    basic.Clip: _Emitter(_clip, lambda inputs, output: output in FLOATS),
    basic.Switch: _Emitter(
        _switch, lambda inputs, output: _no_float_to_integer(inputs[1:], output)
    ),
    basic.Identity: _Emitter(_cast, _no_float_to_integer),
    basic.Cast: _Emitter(_cast, _no_float_to_integer),
    basic.Second: _Emitter(lambda v, a, dtype: v.cast(*a[1], dtype), _no_float_to_integer),
    basic.LT: _comparison("<"),
    basic.GT: _comparison(">"),
    basic.LE: _comparison("<="),
    basic.GE: _comparison(">="),
    basic.EQ: _comparison("=="),
    basic.NEQ: _comparison("!="),
    basic.AND: _logical("and_"),
    basic.OR: _logical("or_"),
    basic.XOR: _logical("xor"),
    basic.Invert: _Emitter(
        lambda v, a, dtype: v.builder.not_(a[0][0]),
        lambda inputs, output: list(inputs) == [output] and output not in FLOATS,
    ),
    basic.IsNan: _of_floats(_is_nan),
    basic.IsInf: _of_floats(_is_infinite),
}
