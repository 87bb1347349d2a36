"""Matrix products, and what is done to each number of their results, for the Numba backend.

A training step is matrix products with elementwise work between them, and nearly all of its time
goes to reading and writing matrices that do not fit into a core's nearest caches. Four decisions
make it fast:

* **A tile of a product is finished while it is near.** As soon as a few rows and columns are
  multiplied, the elementwise graph behind the product (see `epilogue`) runs on them: its results
  are stored, its sums are added to, and the product itself is written nowhere.
* **The products are written here and not left to BLAS.** A minibatch is thin (20 rows): BLAS spends
  as long on packing the weights as on multiplying. Here they are read in place, through small tiles
  that are held in registers.
* **A thread keeps the same rows of a matrix of weights** in all products of a thin minibatch with
  it, so that they stay in that core's cache: in ``x W`` those rows' share of every sum, in
  ``y W.T`` their columns of the result, in ``x.T d`` their rows of it.
* **Zeros are skipped**, where the left factor has many and the right one is finite: those that two
  neighbouring rows share, with the same result (see `products`).

How the work is cut depends on shapes alone, and each number is made in one order: results do not
depend on how many threads there are, or on which does what.

Compiled code calls `_drive` by its address, with a plan (what is to be done) and a table (the
arrays).
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.np.numpy_support import from_dtype

from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.backends.numba.kernels.ahead import Kernel, compile_ahead
from deeptutorial.compile.backends.numba.kernels.blocks import keep_alive, pointer
from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.backends.numba.kernels.elementwise import add_to, count_nonzeros
from deeptutorial.compile.backends.numba.kernels.products import (
    dot,
    dots,
    find_nonzeros,
    is_finite,
    multiply,
    multiply_sparse,
    pack,
)
from deeptutorial.compile.backends.numba.kernels.tiles import (
    TILE_ROWS,
    TILE_VECTORS,
    VECTOR_BYTES,
)

__all__ = ["FIELDS", "KINDS", "ROLES", "WRONG_SHAPES", "announce", "kernels"]

# A product of A and B, as they are stored: A B, A B.T, A.T B.
NN, NT, TN = np.int64(0), np.int64(1), np.int64(2)  # literals would have all compiled anew
# What an input has numbers for: each place, each column, each row, or one for all.
FULL, ROW, COLUMN, SCALAR = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
KINDS = {"nn": NN, "nt": NT, "tn": TN}
ROLES = {"full": FULL, "row": ROW, "column": COLUMN, "scalar": SCALAR}

FIELDS = 5  # of an array in the table: address, rows, columns, bytes between rows, and columns
_ADDRESS, _ROWS, _COLUMNS, _ROW_STEP, _COLUMN_STEP = range(FIELDS)

WRONG_SHAPES = "the shapes of the matrices of a product, or of what is added to it, do not fit"

PANEL = 112  # rows of a factor whose slice of a tile's width fits the first-level cache
BITS = np.int64(64)  # of a number that tells what is not zero in so many columns
WIDE = 128  # columns from which on it pays to look for zeros
WIDTH = np.int64(TILE_VECTORS * VECTOR_BYTES)  # bytes in a row of a tile
PACK = PANEL * WIDTH  # bytes of that slice
THIN = 64  # rows of a minibatch up to which a product is cut along its sums
TALL = 128  # most rows of a tile
DEEP = 64  # length of the sums from which on it pays to pack a factor, if there are many rows
PIECES = 4  # in so many
SMALL = 50_000  # multiplications of some ten microseconds, over before two threads have met
ZERO, ONE, UNKNOWN = np.int64(0), np.int64(1), np.int64(-1)

# The plan, as 64-bit integers: what follows its head are the products' kinds and the places of
# their results among the epilogue's inputs, the inputs' roles, and the sums' axes.
(_EPILOGUE, _N_PRODUCTS, _N_RESULTS, _N_INPUTS, _N_STORED, _N_SUMS, _HEAD) = range(7)


# What the phases are told.
(_M, _N, _THREADS, _TILE_M, _TILE_N, _COLUMNS_FIRST, _TILES_BESIDE, _UNIT, _PIECES, _PARTIAL,
 _SCRATCH, _POINTERS, _OPERANDS, _PLAN, _TABLE, _BITS, _PACKED, _SIZE) = range(18)  # fmt: skip
# An operand of the epilogue: the address of its first number, the bytes from one tile to the tile
# below and to the one beside, and those from one row and from one column to the next.
_FIRST, _DOWN, _BESIDE, _STEP, _ACROSS, _OPERAND = range(6)


@inner
def _shape(kind, a, b):
    """Rows, columns and the length of the sums of a product; the last is -1 if they differ."""
    m, k = (a[_COLUMNS], a[_ROWS]) if kind == TN else (a[_ROWS], a[_COLUMNS])
    n, l = (b[_ROWS], b[_COLUMNS]) if kind == NT else (b[_COLUMNS], b[_ROWS])  # noqa: E741
    return m, n, k if k == l else UNKNOWN


@inner
def _put_product(kind, a, b, r, rows, c, columns, first, last, C, ldc, fresh, bits, packed, like):
    """Add a tile of a product to C: rows from r, columns from c, sums from first to last.

    With `fresh`, or for a product with B.T, what was in C does not count. `bits` is where it is
    written down what is not zero in A, 0 if that is not known; `packed` is where B is copied to,
    piece by piece, 0 if it is read where it lies.
    """
    size = C.itemsize
    A = carray(pointer(a[_ADDRESS], like), 1)
    B = carray(pointer(b[_ADDRESS], like), 1)
    lda, ldb = a[_ROW_STEP] // size, b[_ROW_STEP] // size
    if kind == NT and packed == 0:
        whole = columns // TILE_ROWS * TILE_ROWS
        a0, b0 = r * lda + first, c * ldb + first
        dots(C, ZERO, ldc, B, b0, ldb, whole, A, a0, lda, rows, last - first)
        for q in range(whole, columns):
            w = _vector(b[_ADDRESS] + ((c + q) * ldb + first) * size, last - first, like)
            for k in range(rows):
                y = _vector(a[_ADDRESS] + ((r + k) * lda + first) * size, last - first, like)
                C[k * ldc + q] = dot(w, y)
        return
    if first == last:
        for k in range(rows if fresh != 0 else ZERO):
            _vector(C.ctypes.data + k * ldc * size, columns, like)[:] = 0
        return
    M, _, _ = _shape(kind, a, b)
    a_row, a_column = (ONE, lda) if kind == TN else (lda, ONE)
    length = last - first - 1
    step = BITS if bits != 0 else length // (length // PANEL + 1) + 1
    for k in range(first, last, step):
        depth = min(step, last - k)
        a0 = k * lda + r if kind == TN else r * lda + k
        factor, f0, ldf, room = B, c * ldb + k if kind == NT else k * ldb + c, ldb, columns
        # Where B is not finite, 0 times it is not 0.
        if bits != 0 and is_finite(B, f0, ldb, depth, columns):
            chosen = carray(pointer(bits + k // BITS * _bits_bytes(M) + r * 8, 1), 1)
            multiply_sparse(
                C, ZERO, ldc, rows, A, a0, a_row, a_column, B, f0, ldb, chosen, columns, columns,
                fresh,
            )  # fmt: skip
        else:
            if packed != 0:
                factor = carray(pointer(packed, like), 1)
                pack(factor, WIDTH // size, B, f0, ldb, depth, columns, kind == NT)
                f0, ldf, room = ZERO, WIDTH // size, min(ldc, WIDTH // size)
            multiply(
                C, ZERO, ldc, rows, A, a0, a_row, a_column, factor, f0, ldf, depth, columns, room,
                fresh,
            )  # fmt: skip
        fresh = ZERO


@inner
def _vector(address, n, like):
    return carray(pointer(address, like), n)


@inner
def _is_sparse(a, like):
    """Tell by some of its rows whether a factor has so many zeros that it pays to skip them."""
    count, n = 0, 0
    for i in range(0, a[_ROWS], 1 + a[_ROWS] // 64):
        count += count_nonzeros(_vector(a[_ADDRESS] + i * a[_ROW_STEP], a[_COLUMNS], like))
        n += a[_COLUMNS]
    return count * 10 < n * 4


@inner
def _bits_bytes(M):
    """Bytes of the numbers, one for each of M rows, that tell what is not zero in BITS columns."""
    return _line((M + VECTOR_BYTES) * 8)


@inner
def _find_nonzeros(kinds, table, bits, address, like):
    """Write down what is not zero in each factor for which `bits` has a number of bytes.

    In place of that number it then has the address. Every column of tiles needs them, so this is
    done before any is made.
    """
    for p in range(len(kinds)):
        if bits[p] == 0:
            continue
        n_bytes, bits[p] = bits[p], address
        a = table[2 * p]
        A, lda = carray(pointer(a[_ADDRESS], like), 1), a[_ROW_STEP] // table_itemsize(like)
        M, _, K = _shape(kinds[p], a, table[2 * p + 1])
        for k in range(0, K, BITS):
            block = carray(pointer(address + k // BITS * _bits_bytes(M), 1), 1)
            a0 = k * lda if kinds[p] == TN else k
            find_nonzeros(A, a0, lda, M, min(BITS, K - k), kinds[p] == TN, block)
        address += n_bytes


def _make_pieces(t, task, like):
    """Cut along its sums: each piece of a product, whole, for this thread's pieces and columns."""
    task = carray(task, _SIZE)
    M, N, T, pieces = task[_M], task[_N], task[_THREADS], task[_PIECES]
    table = carray(pointer(task[_TABLE], 1), (2, FIELDS))
    size = table_itemsize(like)
    width = WIDTH // size
    ldc = _line(N * size) // size
    slices = (T - 1) // pieces + 1  # of the columns, where there are more threads than pieces
    tiles = (N - 1) // width + 1
    _, _, K = _shape(NN, table[0], table[1])
    blocks = (K - 1) // BITS + 1
    bits = carray(pointer(task[_BITS], 1), 1)[0]
    for item in range(pieces * slices * t // T, pieces * slices * (t + 1) // T):
        piece, part = item // slices, item % slices
        c, stop = tiles * part // slices * width, min(N, tiles * (part + 1) // slices * width)
        if c >= stop:
            continue
        first = blocks * piece // pieces * BITS
        last = min(K, blocks * (piece + 1) // pieces * BITS)
        C = _vector(task[_PARTIAL] + (piece * M * ldc + c) * size, ONE, like)
        _put_product(
            NN, table[0], table[1], ZERO, M, c, stop - c, first, last, C, ldc, ONE, bits, ZERO,
            like,
        )  # fmt: skip


@inner
def table_itemsize(like):
    return carray(like, 1).itemsize


def _finish(t, task, like):
    """Make this thread's tiles of the products, and run the epilogue on them."""
    task = carray(task, _SIZE)
    M, N, T, tile_m, tile_n = task[_M], task[_N], task[_THREADS], task[_TILE_M], task[_TILE_N]
    plan = carray(pointer(task[_PLAN], 1), _HEAD)
    n_results = plan[_N_RESULTS]
    n_operands = plan[_N_INPUTS] + plan[_N_STORED] + plan[_N_SUMS]
    operands = carray(pointer(task[_OPERANDS], 1), (n_operands, _OPERAND))
    pointers = carray(
        pointer(task[_POINTERS] + t * _line((n_results + n_operands) * 16), 1),
        (n_results + n_operands, 2),
    )
    size = table_itemsize(like)
    tile_bytes = _line(tile_m * tile_n * size)
    scratch = task[_SCRATCH] + t * n_results * tile_bytes
    down, beside, unit = (M - 1) // tile_m + 1, task[_TILES_BESIDE], task[_UNIT]
    units = (N - 1) // unit + 1
    for k in range(n_results):
        pointers[k, 0], pointers[k, 1] = scratch + k * tile_bytes, tile_n * size
    for k in range(n_operands):
        pointers[n_results + k, 1] = operands[k, _STEP]
    packed = task[_PACKED] + t * PACK if task[_PACKED] != 0 else ZERO

    for tile in range(down * beside * t // T, down * beside * (t + 1) // T):
        if task[_COLUMNS_FIRST]:
            i, j = tile % down, tile // down
        else:
            i, j = tile // beside, tile % beside
        r, c = i * tile_m, units * j // beside * unit
        rows, columns = min(tile_m, M - r), min(units * (j + 1) // beside * unit, N) - c
        if task[_PIECES] > 0:  # tiles are whole rows here
            whole = _vector(task[_PARTIAL] + r * tile_n * size, rows * tile_n, like)
            for piece in range(1, task[_PIECES]):
                address = task[_PARTIAL] + (piece * M + r) * tile_n * size
                add_to(whole, _vector(address, rows * tile_n, like))
            pointers[0, 0] = whole.ctypes.data
        else:
            _put_products(task, r, rows, c, columns, scratch, tile_bytes, packed, like)
        for k in range(n_operands):
            o = operands[k]
            pointers[n_results + k, 0] = o[_FIRST] + i * o[_DOWN] + j * o[_BESIDE] + c * o[_ACROSS]
        threads.call_at(plan[_EPILOGUE], (rows, columns, pointers.ctypes.data))


@inner
def _put_products(task, r, rows, c, columns, scratch, tile_bytes, packed, like):
    """Make a tile of each result."""
    plan = carray(pointer(task[_PLAN], 1), _HEAD)
    n_products = plan[_N_PRODUCTS]
    products = carray(pointer(task[_PLAN] + _HEAD * 8, 1), (2, n_products))
    table = carray(pointer(task[_TABLE], 1), (2 * n_products, FIELDS))
    bits = carray(pointer(task[_BITS], 1), n_products)
    begun = ZERO  # the bits of the results that have a product in them
    for p in range(n_products):
        a, b, kind, result = table[2 * p], table[2 * p + 1], products[0, p], products[1, p]
        _, _, K = _shape(kind, a, b)
        C = _vector(scratch + result * tile_bytes, ONE, like)
        fresh = ONE - ((begun >> result) & ONE)
        begun |= ONE << result
        _put_product(
            kind, a, b, r, rows, c, columns, ZERO, K, C, task[_TILE_N], fresh, bits[p], packed, like
        )


@inner
def _line(n):
    return (n + threads.LINE - 1) // threads.LINE * threads.LINE


@inner
def _shape_of_all(plan, kinds, roles, table):
    """Return (M, N, multiplications), M is UNKNOWN if shapes do not fit together."""
    M, N, work = UNKNOWN, UNKNOWN, ZERO
    for p in range(len(kinds)):
        m, n, k = _shape(kinds[p], table[2 * p], table[2 * p + 1])
        if k < 0 or (p > 0 and (m != M or n != N)):
            return UNKNOWN, N, work
        M, N = m, n
        work += m * n * k
    arrays = table[2 * len(kinds) :]
    if M < 0:  # no product
        for k in range(len(roles)):  # a column and a row can make a matrix too
            if roles[k] in (FULL, COLUMN):
                M = arrays[k][_ROWS]
            if roles[k] in (FULL, ROW):
                N = arrays[k][_COLUMNS]
    for k in range(len(roles) + plan[_N_STORED]):
        a, role = arrays[k], roles[k] if k < len(roles) else FULL
        if (role in (FULL, COLUMN) and a[_ROWS] != M) or (role in (FULL, ROW) and a[_COLUMNS] != N):
            return UNKNOWN, N, work
    return M, N, work + M * N * 8


@inner
def _is_packed(kinds, M, table):
    """Tell whether there are so many rows that a copy of a factor is soon paid for."""
    packed = len(kinds) > 0 and M > THIN
    for p in range(len(kinds)):
        _, _, K = _shape(kinds[p], table[2 * p], table[2 * p + 1])
        packed &= K >= DEEP
    return packed


@inner
def _tiles(kinds, in_pieces, is_packed, M, N, size):
    """Choose rows and columns of a tile, and whether tiles are gone through by columns first."""
    if in_pieces:
        return np.int64(2), N, False
    if is_packed:
        # Tall tiles copy less, but of a narrow product there would be too few for all threads.
        down = (M - 1) // (TALL if N * size > 8 * WIDTH else THIN) + 1
        rows = ((M - 1) // down // TILE_ROWS + 1) * TILE_ROWS
        return rows, WIDTH // size, True
    if len(kinds) == 0:
        return np.int64(16), np.int64(512), False
    by_columns = True
    for kind in kinds:
        by_columns &= kind == NT
    if by_columns:
        return np.int64(TALL), np.int64(VECTOR_BYTES // size), True
    return np.int64(32), 2 * WIDTH // size, False


@inner
def _parts_of_sum(axis, M, N, down, beside, size):
    """How the parts of a sum lie, one a tile: bytes in all, down, beside, and to the next row."""
    if axis == 0:  # of each column, for each row of tiles
        return down * N * size, N * size, ZERO, ZERO
    if axis == 1:  # of each row, for each column of tiles
        return beside * M * 8, UNKNOWN, M * 8, np.int64(8)
    return down * beside * 8, beside * 8, np.int64(8), ZERO


@inner
def _place_operands(task, operands, roles, axes, arrays, down, beside, sums, size):
    """Tell where each operand of the epilogue begins, and how far it is to the next tile."""
    M, N, tile_m = task[_M], task[_N], task[_TILE_M]
    n = len(operands) - len(axes)
    for k in range(n):
        a, o, role = arrays[k], operands[k], roles[k] if k < len(roles) else FULL
        o[_FIRST] = a[_ADDRESS]
        o[_STEP] = a[_ROW_STEP] if role in (FULL, COLUMN) else ZERO
        o[_DOWN] = o[_STEP] * tile_m
        o[_BESIDE], o[_ACROSS] = ZERO, a[_COLUMN_STEP] if role in (FULL, ROW) else ZERO
    for s in range(len(axes)):
        o = operands[n + s]
        n_bytes, o[_DOWN], o[_BESIDE], o[_STEP] = _parts_of_sum(axes[s], M, N, down, beside, size)
        o[_ACROSS] = size if axes[s] == 0 else ZERO
        if axes[s] == 1:
            o[_DOWN] = tile_m * 8
        o[_FIRST] = sums
        carray(pointer(sums, np.uint8(1)), n_bytes)[:] = 0
        sums += _line(n_bytes)


def _drive(plan_address, table_address, like):
    """Do what the plan says, and return 0; or 1, and do nothing, if shapes do not fit."""
    plan = carray(pointer(plan_address, 1), _HEAD)
    n_products, n_results, n_inputs = plan[_N_PRODUCTS], plan[_N_RESULTS], plan[_N_INPUTS]
    n_stored, n_sums = plan[_N_STORED], plan[_N_SUMS]
    rest = carray(pointer(plan_address + _HEAD * 8, 1), 2 * n_products + n_inputs + n_sums)
    kinds = rest[:n_products]
    roles, axes = rest[2 * n_products : 2 * n_products + n_inputs], rest[len(rest) - n_sums :]
    table = carray(
        pointer(table_address, 1), (2 * n_products + n_inputs + n_stored + n_sums, FIELDS)
    )
    size = table_itemsize(like)
    M, N, work = _shape_of_all(plan, kinds, roles, table)
    if M < 0:
        return 1

    in_pieces = n_products == 1 and kinds[0] == NN and M <= THIN and table[0][_COLUMNS] >= 192
    pieces = PIECES if in_pieces else 0
    is_packed = _is_packed(kinds, M, table)
    bits = np.zeros(n_products, np.int64)
    for p in range(n_products):
        if kinds[p] != NT and N >= WIDE and _is_sparse(table[2 * p], like):
            _, _, K = _shape(kinds[p], table[2 * p], table[2 * p + 1])
            bits[p] = ((K - 1) // BITS + 1) * _bits_bytes(M)
    tile_m, tile_n, columns_first = _tiles(kinds, in_pieces, is_packed, M, N, size)
    tile_m, tile_n = min(tile_m, max(M, 1)), min(tile_n, max(N, 1))
    tile_n = _line(tile_n * size) // size
    down = (M - 1) // tile_m + 1
    beside = (N - 1) // (WIDTH // size if is_packed else tile_n) + 1
    if is_packed and beside > 1:  # as many for each of two threads, and all of much the same width
        beside += beside % 2
    if M == 0 or N == 0:
        down = beside = 0
    T = threads.thread_count() if work >= SMALL else 1
    T = max(1, min(T, max(down * beside, pieces)))

    n_operands = n_inputs + n_stored + n_sums
    sums_bytes = ZERO
    for axis in axes:
        sums_bytes += _line(_parts_of_sum(axis, M, N, down, beside, size)[0])
    # One allocation, cut up by hand: every part starts on a cache line of its own.
    sizes = (
        _line(_SIZE * 8),
        _line(n_operands * _OPERAND * 8),
        T * _line((n_results + n_operands) * 16),
        sums_bytes,
        T * n_results * _line(tile_m * tile_n * size),
        _line(pieces * M * tile_n * size),
        bits.sum(),
        T * PACK if is_packed else ZERO,
    )
    total: Any = threads.LINE
    for n in sizes:
        total += n
    memory = np.empty(total, np.uint8)
    address = _line(memory.ctypes.data)
    task = carray(pointer(address, 1), _SIZE)
    task[_M], task[_N], task[_THREADS], task[_PIECES] = M, N, T, pieces
    task[_TILE_M], task[_TILE_N], task[_COLUMNS_FIRST] = tile_m, tile_n, columns_first
    task[_TILES_BESIDE], task[_UNIT] = beside, VECTOR_BYTES // size if is_packed else tile_n
    task[_PLAN], task[_TABLE] = plan_address, table_address
    task[_OPERANDS] = address + sizes[0]
    task[_POINTERS] = task[_OPERANDS] + sizes[1]
    sums = task[_POINTERS] + sizes[2]
    task[_SCRATCH] = sums + sizes[3]
    task[_PARTIAL] = task[_SCRATCH] + sizes[4]
    task[_BITS] = bits.ctypes.data
    _find_nonzeros(kinds, table, bits, task[_PARTIAL] + sizes[5], like)
    task[_PACKED] = task[_PARTIAL] + sizes[5] + sizes[6] if is_packed else ZERO
    operands = carray(pointer(task[_OPERANDS], 1), (n_operands, _OPERAND))
    arrays = table[2 * n_products :]
    _place_operands(task, operands, roles, axes, arrays, down, beside, sums, size)

    if down > 0:
        helped = threads.begin(T)
        if pieces > 0:
            threads.together(threads.address("_make_pieces", like), T, address, helped)
        threads.together(threads.address("_finish", like), T, address, helped)
        threads.end(helped)
    for s in range(n_sums):
        out, parts = arrays[n_inputs + n_stored + s], operands[n_inputs + n_stored + s][_FIRST]
        _add_up(axes[s], out, parts, M, N, down, beside, like)
    keep_alive(memory, bits)
    return 0


@inner
def _add_up(axis, out, parts, M, N, down, beside, like):
    """Add up the sums over tiles, in one order."""
    size = table_itemsize(like)
    if axis == 0:
        total = _vector(out[_ADDRESS], N, like)
        total[:] = 0
        for i in range(down):
            add_to(total, _vector(parts + i * N * size, N, like))
        return
    rows, tiles = (M, beside) if axis == 1 else (ONE, down * beside)
    part = carray(pointer(parts, 1.0), (tiles, rows))
    for i in range(rows):
        total = 0.0
        for j in range(tiles):
            total += part[j, i]
        _vector(out[_ADDRESS] + i * size, ONE, like)[0] = total


def kernels(dtype: str) -> list[Kernel]:
    """Return what is to be compiled for a float type."""
    like = types.CPointer(from_dtype(np.dtype(dtype)))
    phase = types.void(types.int64, types.CPointer(types.int64), like)
    drive = types.int64(types.int64, types.int64, like)
    return [Kernel(_make_pieces, phase), Kernel(_finish, phase), Kernel(_drive, drive)]


def announce(dtype: str) -> None:
    """Let compiled code find what plans are run by, once it is put in place.

    `_drive` is called as ``int64(int64 *plan, int64 *table, anything)``.
    """
    compile_ahead(["fused_products"], dtype)
    for kernel in kernels(dtype):
        threads.publish(kernel, dtype)
