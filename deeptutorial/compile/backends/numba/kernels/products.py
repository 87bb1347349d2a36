"""Matrix products of any size, made of tiles.

Operands are an array and the offset of its first element, because a view costs a dozen
instructions and these run for small blocks.
"""

from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.backends.numba.kernels.elementwise import REORDER
from deeptutorial.compile.backends.numba.kernels.tiles import (
    GATHER_VECTORS,
    MIDDLE_VECTORS,
    SKIP_ROWS,
    TILE_ROWS,
    TILE_SAMPLES,
    TILE_VECTORS,
    VECTOR_BYTES,
    copy_wide,
    dot_sample,
    dot_samples,
    finite,
    gather_edge,
    gather_narrow,
    gather_wide,
    multiply_tile,
    nonzero_bits,
    nonzero_bits_transposed,
    transpose,
)

__all__ = [
    "dot",
    "dots",
    "find_nonzeros",
    "gather",
    "is_finite",
    "multiply",
    "multiply_sparse",
    "pack",
]


def _product(most, chosen, skips):
    """Make a function for C[m, n] += sum over k of A[m, k] B[k, n]; with `fresh` it is a plain =.

    It is made of six kinds of tiles, of `most` rows or one; `chosen` tells their k. C and B have
    room for `room` columns, N or more; what is in those behind N is read and written, to no end.
    """
    wide, middle, edge, row_wide, row_middle, row_edge = (
        multiply_tile(rows, width, masked, skips)
        for rows in (most, 1)
        for width, masked in ((TILE_VECTORS, False), (MIDDLE_VECTORS, False), (2, True))
    )

    @inner
    def product(C, c0, ldc, M, A, a0, a_row, a_col, B, b0, ldb, ks, N, room, fresh):
        lanes = VECTOR_BYTES // C.itemsize
        n = 0
        while n < N:
            vectors, space = (N - n - 1) // lanes + 1, (room - n) // lanes
            is_wide = vectors >= TILE_VECTORS and space >= TILE_VECTORS
            is_middle = not is_wide and vectors > 2 and space >= MIDDLE_VECTORS
            b = b0 + n
            m = 0
            while m < M:
                c, a = c0 + m * ldc + n, a0 + m * a_row
                rows = most if m + most <= M else 1
                k = chosen(ks, m, rows)
                if rows > 1 and is_wide:
                    wide(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, 0, fresh)
                elif rows > 1 and is_middle:
                    middle(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, 0, fresh)
                elif rows > 1:
                    edge(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, N - n, fresh)
                elif is_wide:
                    row_wide(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, 0, fresh)
                elif is_middle:
                    row_middle(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, 0, fresh)
                else:
                    row_edge(C, c, ldc, A, a, a_row, a_col, B, b, ldb, k, N - n, fresh)
                m += rows
            n += lanes * (TILE_VECTORS if is_wide else MIDDLE_VECTORS if is_middle else 2)

    return product


@inner
def _all(depth, m, rows):
    return depth


@inner
def _some(bits, m, rows):
    found = bits[m]
    for i in range(1, rows):
        found |= bits[m + i]
    return found


# The one sums over k < depth, the other over the k whose bit is set for one of a tile's rows. Where
# B is finite, both have the same bits: what is left out are additions of 0 or -0 to a sum that
# began at 0, and they change neither another number nor a 0. (They would make a 0 of a -0, but a
# sum is -0 only where all that was added was so small that it was rounded to that.)
multiply = _product(TILE_ROWS, _all, skips=False)
multiply_sparse = _product(SKIP_ROWS, _some, skips=True)


@inner
def pack(P, ldp, B, b0, ldb, depth, N, transposed):
    """P[k, n] = B[k, n], or B[n, k] if `transposed`, for k < depth and n < N, a tile's width.

    P has room for whole vectors, both ways.
    """
    if not transposed:
        copy_wide(P, ldp, B, b0, ldb, depth, N)
        return
    lanes = VECTOR_BYTES // P.itemsize
    for n in range(0, N, lanes):
        for k in range(0, depth, lanes):
            transpose(P, k * ldp + n, ldp, B, b0 + n * ldb + k, ldb, N - n, depth - k)


@inner
def gather(C, c0, ldc, M, value, index, first, last, B, b0, ldb, N):
    """C[m, n] += sum over i in [first[m], last[m]) of value[i] B[index[i], n]."""
    lanes = VECTOR_BYTES // C.itemsize
    n = 0
    while n < N:
        left = N - n
        for m in range(M):
            i, j = first[m], last[m]
            if i < j:
                c = c0 + m * ldc + n
                if left >= GATHER_VECTORS * lanes:
                    gather_wide(C, c, value, index, i, j, B, b0 + n, ldb, 0)
                elif left > 2 * lanes:
                    gather_edge(C, c, value, index, i, j, B, b0 + n, ldb, left)
                else:
                    gather_narrow(C, c, value, index, i, j, B, b0 + n, ldb, left)
        n += GATHER_VECTORS * lanes if left > 2 * lanes else 2 * lanes


@inner
def dots(D, d0, ldd, A, a0, lda, M, B, b0, ldb, samples, depth):
    """D[c, m] = sum over j of A[m, j] B[c, j]; M is a multiple of four."""
    c = 0
    while c < samples:
        several = c + TILE_SAMPLES <= samples
        for m in range(0, M, TILE_ROWS):
            d = d0 + c * ldd + m
            if several:
                dot_samples(D, d, ldd, A, a0 + m * lda, lda, B, b0 + c * ldb, ldb, depth)
            else:
                dot_sample(D, d, ldd, A, a0 + m * lda, lda, B, b0 + c * ldb, ldb, depth)
        c += TILE_SAMPLES if several else 1


@inner(fastmath=REORDER, forceinline=True)
def dot(a, b):
    total = a.dtype.type(0)
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@inner
def is_finite(B, b0, ldb, depth, N):
    """Tell whether B[k, n] is finite, for k < depth and n < N."""
    lanes = VECTOR_BYTES // B.itemsize
    found = True
    for n in range(0, N, TILE_VECTORS * lanes):
        found &= finite(B, b0 + n, ldb, depth, N - n)
    return found


@inner
def find_nonzeros(A, a0, lda, M, depth, transposed, bits):
    """Set the bits of what is not zero in A[m, k], or in A[k, m], for k < depth <= 64.

    Behind M, `bits` has room for a vector.
    """
    lanes = VECTOR_BYTES // A.itemsize
    if transposed:
        for m in range(0, M, lanes):
            nonzero_bits_transposed(A, bits, a0 + m, lda, m, depth, M - m)
    else:
        for m in range(M):
            nonzero_bits(A, bits, a0 + m * lda, m, depth)
