"""Arithmetic on whole vectors, written in LLVM's own instructions.

The formulas are those of PyTensor's Numba backend; what is ours is how exp, log and their relatives
are computed in float32: as polynomials, without a call, a table or a branch, to one or two units in
the last place over the whole range, denormal numbers, infinities and NaN included. In float64 the
mathematical library is called for each number.
"""

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numba.core import cgutils

__all__ = ["CONTRACT", "FLOATS", "VectorMath", "call", "splat"]

FLOATS = ("float32", "float64")
CONTRACT = ("contract",)  # a product and a sum may be rounded once; nothing else is assumed
# The first has so few bits that n times it is exact.
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
# Polynomials of Cephes (S. L. Moshier), expf and logf, highest power first.
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5)
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
# Fitted at Chebyshev's points; largest relative error 4e-10.
ARTANH = (0.11612164, 0.10853288, 0.14296179, 0.19999853, 0.33333334)
LOWEST_SIGMOID = -88.72284  # below, exp(-x) is infinite in float32


class VectorMath:
    """Emits arithmetic on vectors of one float type.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    bits : {32, 64}
    lanes : int
    """

    def __init__(self, builder: ir.IRBuilder, bits: int, lanes: int):
        self.builder, self.bits, self.lanes = builder, bits, lanes
        self.scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.type = ir.VectorType(self.scalar, lanes)
        self.integers = ir.VectorType(ir.IntType(bits), lanes)

    def number(self, value: float) -> ir.Constant:
        """Return a vector of one number, rounded to the type."""
        value = float(np.float32(value) if self.bits == 32 else np.float64(value))
        return ir.Constant(self.type, [value] * self.lanes)

    def _integer(self, value):
        return ir.Constant(self.integers, [value] * self.lanes)

    def add(self, a, b):
        return self.builder.fadd(a, b, flags=CONTRACT)

    def sub(self, a, b):
        return self.builder.fsub(a, b, flags=CONTRACT)

    def mul(self, a, b):
        return self.builder.fmul(a, b, flags=CONTRACT)

    def div(self, a, b):
        return self.builder.fdiv(a, b)

    def neg(self, a):
        return self.builder.fneg(a)

    def select(self, condition, a, b):
        return self.builder.select(condition, a, b)

    def less(self, a, b):
        return self.builder.fcmp_ordered("<", a, b)

    def is_nan(self, a):
        return self.builder.fcmp_unordered("uno", a, a)

    def intrinsic(self, name: str, *arguments):
        """Call an intrinsic of LLVM on vectors."""
        return call(self.builder, f"llvm.{name}.v{self.lanes}f{self.bits}", self.type, arguments)

    def lane_by_lane(self, name: str, x):
        """Call a function of the mathematical library for each number."""
        name += "f" if self.bits == 32 else ""
        result = ir.Constant(self.type, ir.Undefined)
        for lane in range(self.lanes):
            place = ir.IntType(32)(lane)
            value = call(self.builder, name, self.scalar, [self.builder.extract_element(x, place)])
            result = self.builder.insert_element(result, value, place)
        return result

    def abs(self, x):
        return self.intrinsic("fabs", x)

    def sqrt(self, x):
        return self.intrinsic("sqrt", x)

    def maximum(self, a, b):
        """The larger one, or NaN if one is."""
        first = self.builder.or_(self.less(b, a), self.is_nan(a))
        return self.select(first, a, b)

    def minimum(self, a, b):
        first = self.builder.or_(self.less(a, b), self.is_nan(a))
        return self.select(first, a, b)

    def exp(self, x):
        if self.bits == 64:
            return self.intrinsic("exp", x)
        # Below and above, the result is 0 or infinite all the same; in this form a NaN passes.
        lowest, highest = self.number(-105), self.number(89.5)
        x = self.select(self.less(x, lowest), lowest, x)
        x = self.select(self.less(highest, x), highest, x)
        p, n = self._exp_of_remainder(x)
        # 2**n in two factors, since by itself it may be out of range where the product is not.
        half = self.builder.ashr(n, self._integer(1))
        p = self.mul(self.add(p, self.number(1)), self._power_of_two(half))
        return self.builder.fmul(p, self._power_of_two(self.builder.sub(n, half)))

    def _exp_of_remainder(self, x):
        """Return (exp(r) - 1, n) where x = n ln 2 + r with a small r."""
        shift = self.number(1.5 * 2**23)  # rounds to an integer and leaves it in the lowest bits
        shifted = self.add(self.mul(x, self.number(1.44269504)), shift)
        n = self.builder.fsub(shifted, shift)
        r = self.sub(x, self.mul(n, self.number(LN2_HIGH)))
        r = self.sub(r, self.mul(n, self.number(LN2_LOW)))
        p = self.add(self.mul(self._polynomial(EXP, r), self.mul(r, r)), r)
        as_integer = self.builder.bitcast(shifted, self.integers)
        bits_of_shift = int(np.float32(1.5 * 2**23).view(np.int32))
        return p, self.builder.sub(as_integer, self._integer(bits_of_shift))

    def _power_of_two(self, n):
        biased = self.builder.add(n, self._integer(127))
        return self.builder.bitcast(self.builder.shl(biased, self._integer(23)), self.type)

    def _polynomial(self, coefficients, x):
        p = self.number(coefficients[0])
        for c in coefficients[1:]:
            p = self.add(self.mul(p, x), self.number(c))
        return p

    def expm1(self, x):
        if self.bits == 64:
            return self.lane_by_lane("expm1", x)
        p, n = self._exp_of_remainder(x)
        power = self._power_of_two(n)
        near = self.add(self.mul(power, p), self.builder.fsub(power, self.number(1)))
        far = self.sub(self.exp(x), self.number(1))
        return self.select(self.less(self.abs(x), self.number(1)), near, far)

    def log(self, x):
        if self.bits == 64:
            return self.intrinsic("log", x)
        builder = self.builder
        # Denormal numbers are made normal first.
        tiny = self.less(x, self.number(2.0**-126))
        scaled = self.select(tiny, self.mul(x, self.number(2.0**23)), x)
        bits = builder.bitcast(scaled, self.integers)
        root_half = self._integer(int(np.float32(np.sqrt(0.5)).view(np.int32)))
        exponent = builder.ashr(builder.sub(bits, root_half), self._integer(23))
        mantissa = builder.sub(bits, builder.shl(exponent, self._integer(23)))
        f = self.sub(builder.bitcast(mantissa, self.type), self.number(1))  # sqrt(1/2) ... sqrt(2)
        e = builder.sitofp(exponent, self.type)
        e = self.select(tiny, self.sub(e, self.number(23)), e)
        square = self.mul(f, f)
        y = self.mul(self.mul(self._polynomial(LOG, f), f), square)
        y = self.add(y, self.mul(e, self.number(LN2_LOW)))
        y = self.sub(y, self.mul(square, self.number(0.5)))
        y = self.add(self.add(f, y), self.mul(e, self.number(LN2_HIGH)))
        infinity = self.number(np.inf)
        y = self.select(builder.fcmp_unordered("<", x, infinity), y, x)  # a NaN stays one below
        y = self.select(self.is_nan(x), x, y)
        y = self.select(self.less(x, self.number(0)), self.number(np.nan), y)
        zero = builder.fcmp_ordered("==", x, self.number(0))
        return self.select(zero, self.number(-np.inf), y)

    def log1p(self, x):
        if self.bits == 64:
            return self.lane_by_lane("log1p", x)
        # log(u) for u = 1 + x as it was rounded, and what the rounding lost.
        u = self.builder.fadd(self.number(1), x)
        lost = self.builder.fsub(x, self.builder.fsub(u, self.number(1)))
        y = self.add(self.log(u), self.div(lost, u))
        exact = self.builder.fcmp_ordered("==", u, self.number(np.inf))
        small = self.builder.fcmp_ordered("==", u, self.number(1))
        y = self.select(exact, u, y)
        y = self.select(self.builder.fcmp_ordered("==", u, self.number(0)), self.log(u), y)
        return self.select(small, x, y)

    def tanh(self, x):
        if self.bits == 64:
            return self.lane_by_lane("tanh", x)
        # Beyond 10 it is 1 to the last bit; a NaN passes.
        size, ten = self.abs(x), self.number(10)
        size = self.select(self.less(ten, size), ten, size)
        e = self.expm1(self.add(size, size))
        y = self.div(e, self.add(e, self.number(2)))
        return self.intrinsic("copysign", y, x)

    def sigmoid(self, x):
        """1 / (1 + exp(-x)); 0 where exp(-x) is infinite, as PyTensor has it."""
        one, zero = self.number(1), self.number(0)
        if self.bits == 64:
            return self.div(one, self.add(one, self.exp(self.neg(x))))
        e = self.exp(self.neg(self.abs(x)))
        y = self.div(self.select(self.less(x, zero), e, one), self.add(one, e))
        return self.select(self.less(x, self.number(LOWEST_SIGMOID)), zero, y)

    def softplus(self, x):
        """log(1 + exp(x)), as the larger one of x and 0, and log(1 + exp(-abs(x)))."""
        zero = self.number(0)
        e = self.exp(self.neg(self.abs(x)))
        positive = self.select(self.less(x, zero), zero, x)  # a NaN passes
        return self.add(positive, self._log1p_to_one(e))

    def _log1p_to_one(self, e):
        """log(1 + e) for 0 <= e <= 1: twice the series of artanh(e / (2 + e))."""
        if self.bits == 64:
            return self.lane_by_lane("log1p", e)
        s = self.div(e, self.add(e, self.number(2)))
        t = self.mul(s, s)
        s = self.add(s, s)
        return self.add(self.mul(self.mul(self._polynomial(ARTANH, t), t), s), s)


def splat(builder: ir.IRBuilder, scalar, lanes: int):
    """Return a vector of one number that is known only when it runs."""
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, empty, zeros)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence):
    """Call a function of a library, or an intrinsic of LLVM, by its name."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
