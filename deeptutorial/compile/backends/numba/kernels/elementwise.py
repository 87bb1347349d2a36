"""Elementwise loops that LLVM vectorises.

One row each, on views that start at nought: in this form LLVM vectorises them.
"""

import math

import numpy as np
from numba import types
from numba.cpython.unsafe.numbers import viewer
from numba.extending import overload

from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.ops import draws

__all__ = [
    "FUSE",
    "REORDER",
    "add_to",
    "copy",
    "corrupt",
    "hidden_error",
    "reconstruct",
    "sigmoid",
    "splitmix",
    "threshold",
]

# Fused multiply-add is welcome everywhere. Sums are reordered only where a reduction needs it, and
# nowhere may the compiler assume that there are no NaNs: a diverged run has to show them.
# What may be fused or reordered is to be inlined (``forceinline``): where it stays a function of
# its own, the copy that was compiled alone and the one compiled into a kernel may round
# differently, and which of them a process takes depends on whether the kernel was in the cache.
FUSE = {"contract"}
REORDER = {"contract", "reassoc", "nsz"}
OPTIONS = {"fastmath": FUSE, "error_model": "numpy", "forceinline": True}

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # by which SplitMix64 counts


def exp(x):
    raise NotImplementedError


def log1p(e):
    raise NotImplementedError


@overload(exp, jit_options=OPTIONS)
def _overload_exp(x):
    """exp(x) for x <= 0, in float32 without a call, a table or a branch."""
    if x != types.float32:
        return lambda x: math.exp(x)

    f, i = np.float32, np.int32
    lowest, log2e, shift = f(-87), f(1.44269504), f(1.5 * 2**23)
    # ln 2 in two parts, the first of which has so few bits that n times it is exact
    ln2_high, ln2_low = f(0.693359375), f(-2.12194440e-4)
    c2, c3, c4 = f(5.0000001201e-1), f(1.6666665459e-1), f(4.1665795894e-2)
    c5, c6, c7 = f(8.3334519073e-3), f(1.3981999507e-3), f(1.9875691500e-4)  # Cephes, expf
    one, mantissa, bias = f(1), i(23), i(127 << 23)

    def exp(x):
        x = lowest if x < lowest else x  # in this form a NaN passes
        shifted = x * log2e + shift  # rounds to an integer, n, and leaves it in the lowest bits
        n = shifted - shift
        r = x - n * ln2_high - n * ln2_low
        p = ((((c7 * r + c6) * r + c5) * r + c4) * r + c3) * r + c2
        p = p * r * r + r + one
        return p * viewer(i((viewer(shifted, i) << mantissa) + bias), f)

    return exp


@overload(log1p, jit_options=OPTIONS)
def _overload_log1p(e):
    """log(1 + e) for 0 <= e <= 1: twice the series of artanh(e / (2 + e))."""
    if e != types.float32:
        return lambda e: math.log1p(e)

    f = np.float32
    two = f(2)
    # fitted at Chebyshev's points; largest relative error 4e-10
    c0, c1, c2, c3, c4 = f(0.33333334), f(0.19999853), f(0.14296179), f(0.10853288), f(0.11612164)

    def log1p(e):
        s = e / (two + e)
        t = s * s
        p = (((c4 * t + c3) * t + c2) * t + c1) * t + c0
        s += s
        return p * t * s + s

    return log1p


splitmix = inner(draws.splitmix)


@inner
def threshold(probability):
    """Return how many of 2^32 numbers have this probability."""
    return np.uint64(probability * 4294967296.0)


@inner(**OPTIONS)
def corrupt(x, seed, first, masked, out):
    """Copy x, entries set to zero with probability `masked`, and count what is not zero.

    The coin of x's first entry is the one numbered `first`.
    """
    limit = threshold(masked)
    seed += np.uint64(first) * GOLDEN
    zero, one = x.dtype.type(0), x.dtype.type(1)
    count = 0
    for i in range(len(x)):
        coin = one if splitmix(seed, np.uint64(i)) >> np.uint64(32) >= limit else zero
        kept = coin * x[i]  # 0 times what is not finite is NaN
        out[i] = kept
        count += kept != zero
    return count


@inner
def copy(x, out):
    """Copy x, and count what is not zero."""
    zero = x.dtype.type(0)
    count = 0
    for i in range(len(x)):
        out[i] = x[i]
        count += x[i] != zero
    return count


@inner(**OPTIONS)
def sigmoid(s, b, y):
    """Make y = sigmoid(s + b)."""
    one, zero = y.dtype.type(1), y.dtype.type(0)
    for j in range(len(b)):
        t = s[j] + b[j]
        e = exp(-abs(t))
        y[j] = (one if t >= zero else e) / (one + e)


@inner(fastmath=REORDER, error_model="numpy", forceinline=True)
def reconstruct(a, x, b, scale):
    """Make scale (sigmoid(a + b) - x) of a; return the cross-entropy, summed over these pixels."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    cost = zero
    for i in range(len(a)):
        t = a[i] + b[i]
        e = exp(-abs(t))
        z = (one if t >= zero else e) / (one + e)
        a[i] = scale * (z - x[i])
        cost += (t if t > zero else zero) + log1p(e) - x[i] * t
    return cost


@inner(fastmath=FUSE, forceinline=True)
def hidden_error(s, y, d, b):
    """Make d = s y (1 - y), and add it to the bias b."""
    one = y.dtype.type(1)
    for j in range(len(b)):
        d_j = s[j] * y[j] * (one - y[j])
        d[j] = d_j
        b[j] += d_j


@inner
def add_to(a, b):
    """Add b to a."""
    for i in range(len(a)):
        a[i] += b[i]


@inner
def count_nonzeros(a):
    count = np.int32(0)
    for i in range(len(a)):
        count += np.int32(a[i] != 0)
    return count
