"""Small matrix products held in vector registers, written in LLVM's own instructions.

Numba vectorises loops, but does not keep a block of sums in registers over a loop; these do.
"""

import inspect
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from deeptutorial.compile.backends.numba.kernels.vector_math import call, splat


def _register_file():
    """Bytes in a vector register, and tile sizes that fill the registers without spilling."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    if "+avx512f" in features:  # 32 registers of 64 bytes
        return 64, 6, 5
    if "+avx2" in features:  # 16 registers of 32 bytes
        return 32, 3, 2
    if "+neon" in features:  # 32 registers of 16 bytes
        return 16, 6, 5
    return 16, 3, 2


VECTOR_BYTES, TILE_VECTORS, TILE_SAMPLES = _register_file()
MIDDLE_VECTORS = TILE_VECTORS - 1  # so that columns can be cut into tiles of much the same width
TILE_ROWS = 4
SKIP_ROWS = 2  # of a tile that skips what is zero in all of them: more share fewer zeros
GATHER_VECTORS = 8


class _Vectors:
    """Emits vector instructions for one scalar type."""

    def __init__(self, builder, dtype):
        self.builder = builder
        self.bytes = dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.scalar = ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.name = f"v{self.lanes}f{dtype.bitwidth}"
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)

    def _pointer(self, base, index, to):
        return self.builder.bitcast(self.builder.gep(base, [index]), to.as_pointer())

    def shuffle(self, a, b, order):
        order = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
        return self.builder.shuffle_vector(a, b, order)

    def splat(self, scalar):
        return splat(self.builder, scalar, self.lanes)

    def fma(self, a, b, c):
        # "muladd" and not "fma": without the instruction, the latter becomes a library call.
        return call(self.builder, f"llvm.fmuladd.{self.name}", self.type, [a, b, c])

    def below(self, n, offset):
        """Which lanes, counted from offset, are below n?"""
        lanes = ir.Constant(
            ir.VectorType(n.type, self.lanes), [offset + i for i in range(self.lanes)]
        )
        return self.builder.icmp_signed("<", lanes, self.splat(n))

    def load(self, base, index, mask=None):
        pointer = self._pointer(base, index, self.type)
        if mask is None:
            return self.builder.load(pointer, align=self.bytes)
        arguments = [pointer, ir.IntType(32)(self.bytes), mask, self.zero]
        return call(self.builder, f"llvm.masked.load.{self.name}.p0", self.type, arguments)

    def store(self, value, base, index, mask=None):
        pointer = self._pointer(base, index, value.type)
        if mask is None:
            self.builder.store(value, pointer, align=self.bytes)
        else:
            arguments = [value, pointer, ir.IntType(32)(self.bytes), mask]
            call(self.builder, f"llvm.masked.store.{self.name}.p0", ir.VoidType(), arguments)

    def load_scalar(self, base, index):
        return self.builder.load(self.builder.gep(base, [index]))

    def transposed(self, rows):
        """The columns of a square block, given its rows: exchange ever larger corners."""
        width = 1
        while width < self.lanes:
            places = range(self.lanes)
            upper = [j + self.lanes - width if j & width else j for j in places]
            lower = [j + self.lanes if j & width else j + width for j in places]
            pairs = [(i, i + width) for i in places if not i & width]
            for i, j in pairs:
                a, b = rows[i], rows[j]
                rows[i], rows[j] = self.shuffle(a, b, upper), self.shuffle(a, b, lower)
            width *= 2
        return rows

    def is_not_zero(self, vector):
        return self.builder.fcmp_unordered("!=", vector, self.zero)

    def sums(self, vectors):
        """The sums over lanes of four vectors, as one vector of four."""
        add, lanes = self.builder.fadd, self.lanes
        for width in (1, 2):  # interleave a pair and add; then the two results likewise
            if width == lanes:  # two lanes: they are sums already
                a, b = vectors
                return self.shuffle(a, b, [0, 1, 2, 3])
            low = [
                i // (2 * width) * 2 * width + i % width + (lanes if i & width else 0)
                for i in range(lanes)
            ]
            high = [i + width for i in low]
            vectors = [
                add(self.shuffle(a, b, low), self.shuffle(a, b, high))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
        (total,) = vectors
        while lanes > 4:
            lanes //= 2
            low, high = list(range(lanes)), list(range(lanes, 2 * lanes))
            total = add(self.shuffle(total, total, low), self.shuffle(total, total, high))
        return total


def _tile(emit, result=types.void):
    """Make an intrinsic of `emit(builder, vectors, *arguments)`.

    Its arguments are arrays, passed on as pointers, and integers. The first is an array that sets
    the type of the vectors.
    """

    def codegen(context, builder, signature, values):
        values = [
            context.make_array(t)(context, builder, v).data if isinstance(t, types.Array) else v
            for t, v in zip(signature.args, values, strict=True)
        ]
        found = emit(builder, _Vectors(builder, signature.args[0].dtype), *values)
        return context.get_dummy_value() if found is None else found

    def tile(typing_context, *given):
        return result(*(t if isinstance(t, types.Array) else types.intp for t in given)), codegen

    # Numba reads the number of arguments off the function.
    _, *arguments = inspect.signature(emit).parameters.values()
    tile.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    return intrinsic(tile)


def multiply_tile(rows, width, masked, skips=False):
    """C[m, n] += sum over k of A[m, k] B[k, n], for `rows` rows and `width` vectors of columns.

    The sum is over k < ks; if the tile `skips`, over the k whose bits are set in ks. With `fresh`,
    the sum takes C's place.
    """

    @_tile
    def tile(builder, v, C, c0, ldc, A, a0, a_row, a_col, B, b0, ldb, ks, columns, fresh):
        add, mul, integer = builder.add, builder.mul, c0.type
        offsets = [integer(j * v.lanes) for j in range(width)]
        masks = [v.below(columns, j * v.lanes) if masked else None for j in range(width)]
        c = [add(c0, mul(ldc, integer(m))) for m in range(rows)]
        a = [add(a0, mul(a_row, integer(m))) for m in range(rows)]
        sums = [[cgutils.alloca_once(builder, v.type) for _ in offsets] for _ in c]
        with builder.if_else(builder.icmp_signed("!=", fresh, integer(0))) as (then, otherwise):
            with then:
                for row in sums:
                    for s in row:
                        builder.store(v.zero, s)
            with otherwise:
                for m in range(rows):
                    for s, o, mask in zip(sums[m], offsets, masks, strict=True):
                        builder.store(v.load(C, add(c[m], o), mask), s)
        with _bits(builder, ks) if skips else cgutils.for_range(builder, ks) as loop:
            k = loop.index
            b = add(b0, mul(k, ldb))
            b = [v.load(B, add(b, o), mask) for o, mask in zip(offsets, masks, strict=True)]
            k = mul(k, a_col)
            for m in range(rows):
                factor = v.splat(v.load_scalar(A, add(a[m], k)))
                for s, b_j in zip(sums[m], b, strict=True):
                    builder.store(v.fma(factor, b_j, builder.load(s)), s)
        for m in range(rows):
            for s, o, mask in zip(sums[m], offsets, masks, strict=True):
                v.store(builder.load(s), C, add(c[m], o), mask)

    return tile


def _gather_tile(width, masked):
    """C[n] += sum over i in [first, last) of value[i] B[index[i], n]."""

    @_tile
    def tile(builder, v, C, c0, value, index, first, last, B, b0, ldb, columns):
        add, mul, integer = builder.add, builder.mul, c0.type
        offsets = [integer(j * v.lanes) for j in range(width)]
        masks = [v.below(columns, j * v.lanes) if masked else None for j in range(width)]
        sums = [cgutils.alloca_once(builder, v.type) for _ in offsets]
        for s, o, mask in zip(sums, offsets, masks, strict=True):
            builder.store(v.load(C, add(c0, o), mask), s)
        with cgutils.for_range(builder, last, start=first) as loop:
            factor = v.splat(v.load_scalar(value, loop.index))
            row = builder.sext(v.load_scalar(index, loop.index), integer)
            b = add(b0, mul(row, ldb))
            for s, o, mask in zip(sums, offsets, masks, strict=True):
                builder.store(v.fma(factor, v.load(B, add(b, o), mask), builder.load(s)), s)
        for s, o, mask in zip(sums, offsets, masks, strict=True):
            v.store(builder.load(s), C, add(c0, o), mask)

    return tile


@partial(_tile, result=types.boolean)
def finite(builder, v, B, b0, ldb, depth, columns):
    """Tell whether B[k, n] is finite for k < depth and n < columns, a tile's width."""
    offsets = [b0.type(j * v.lanes) for j in range(TILE_VECTORS)]
    masks = [v.below(columns, j * v.lanes) for j in range(TILE_VECTORS)]
    sums = [cgutils.alloca_once_value(builder, v.zero) for _ in offsets]
    with cgutils.for_range(builder, depth) as loop:
        b = builder.add(b0, builder.mul(loop.index, ldb))
        for s, o, mask in zip(sums, offsets, masks, strict=True):
            # 0 times what is not finite is NaN, and stays it
            builder.store(v.fma(v.load(B, builder.add(b, o), mask), v.zero, builder.load(s)), s)
    found = v.zero
    for s in sums:
        found = builder.fadd(found, builder.load(s))
    some = builder.bitcast(v.is_not_zero(found), ir.IntType(v.lanes))
    return builder.icmp_unsigned("==", some, some.type(0))


@_tile
def nonzero_bits(builder, v, A, bits, a0, m, depth):
    """bits[m] = which of A[m, k], k < depth <= 64, are not zero; A's rows are in one piece."""
    found = ir.IntType(64)(0)
    for j in range(64 // v.lanes):
        mask = v.below(depth, j * v.lanes)
        values = v.load(A, builder.add(a0, a0.type(j * v.lanes)), mask)
        some = builder.bitcast(v.is_not_zero(values), ir.IntType(v.lanes))
        some = builder.zext(some, found.type) if v.lanes < 64 else some
        found = builder.or_(found, builder.shl(some, found.type(j * v.lanes)))
    builder.store(found, builder.gep(bits, [m]))


@_tile
def nonzero_bits_transposed(builder, v, A, bits, a0, lda, m, depth, rows):
    """bits[m + i] = which of A[k, i], k < depth <= 64, are not zero, for one vector of i."""
    kind = ir.VectorType(ir.IntType(64), v.lanes)
    mask, found = v.below(rows, 0), cgutils.alloca_once(builder, kind)
    builder.store(ir.Constant(kind, None), found)
    with cgutils.for_range(builder, depth) as loop:
        values = v.load(A, builder.add(a0, builder.mul(loop.index, lda)), mask)
        bit = v.splat(builder.shl(ir.IntType(64)(1), loop.index))
        some = builder.select(v.is_not_zero(values), bit, ir.Constant(kind, None))
        builder.store(builder.or_(builder.load(found), some), found)
    pointer = builder.bitcast(builder.gep(bits, [m]), kind.as_pointer())
    builder.store(builder.load(found), pointer, align=8)


@_tile
def copy_wide(builder, v, P, ldp, B, b0, ldb, depth, columns):
    """P[k, n] = B[k, n] for k < depth and n < columns, a tile's width, which P has room for."""
    offsets = [b0.type(j * v.lanes) for j in range(TILE_VECTORS)]
    masks = [v.below(columns, j * v.lanes) for j in range(TILE_VECTORS)]
    with cgutils.for_range(builder, depth) as loop:
        p = builder.mul(loop.index, ldp)
        b = builder.add(b0, builder.mul(loop.index, ldb))
        for o, mask in zip(offsets, masks, strict=True):
            v.store(v.load(B, builder.add(b, o), mask), P, builder.add(p, o))


@_tile
def transpose(builder, v, P, p0, ldp, B, b0, ldb, rows, depth):
    """P[k, n] = B[n, k] for a vector of n and as many k; what lies beyond rows, depth is no matter.

    P has room for the whole block.
    """
    add, mul, integer = builder.add, builder.mul, p0.type
    mask, last, block = v.below(depth, 0), builder.sub(rows, integer(1)), []
    for n in range(v.lanes):
        is_inside = builder.icmp_signed("<", integer(n), rows)
        row = builder.select(is_inside, integer(n), last)
        block.append(v.load(B, add(b0, mul(row, ldb)), mask))
    for k, column in enumerate(v.transposed(block)):
        v.store(column, P, add(p0, mul(integer(k), ldp)))


@contextmanager
def _bits(builder, bits):
    """Do what follows for the index of each bit that is set, in order."""
    head = builder.append_basic_block("bits")
    body = builder.append_basic_block("bit")
    after = builder.append_basic_block("done")
    left = cgutils.alloca_once_value(builder, bits)
    builder.branch(head)
    builder.position_at_end(head)
    now = builder.load(left)
    builder.cbranch(builder.icmp_signed("!=", now, now.type(0)), body, after)
    builder.position_at_end(body)
    builder.store(builder.and_(now, builder.sub(now, now.type(1))), left)
    yield SimpleNamespace(index=builder.cttz(now, ir.IntType(1)(1)))
    builder.branch(head)
    builder.position_at_end(after)


def _dot_tile(samples):
    """D[c, m] = sum over j of A[m, j] B[c, j], for four rows m; B's rows are padded with zeros."""

    @_tile
    def tile(builder, v, D, d0, ldd, A, a0, lda, B, b0, ldb, depth):
        add, mul, integer = builder.add, builder.mul, d0.type
        a = [add(a0, mul(lda, integer(m))) for m in range(TILE_ROWS)]
        b = [add(b0, mul(ldb, integer(c))) for c in range(samples)]
        sums = [[cgutils.alloca_once(builder, v.type) for _ in a] for _ in b]
        for row in sums:
            for s in row:
                builder.store(v.zero, s)

        def columns(j, mask=None):
            left = [v.load(A, add(a_m, j), mask) for a_m in a]
            for b_c, row in zip(b, sums, strict=True):
                right = v.load(B, add(b_c, j), mask)
                for left_m, s in zip(left, row, strict=True):
                    builder.store(v.fma(left_m, right, builder.load(s)), s)

        whole = builder.sdiv(depth, integer(v.lanes))
        with cgutils.for_range(builder, whole) as loop:
            columns(mul(loop.index, integer(v.lanes)))
        done = mul(whole, integer(v.lanes))
        with builder.if_then(builder.icmp_signed("<", done, depth)):
            columns(done, v.below(builder.sub(depth, done), 0))
        for c, row in enumerate(sums):
            total = v.sums([builder.load(s) for s in row])
            v.store(total, D, add(d0, mul(ldd, integer(c))))

    return tile


gather_wide = _gather_tile(GATHER_VECTORS, masked=False)
gather_edge = _gather_tile(GATHER_VECTORS, masked=True)
gather_narrow = _gather_tile(2, masked=True)
dot_samples = _dot_tile(TILE_SAMPLES)
dot_sample = _dot_tile(1)
