"""Draws of random numbers, eight or sixteen at a time.

What is made of the bits is told once, for arrays, in `deeptutorial.compile.ops.draws` and
`box_muller`. Here the same functions are called with `Lanes`, which write an instruction for each
operator.
"""

from collections.abc import Callable
from functools import cache, partialmethod
from hashlib import sha256

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.backends.numba.kernels.blocks import keep_alive
from deeptutorial.compile.backends.numba.kernels.caching import inner, sources_digest
from deeptutorial.compile.backends.numba.kernels.machine_code import address_of, target
from deeptutorial.compile.backends.numba.kernels.vector_math import VectorMath, splat
from deeptutorial.compile.ops.box_muller import RADIUS_UNIT, radius_and_angle
from deeptutorial.compile.ops.draws import splitmix

__all__ = ["filler"]

LANES = 8
SMALL = 4096  # numbers of some microseconds, over before two threads have met

_WORD, _DOUBLE = ir.IntType(64), ir.DoubleType()
_FLOATS = {"float32": ir.FloatType(), "float64": _DOUBLE}
_WORDS, _DOUBLES = ir.VectorType(_WORD, LANES), ir.VectorType(_DOUBLE, LANES)


@cache
def filler(kind: str, dtype: str) -> Callable:
    """Compile, or read from the cache, what fills an array with random numbers.

    Parameters
    ----------
    kind : {"coins", "uniform", "normal"}
    dtype : str
        Of the array; for normal and uniform numbers a float type.

    Returns
    -------
    callable
        For compiled code, ``fill(out, seed, threshold)``: a vector in one piece, the seed of this
        draw, and for coins which of 2^32 numbers is the first that makes a one.
    """
    state_of_code = sha256(f"{target()} {sources_digest()}".encode()).hexdigest()
    name = f"draw_{kind}_{dtype}_{state_of_code[:40]}"
    symbol = threads.symbol(f"draw.{kind}", dtype)
    threads.publish_address(symbol, address_of(name, lambda: _write(name, kind, dtype)))

    @intrinsic
    def kernel(typing_context):
        def codegen(context, builder, signature, values):
            return threads.named_address(builder, symbol)

        return types.int64(), codegen

    @inner
    def fill(out, seed, threshold):
        T = threads.thread_count() if out.size >= SMALL else 1
        task = np.empty(_SIZE, np.int64)
        task[_OUT], task[_N], task[_THREADS] = out.ctypes.data, out.size, T
        task[_SEED], task[_THRESHOLD] = np.int64(seed), np.int64(threshold)
        helped = threads.begin(T)
        threads.together(kernel(), T, task.ctypes.data, helped)
        threads.end(helped)
        keep_alive(task, out)

    return fill


# What the kernels are told, as 64-bit integers.
_OUT, _N, _THREADS, _SEED, _THRESHOLD, _SIZE = range(6)


def _write(name: str, kind: str, dtype: str) -> ir.Module:
    """Write ``void(int64 t, int64 *task, void *)``, which fills thread t's part of the array."""
    module = ir.Module(name)
    pointer = _WORD.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD, pointer, pointer]), name)
    t, task, _ = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    out, n, T, seed, threshold = (
        builder.load(builder.gep(task, [_WORD(field)])) for field in range(_SIZE)
    )
    make, width = _MAKE[kind]
    in_memory = ir.VectorType(_type_in_memory(dtype), width)
    vectors = builder.sdiv(builder.add(n, _WORD(width - 1)), _WORD(width))
    first = builder.sdiv(builder.mul(vectors, t), T)
    end = builder.sdiv(builder.mul(vectors, builder.add(t, _WORD(1))), T)
    whole = builder.sdiv(n, _WORD(width))
    seed, threshold = (Lanes(builder, splat(builder, v, LANES)) for v in (seed, threshold))

    def numbers(k):
        """Make the k-th vector of numbers."""
        entries = splat(builder, builder.mul(k, _WORD(LANES)), LANES)
        entries = Lanes(builder, entries) + Lanes.of(builder, range(1, LANES + 1))
        return make(builder, splitmix(seed, entries), threshold, in_memory.element)

    def place(k, lane=0):
        entry = builder.add(builder.mul(k, _WORD(width)), _WORD(lane))
        address = builder.add(out, builder.mul(entry, _WORD(np.dtype(dtype).itemsize)))
        return builder.inttoptr(address, in_memory.element.as_pointer())

    all_whole = builder.icmp_signed("<=", end, whole)
    last = builder.select(all_whole, end, whole)
    with cgutils.for_range_slice(builder, first, last, _WORD(1)) as (k, _):
        vector_place = builder.bitcast(place(k), in_memory.as_pointer())
        builder.store(numbers(k), vector_place, align=1)
    with builder.if_then(builder.not_(all_whole)):
        in_part, left = numbers(whole), builder.srem(n, _WORD(width))
        for lane in range(width - 1):
            with builder.if_then(builder.icmp_signed("<", _WORD(lane), left)):
                number = builder.extract_element(in_part, _WORD(lane))
                builder.store(number, place(whole, lane))
    builder.ret_void()
    return module


def _type_in_memory(dtype: str) -> ir.Type:
    if dtype in _FLOATS:
        return _FLOATS[dtype]
    if np.dtype(dtype).kind not in "biu":
        raise TypeError(f"there are no draws of {dtype} for Numba")
    return ir.IntType(8 * np.dtype(dtype).itemsize)


class Lanes:
    """A vector of 64-bit integers, whose operators write instructions; it shifts in zeros."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.value = builder, value

    @classmethod
    def of(cls, builder: ir.IRBuilder, numbers) -> "Lanes":
        return cls(builder, ir.Constant(_WORDS, [int(n) % 2**64 for n in numbers]))

    def _do(self, instruction: str, other) -> "Lanes":
        if not isinstance(other, Lanes):
            other = Lanes.of(self.builder, [other] * LANES)
        return Lanes(self.builder, getattr(self.builder, instruction)(self.value, other.value))

    def __neg__(self):
        return Lanes(self.builder, self.builder.neg(self.value))

    __add__, __sub__ = partialmethod(_do, "add"), partialmethod(_do, "sub")
    __mul__, __and__ = partialmethod(_do, "mul"), partialmethod(_do, "and_")
    __or__, __xor__ = partialmethod(_do, "or_"), partialmethod(_do, "xor")
    __lshift__, __rshift__ = partialmethod(_do, "shl"), partialmethod(_do, "lshr")


def _coins(builder, bits: Lanes, threshold: Lanes, element: ir.Type):
    kept = builder.icmp_unsigned(">=", (bits >> 32).value, threshold.value)
    convert = builder.uitofp if element in _FLOATS.values() else builder.zext
    return convert(kept, ir.VectorType(element, LANES))


def _uniform(builder, bits: Lanes, _, element: ir.Type):
    digits = 53 if element == _DOUBLE else 24
    kind = ir.VectorType(element, LANES)
    unit = ir.Constant(kind, [2.0**-digits] * LANES)
    return builder.fmul(builder.sitofp((bits >> (64 - digits)).value, kind), unit)


def _normal_pairs(builder, bits: Lanes, _, element: ir.Type):
    squared_radius, *angle = radius_and_angle(bits >> 32, bits & (2**32 - 1))
    radius = VectorMath(builder, 64, LANES).sqrt(builder.sitofp(squared_radius.value, _DOUBLES))
    radius = builder.fmul(radius, ir.Constant(_DOUBLES, [RADIUS_UNIT] * LANES))
    pair = [builder.fmul(radius, builder.sitofp(side.value, _DOUBLES)) for side in angle]
    if element != _DOUBLE:
        pair = [builder.fptrunc(side, ir.VectorType(element, LANES)) for side in pair]
    in_turn = [place for lane in range(LANES) for place in (lane, LANES + lane)]
    places = ir.Constant(ir.VectorType(ir.IntType(32), 2 * LANES), in_turn)
    return builder.shuffle_vector(*pair, places)


# By kind: what makes the numbers of a vector of bits, and how many.
_MAKE = {
    "coins": (_coins, LANES),
    "uniform": (_uniform, LANES),
    "normal": (_normal_pairs, 2 * LANES),
}
