"""The Ops' implementations for PyTensor's Numba backend."""

from hashlib import sha256

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.unsafe.ndarray import to_fixed_tuple
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from deeptutorial.compile.backends.numba.errors import (
    NoSuchClassError,
    NoSuchCoinError,
    NoSuchMinibatchError,
    note,
)
from deeptutorial.compile.backends.numba.kernels import (
    denoising_step,
    draws,
    fused_products,
    threads,
)
from deeptutorial.compile.backends.numba.kernels.caching import inner, sources_digest
from deeptutorial.compile.backends.numba.kernels.elementwise import splitmix, threshold
from deeptutorial.compile.backends.numba.kernels.plans import plan_of
from deeptutorial.compile.backends.numba.linker import quicken_graphs_with
from deeptutorial.compile.backends.numba.whole_calls import make_calls_whole
from deeptutorial.compile.ops.checked_labels import CheckedLabels
from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.compile.ops.draws import Draw
from deeptutorial.compile.ops.fused_products import FusedProducts
from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice

__all__ = []

make_calls_whole()
quicken_graphs_with(CheckedLabels, DenoisingStep, Draw, FusedProducts, MinibatchSlice)


def _cache_key(what: str) -> str:
    """Name compiled code for PyTensor's cache; with another state of the kernels it is another."""
    return sha256(f"{what} {sources_digest()}".encode()).hexdigest()


@register_funcify_and_cache_key(DenoisingStep)
def _denoising_step(op: DenoisingStep, node, **_):
    dtype = node.inputs[0].dtype
    denoising_step.announce(dtype)
    step = denoising_step.step
    parameter = owned if op.inplace else copied

    # One function for each number of inputs and outputs, which compiled code has to know.
    if op.corruption == "masking":

        @numba_njit
        def implementation(x, step_size, W, b, b_prime, state, size, kept):
            # At first: Numba does not free what there is by the time of an error.
            masked = 1.0 - probability(kept)
            if size[0] != x.shape[0] or size[1] != x.shape[1]:
                raise ValueError(WRONG_INPUT)
            x, W, b, b_prime = contiguous(x), parameter(W), parameter(b), parameter(b_prime)
            seed = splitmix(state[0], state[1])
            L = step(x, x, False, seed, masked, step_size.item(), W, b, b_prime)
            return L, W, b, b_prime, after(state)

    else:

        @numba_njit
        def implementation(x, step_size, W, b, b_prime, given=None):
            x, W, b, b_prime = contiguous(x), parameter(W), parameter(b), parameter(b_prime)
            tilde_x = x if given is None else contiguous(given)
            L = step(x, tilde_x, True, NO_SEED, 0.0, step_size.item(), W, b, b_prime)
            return L, W, b, b_prime

    return implementation, _cache_key(f"{DenoisingStep} {op._props_dict()} {dtype}")


@register_funcify_and_cache_key(Draw)
def _draw(op: Draw, node, **_):
    n_dimensions, dtype = node.outputs[1].ndim, np.dtype(op.dtype)
    fill = draws.filler(op.kind, op.dtype)

    @numba_njit
    def numbers(state, size, limit=NO_SEED):
        draw = np.empty(to_fixed_tuple(size, n_dimensions), dtype)
        fill(draw.reshape(-1), splitmix(state[0], state[1]), limit)
        return after(state), draw

    @numba_njit
    def coins(state, size, p):
        return numbers(state, size, threshold(1.0 - probability(p)))

    implementation = coins if op.parameters else numbers
    return implementation, _cache_key(f"{type(op)} {op._props_dict()} {n_dimensions}")


@register_funcify_and_cache_key(MinibatchSlice)
def _minibatch_slice(op: MinibatchSlice, node, **_):
    length, scale, offset, must_exist = op.length, op.scale, op.offset, op.must_exist

    @numba_njit
    def implementation(x, index):
        index = np.int64(index.item())
        if must_exist:
            n_rows = x.shape[0]
            # Divided, for no product of an index that is far out may overflow.
            highest, lowest = (n_rows - 1 - offset) // scale, (-n_rows - length - offset) // scale
            note(0, index)
            note(1, n_rows)
            if index > highest or index < lowest:
                raise NoSuchMinibatchError(length)
        start = scale * index + offset
        rows = x[start : start + length]
        if must_exist and rows.shape[0] == 0:  # it begins before the first, and ends there too
            raise NoSuchMinibatchError(length)
        return rows

    return implementation, _cache_key(f"{MinibatchSlice} {op._props_dict()}")


@register_funcify_and_cache_key(CheckedLabels)
def _checked_labels(op: CheckedLabels, node, **_):
    n_classes = op.n_classes

    @numba_njit
    def implementation(y):
        for label in y:
            if label < 0 or label >= n_classes:
                note(0, np.int64(label))
                raise NoSuchClassError(n_classes)
        return y

    return implementation, _cache_key(f"{CheckedLabels} {op._props_dict()}")


NO_SEED = np.uint64(0)
WRONG_INPUT = denoising_step.WRONG_INPUT
contiguous = np.ascontiguousarray  # itself, if it is so


@inner
def probability(p):
    """Return a number of no dimensions if it is a probability."""
    p = np.float64(p.item())
    if not 0.0 <= p <= 1.0:
        note(0, p)
        raise NoSuchCoinError
    return p


@inner
def after(state):
    """Return the state of a draw after it."""
    state = state.copy()
    state[1] += np.uint64(1)
    return state


@inner
def copied(array):
    return array.copy()


def owned(array):
    raise NotImplementedError


@overload(owned)
def _overload_owned(array):
    """Return an array in C order that may be written to: itself, or a copy."""
    if array.layout == "C" and array.mutable:
        return lambda array: array
    return lambda array: array.copy()


@register_funcify_and_cache_key(FusedProducts)
def _fused_products(op: FusedProducts, node, **_):
    key = _cache_key(f"{FusedProducts} {op._props_dict()}")
    fused_products.announce(op.dtype)
    drive = _driven(threads.keep_plan(key, plan_of(op)), op.dtype)

    # One function for each number of inputs and outputs, which compiled code has to know.
    first, places = 2 * len(op.products), dict(op.inplace)
    inputs = [f"i{k}" for k in range(len(node.inputs))]
    M, N = op.shape(
        [
            tuple(f"{name}.shape[{axis}]" for axis in range(v.ndim))
            for name, v in zip(inputs, node.inputs, strict=True)
        ]
    )
    outputs, lines = [], [f"{name} = by_rows({name})" for name in inputs]
    scope = {"np": np, "by_rows": by_rows, "owned": owned, "drive": drive}
    scope["WRONG_SHAPES"] = fused_products.WRONG_SHAPES
    for k, shape in enumerate(op.output_shapes(M, N)):
        outputs.append(f"o{k}")
        size = f"({', '.join(shape)}{',' * (len(shape) == 1)})"
        scope[f"type{k}"] = np.dtype(node.outputs[k].dtype).type
        made = f"np.empty({size}, type{k})"
        lines.append(f"o{k} = " + (f"owned({inputs[first + places[k]]})" if k in places else made))
    source = "\n    ".join(
        [
            f"def fused_products({', '.join(inputs)}):",
            *lines,
            f"if drive(({', '.join([*inputs, *outputs])},)) != 0:",
            "    raise ValueError(WRONG_SHAPES)",
            f"return {', '.join(outputs)}",
        ]
    )
    return numba_njit(compile_numba_function_src(source, "fused_products", scope)), key


def _driven(plan: str, dtype: str):
    """Return what calls the driver with a plan and a tuple of arrays, for compiled code."""
    driver = threads.symbol("_drive", dtype)

    @intrinsic
    def drive(typing_context, arrays):
        def codegen(context, builder, signature, values):
            word, fields = ir.IntType(64), fused_products.FIELDS
            table = cgutils.alloca_once(builder, word, size=len(arrays) * fields)
            for k, kind in enumerate(arrays):
                array = builder.extract_value(values[0], k)
                for field, value in enumerate(_described(context, builder, kind, array)):
                    builder.store(value, builder.gep(table, [word(k * fields + field)]))
            function = ir.FunctionType(word, [word] * 3).as_pointer()
            kernel = builder.inttoptr(threads.published_address(builder, driver), function)
            plan_address = threads.named_address(builder, plan)
            return builder.call(kernel, [plan_address, builder.ptrtoint(table, word), word(0)])

        return types.int64(arrays), codegen

    return drive


def _described(context, builder, kind, array):
    """Return what stands in the table of arrays: address, shape and strides, as integers."""
    word = ir.IntType(64)
    array = context.make_array(kind)(context, builder, array)
    shape, strides = (cgutils.unpack_tuple(builder, v) for v in (array.shape, array.strides))
    if kind.ndim < 2:
        shape, strides = (shape or [word(1)]) * 2, (strides or [word(0)]) * 2
    return [builder.ptrtoint(array.data, word), *shape, *strides]


def by_rows(array):
    raise NotImplementedError


@overload(by_rows)
def _overload_by_rows(array):
    """Return an array whose rows are each in one piece: itself, or a copy."""
    if array.ndim == 0 or array.layout == "C":
        return lambda array: array

    def by_rows(array):
        size = array.itemsize
        if array.strides[-1] == size and array.strides[0] % size == 0:
            return array
        return np.ascontiguousarray(array)

    return by_rows
