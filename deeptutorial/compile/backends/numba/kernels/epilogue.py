"""A scalar graph becomes a loop over tiles of matrices, in vectors.

What PyTensor applies to each number of a matrix, an `Elemwise` node's scalar Op, is compiled here
as it stands: each scalar Op of the graph becomes the vector instructions that do the same to all
numbers of a vector (`scalar_ops`). Nothing is recognised and nothing is changed.
"""

from hashlib import sha256

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import toposort

from deeptutorial.compile.backends.numba.kernels.caching import sources_digest
from deeptutorial.compile.backends.numba.kernels.machine_code import address_of, target
from deeptutorial.compile.backends.numba.kernels.scalar_ops import emit_node
from deeptutorial.compile.backends.numba.kernels.tiles import VECTOR_BYTES
from deeptutorial.compile.backends.numba.kernels.vector_math import FLOATS, VectorMath, call, splat

__all__ = ["Epilogue", "compile_epilogue"]


class Epilogue:
    """What is done to each number of a tile: a scalar graph, and what becomes of its outputs.

    Parameters
    ----------
    inputs, outputs : list of scalar variables
    steps : the columns' step of each input: 1 where it has a number a column, 0 where it has one a
        row or one in all
    stored : outputs (their places) that are stored, one after another
    sums : (place of an output, axis) for each sum, axis 0, 1 or None for all
    """

    def __init__(self, inputs, outputs, steps, stored, sums):
        self.inputs, self.outputs, self.steps = list(inputs), list(outputs), tuple(steps)
        self.stored, self.sums = tuple(stored), tuple(sums)

    def digest(self) -> str:
        """Name the loop: the same for the same graph, in every process."""
        names = {v: f"i{k}:{v.type.dtype}" for k, v in enumerate(self.inputs)}
        lines: list[str] = []
        for node in toposort(self.outputs, self.inputs):
            arguments = [_name(v, names) for v in node.inputs]
            output = node.outputs[0]
            names[output] = f"t{len(lines)}"
            lines.append(f"{type(node.op).__name__} {arguments} {output.type.dtype}")
        described = (
            sorted(names[v] for v in self.inputs),
            [v.type.dtype for v in self.inputs],
            lines,
            [_name(v, names) for v in self.outputs],
            self.steps,
            self.stored,
            self.sums,
            target(),
            sources_digest(),
        )
        return sha256(repr(described).encode()).hexdigest()


def _name(variable, names):
    if isinstance(variable, Constant) and variable not in names:
        return f"{variable.data.dtype}:{variable.data.tobytes().hex()}"
    return names[variable]


def compile_epilogue(epilogue: Epilogue, bits: int) -> int:
    """Return the address of ``void(int64 rows, int64 columns, int64 *operands)``.

    `operands` has an address and the bytes between two rows for each operand. The machine code is
    kept on disk.
    """
    name = f"epilogue_{epilogue.digest()[:40]}"
    return address_of(name, lambda: _emit_loop(epilogue, name, bits))


# ---- the loop


def _emit_loop(epilogue: Epilogue, name: str, bits: int) -> ir.Module:
    """Write ``for each row: for each vector of columns:`` around the scalar graph."""
    word, module = ir.IntType(64), ir.Module(name)
    kind = ir.FunctionType(ir.VoidType(), [word, word, word.as_pointer()])
    function = ir.Function(module, kind, name)
    rows, columns, operands = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    lanes = VECTOR_BYTES * 8 // bits

    def operand(k, field):
        return builder.load(builder.gep(operands, [word(2 * k + field)]))

    n = len(epilogue.inputs) + len(epilogue.stored) + len(epilogue.sums)
    first_rows, row_steps = [operand(k, 0) for k in range(n)], [operand(k, 1) for k in range(n)]
    sums = [builder.alloca(ir.VectorType(_llvm_type(epilogue.outputs[o].type.dtype), lanes))
            for o, axis in epilogue.sums if axis != 0]  # fmt: skip
    whole = builder.mul(builder.sdiv(columns, word(lanes)), word(lanes))

    with cgutils.for_range(builder, rows) as loop:
        places = [
            builder.add(a, builder.mul(loop.index, step))
            for a, step in zip(first_rows, row_steps, strict=True)
        ]
        for accumulator in sums:
            builder.store(ir.Constant(accumulator.type.pointee, [0.0] * lanes), accumulator)
        with cgutils.for_range_slice(builder, word(0), whole, word(lanes)) as (column, _):
            _Vector(builder, epilogue, lanes, None).emit(places, column, sums)
        with builder.if_then(builder.icmp_signed("<", whole, columns)):
            left = builder.sub(columns, whole)
            lane = ir.Constant(ir.VectorType(word, lanes), list(range(lanes)))
            mask = builder.icmp_signed("<", lane, splat(builder, left, lanes))
            _Vector(builder, epilogue, lanes, mask).emit(places, whole, sums)
        _emit_sums(builder, epilogue, places, sums)
    builder.ret_void()
    return module


def _emit_sums(builder, epilogue, places, sums):
    """Add what a row has summed up: to the row's own sum, or to that of all rows."""
    double = ir.DoubleType()
    first = len(epilogue.inputs) + len(epilogue.stored)
    pending = iter(sums)
    for k, (_, axis) in enumerate(epilogue.sums):
        if axis == 0:
            continue
        total = _lane_sum(builder, builder.load(next(pending)))
        if total.type != double:
            total = builder.fpext(total, double)
        pointer = builder.inttoptr(places[first + k], double.as_pointer())
        builder.store(builder.fadd(builder.load(pointer), total), pointer)


def _lane_sum(builder, vector):
    """The sum over the lanes of a vector, by halves."""
    lanes = vector.type.count
    while lanes > 1:
        lanes //= 2
        halves = [
            builder.shuffle_vector(
                vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), lanes), order)
            )
            for order in (list(range(lanes)), list(range(lanes, 2 * lanes)))
        ]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.IntType(32)(0))


class _Vector:
    """The scalar graph for one vector of columns; with a mask, for its first lanes only."""

    def __init__(self, builder, epilogue, lanes, mask):
        self.builder, self.epilogue, self.lanes, self.mask = builder, epilogue, lanes, mask
        self.math = {b: VectorMath(builder, b, lanes) for b in (32, 64)}

    def emit(self, places, column, sums):
        epilogue = self.epilogue
        values = {}
        for variable, step, place in zip(epilogue.inputs, epilogue.steps, places, strict=False):
            values[variable] = self._load(variable.type.dtype, place, step, column)
        for node in toposort(epilogue.outputs, epilogue.inputs):
            arguments = [self._value(v, values) for v in node.inputs]
            values[node.outputs[0]] = emit_node(self, node, arguments)
        results = [self._value(v, values) for v in epilogue.outputs]
        dtypes = [v.type.dtype for v in epilogue.outputs]
        targets = places[len(epilogue.inputs) :]
        for output, place in zip(epilogue.stored, targets, strict=False):
            self._store(results[output], dtypes[output], place, column)
        pending = iter(sums)
        for (output, axis), place in zip(
            epilogue.sums, targets[len(epilogue.stored) :], strict=True
        ):
            value = results[output]
            if self.mask is not None:
                value = self.builder.select(self.mask, value, ir.Constant(value.type, None))
            if axis == 0:
                so_far = self._load(dtypes[output], place, 1, column)
                self._store(self.builder.fadd(so_far, value), dtypes[output], place, column)
            else:
                accumulator = next(pending)
                value = self.builder.fadd(self.builder.load(accumulator), value)
                self.builder.store(value, accumulator)

    def _value(self, variable, values):
        if variable not in values:
            values[variable] = self.constant(variable.data, variable.type.dtype)
        return values[variable]

    # -- memory

    def _memory(self, dtype, place, column):
        """Return a pointer to a vector in memory, its type there and its bytes."""
        size = np.dtype(dtype).itemsize
        element = ir.IntType(8) if dtype == "bool" else _llvm_type(dtype)
        place = self.builder.add(place, self.builder.mul(column, column.type(size)))
        kind = ir.VectorType(element, self.lanes)
        return self.builder.inttoptr(place, kind.as_pointer()), kind, size

    def _load(self, dtype, place, step, column):
        if step == 0:
            element = ir.IntType(8) if dtype == "bool" else _llvm_type(dtype)
            value = self.builder.load(self.builder.inttoptr(place, element.as_pointer()))
            value = splat(self.builder, value, self.lanes)
        else:
            pointer, kind, size = self._memory(dtype, place, column)
            if self.mask is None:
                value = self.builder.load(pointer, align=size)
            else:
                zero = ir.Constant(kind, None)
                value = self._masked("load", kind, kind, [pointer, size, self.mask, zero])
        return self._truth(value) if dtype == "bool" else value

    def _truth(self, value):
        return self.builder.icmp_unsigned("!=", value, ir.Constant(value.type, None))

    def _store(self, value, dtype, place, column):
        pointer, kind, size = self._memory(dtype, place, column)
        if dtype == "bool":
            value = self.builder.zext(value, kind)
        if self.mask is None:
            self.builder.store(value, pointer, align=size)
        else:
            self._masked("store", kind, ir.VoidType(), [value, pointer, size, self.mask])

    def _masked(self, what, kind, result, arguments):
        arguments = [ir.IntType(32)(a) if isinstance(a, int) else a for a in arguments]
        name = f"llvm.masked.{what}.v{self.lanes}{kind.element.intrinsic_name}.p0"
        return call(self.builder, name, result, arguments)

    # -- numbers

    def constant(self, data, dtype):
        value = np.asarray(data).astype(dtype).item()
        return ir.Constant(ir.VectorType(_llvm_type(dtype), self.lanes), [value] * self.lanes)

    def cast(self, value, dtype, to):
        """Convert as C does; floats become integers nowhere."""
        if dtype == to:
            return value
        kind, builder = ir.VectorType(_llvm_type(to), self.lanes), self.builder
        if to == "bool":
            zero = ir.Constant(value.type, None)
            if dtype in FLOATS:
                return builder.fcmp_unordered("!=", value, zero)
            return builder.icmp_unsigned("!=", value, zero)
        if dtype in FLOATS:
            return builder.fpext(value, kind) if to == "float64" else builder.fptrunc(value, kind)
        unsigned = dtype == "bool" or dtype.startswith("u")
        if to in FLOATS:
            return builder.uitofp(value, kind) if unsigned else builder.sitofp(value, kind)
        size, new_size = (0 if d == "bool" else np.dtype(d).itemsize for d in (dtype, to))
        if new_size == size:
            return value
        if new_size < size:
            return builder.trunc(value, kind)
        return builder.zext(value, kind) if unsigned else builder.sext(value, kind)


def _llvm_type(dtype):
    if dtype == "bool":
        return ir.IntType(1)
    if dtype in FLOATS:
        return ir.FloatType() if dtype == "float32" else ir.DoubleType()
    return ir.IntType(np.dtype(dtype).itemsize * 8)
