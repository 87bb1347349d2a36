"""Matrix products of any size, made of tiles.

Operands are an array and the offset of its first element, because a view costs a dozen
instructions and these run for small blocks.
"""

from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.backends.numba.kernels.elementwise import REORDER
from deeptutorial.compile.backends.numba.kernels.tiles import (
    GATHER_VECTORS,
    SPARSE_VECTORS,
    TILE_ROWS,
    TILE_SAMPLES,
    TILE_VECTORS,
    VECTOR_BYTES,
    copy_wide,
    dot_sample,
    dot_samples,
    gather_edge,
    gather_narrow,
    gather_wide,
    multiply_edge,
    multiply_row_edge,
    multiply_row_wide,
    multiply_wide,
    nonzero_bits,
    nonzero_bits_transposed,
    sparse_edge,
    sparse_narrow,
    sparse_vector,
    sparse_wide,
    transpose,
)

__all__ = ["dot", "dots", "find_nonzeros", "gather", "multiply", "multiply_sparse", "pack"]


@inner
def multiply(C, c0, ldc, M, A, a0, a_row, a_col, B, b0, ldb, depth, N, fresh):
    """C[m, n] += sum over k of A[m, k] B[k, n]; with `fresh` it is a plain =."""
    lanes = VECTOR_BYTES // C.itemsize
    n = 0
    while n < N:
        wide = n + TILE_VECTORS * lanes <= N
        m = 0
        while m < M:
            c = c0 + m * ldc + n
            a = a0 + m * a_row
            if m + TILE_ROWS <= M:
                if wide:
                    multiply_wide(C, c, ldc, A, a, a_row, a_col, B, b0 + n, ldb, depth, 0, fresh)
                else:
                    multiply_edge(
                        C, c, ldc, A, a, a_row, a_col, B, b0 + n, ldb, depth, N - n, fresh
                    )
                m += TILE_ROWS
            else:
                if wide:
                    multiply_row_wide(
                        C, c, ldc, A, a, a_row, a_col, B, b0 + n, ldb, depth, 0, fresh
                    )
                else:
                    multiply_row_edge(
                        C, c, ldc, A, a, a_row, a_col, B, b0 + n, ldb, depth, N - n, fresh
                    )
                m += 1
        n += TILE_VECTORS * lanes if wide else 2 * lanes


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
def multiply_sparse(C, c0, ldc, M, A, a0, a_row, a_col, bits, last, B, b0, ldb, N, fresh):
    """C[m, n] += sum over k of A[m, k] B[k, n] for the k whose bit is set in bits[m].

    C's rows are padded to whole vectors, and what is read behind a row of B, the next row's
    beginning, ends up there. `last` is the bit of the row of B behind which there is nothing, or 0.
    """
    lanes = VECTOR_BYTES // C.itemsize
    n = 0
    while n < N:
        left = (N - n - 1) // lanes + 1
        for m in range(M):
            c, a = c0 + m * ldc + n, a0 + m * a_row
            k = bits[m] & ~last
            if k == 0 and fresh == 0:
                continue
            if left >= SPARSE_VECTORS:
                sparse_wide(C, c, A, a, a_col, k, B, b0 + n, ldb, 0, fresh)
            elif left >= 4:
                sparse_narrow(C, c, A, a, a_col, k, B, b0 + n, ldb, 0, fresh)
            else:
                sparse_vector(C, c, A, a, a_col, k, B, b0 + n, ldb, 0, fresh)
        n += (SPARSE_VECTORS if left >= SPARSE_VECTORS else 4 if left >= 4 else 1) * lanes
    for m in range(M):
        k = bits[m] & last
        if k != 0:
            for n in range(0, N, lanes):
                c, a = c0 + m * ldc + n, a0 + m * a_row
                sparse_edge(C, c, A, a, a_col, k, B, b0 + n, ldb, N - n, 0)


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
