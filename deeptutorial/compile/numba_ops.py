"""The Ops' implementations for PyTensor's Numba backend."""

from hashlib import sha256

import numpy as np
from numba import njit
from numba.extending import overload
from numba.np.unsafe.ndarray import to_fixed_tuple
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from deeptutorial.compile.kernels import denoising_step, layer_step
from deeptutorial.compile.kernels.caching import sources_digest
from deeptutorial.compile.kernels.elementwise import flip, splitmix
from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.compile.ops.layer_step import LayerProduct, LayerStep
from deeptutorial.random import CoinFlips

__all__ = []


def _cache_key(what: str) -> str:
    """Name compiled code for PyTensor's cache; with another state of the kernels it is another."""
    return sha256(f"{what} {sources_digest()}".encode()).hexdigest()


@register_funcify_and_cache_key(DenoisingStep)
def _denoising_step(op: DenoisingStep, node, **_):
    dtype = node.inputs[0].dtype
    denoising_step.load(dtype)
    step = denoising_step.step
    parameter = owned if op.inplace else copied

    # One function for each number of inputs and outputs, which compiled code has to know.
    if op.corruption == "masking":

        @numba_njit
        def implementation(x, step_size, W, b, b_prime, state, size, kept):
            if size[0] != x.shape[0] or size[1] != x.shape[1]:
                raise ValueError(WRONG_INPUT)
            x, W, b, b_prime = contiguous(x), parameter(W), parameter(b), parameter(b_prime)
            masked = 1.0 - np.float64(kept.item())
            seed = splitmix(state[0], state[1])
            L = step(x, x, False, seed, masked, step_size.item(), W, b, b_prime)
            return L, W, b, b_prime, after(state)

    elif op.corruption == "given":

        @numba_njit
        def implementation(x, step_size, W, b, b_prime, tilde_x):
            x, W, b, b_prime = contiguous(x), parameter(W), parameter(b), parameter(b_prime)
            tilde_x = contiguous(tilde_x)
            L = step(x, tilde_x, True, NO_SEED, 0.0, step_size.item(), W, b, b_prime)
            return L, W, b, b_prime

    else:

        @numba_njit
        def implementation(x, step_size, W, b, b_prime):
            x, W, b, b_prime = contiguous(x), parameter(W), parameter(b), parameter(b_prime)
            L = step(x, x, False, NO_SEED, 0.0, step_size.item(), W, b, b_prime)
            return L, W, b, b_prime

    return implementation, _cache_key(f"{DenoisingStep} {op._props_dict()} {dtype}")


@register_funcify_and_cache_key(LayerProduct)
def _layer_product(op: LayerProduct, node, **_):
    dtype = node.inputs[0].dtype
    layer_step.load(dtype)
    product = layer_step.product

    @numba_njit
    def implementation(x, W):
        return product(contiguous(x), contiguous(W))

    return implementation, _cache_key(f"{LayerProduct} {dtype}")


@register_funcify_and_cache_key(LayerStep)
def _layer_step(op: LayerStep, node, **_):
    dtype = node.inputs[0].dtype
    layer_step.load(dtype)
    descend = layer_step.descend
    parameter = owned if op.inplace else copied

    if op.sends_back:

        @numba_njit
        def implementation(x, d, rate, W):
            W = parameter(W)
            dx = descend(contiguous(x), contiguous(d), rate.item(), W, True)
            return dx, W

    else:

        @numba_njit
        def implementation(x, d, rate, W):
            W = parameter(W)
            descend(contiguous(x), contiguous(d), rate.item(), W, False)
            return W

    return implementation, _cache_key(f"{LayerStep} {op._props_dict()} {dtype}")


@register_funcify_and_cache_key(CoinFlips)
def _coin_flips(op: CoinFlips, node, **_):
    n_dimensions = node.outputs[1].ndim
    dtype = np.dtype(op.dtype)

    @numba_njit
    def implementation(state, size, p):
        draw = np.empty(to_fixed_tuple(size, n_dimensions), dtype)
        flip(draw.reshape(-1), splitmix(state[0], state[1]), 1.0 - np.float64(p.item()))
        return after(state), draw

    return implementation, _cache_key(f"{CoinFlips} {op._props_dict()} {n_dimensions}")


NO_SEED = np.uint64(0)
WRONG_INPUT = denoising_step.WRONG_INPUT


@njit
def after(state):
    """Return the state of the coin flips after a draw."""
    state = state.copy()
    state[1] += np.uint64(1)
    return state


@njit
def copied(array):
    return array.copy()


def contiguous(array):
    raise NotImplementedError


def owned(array):
    raise NotImplementedError


@overload(contiguous)
def _overload_contiguous(array):
    """Return a matrix in C order: itself, or a copy."""
    if array.layout == "C":
        return lambda array: array

    def contiguous(array):
        # Rows cut out of a matrix are in C order, even if Numba cannot know it beforehand.
        if array.strides == (array.shape[1] * array.itemsize, array.itemsize):
            return array
        return np.ascontiguousarray(array)

    return contiguous


@overload(owned)
def _overload_owned(array):
    """Return an array in C order that may be written to: itself, or a copy."""
    if array.layout == "C" and array.mutable:
        return lambda array: array
    return lambda array: array.copy()
