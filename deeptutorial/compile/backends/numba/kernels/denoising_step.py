"""One training step of a dA with tied weights, for the Numba backend.

The arithmetic of a step is five matrix products, and nearly all of its time is spent on W, which is
too large to be read from memory as often as that. Three decisions make the step fast:

* **Each thread owns a block of W's rows for the whole step.** Rows are pixels. A thread adds its
  pixels' share to every hidden unit (encode), computes its pixels' reconstruction (decode), sends
  their error back (again a share of every hidden unit) and updates its rows. Its part of W then
  stays in its own cache; a product that splits W by columns in one place and by rows in the next
  moves it between cores. Only arrays of the size of the hidden layer are summed over threads.
* **The products are written here and not left to BLAS.** A minibatch is thin (20 rows): BLAS spends
  as long on packing W as on multiplying. Here W is read in place, through small tiles that are held
  in registers.
* **Zeros are skipped.** Most pixels of a digit are black, and corruption blackens more. Where few
  pixels are left, the two products that have the corrupted input as a factor visit those only.

`step` is called from compiled code. It finds the phases below by address, announced and put in
place before: a caller is then compiled without compiling them again.
"""

import numpy as np
from numba import carray, types
from numba.np.numpy_support import from_dtype

from deeptutorial.compile.backends.numba.kernels import threads
from deeptutorial.compile.backends.numba.kernels.ahead import Kernel, compile_ahead
from deeptutorial.compile.backends.numba.kernels.blocks import keep_alive, pointer, rows_of
from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.backends.numba.kernels.elementwise import (
    add_to,
    copy,
    corrupt,
    hidden_error,
    reconstruct,
    sigmoid,
)
from deeptutorial.compile.backends.numba.kernels.products import dot, dots, gather, multiply
from deeptutorial.compile.backends.numba.kernels.tiles import TILE_ROWS

__all__ = ["announce", "kernels", "step"]

LINE = threads.LINE

# Arrays that the phases share. `visible` holds the error of the reconstruction above the corrupted
# input (2 B rows) and `hidden` the code y above its error (2 B rows): the gradient of W is then
# visible.T @ hidden, one product. Their rows, and those of the threads' `partial` sums over the
# hidden layer, are padded to whole cache lines.
WRONG_PARAMETERS = (
    "the shapes of W, b and b_prime do not fit x: expected (n_visible, n_hidden), (n_hidden,) and "
    "(n_visible,), where x has (n, n_visible)"
)
WRONG_INPUT = "the corrupted input, or its noise, does not have the shape of x"

MOST_ROWS = 320  # examples at a time: with more, what lies between two phases leaves the cache
CHUNK = 200  # the most of a piece, if there are several
PANEL = 96  # rows of W, or samples, whose slice of a tile's width fits the first-level cache
ZERO, ONE = np.int64(0), np.int64(1)  # as literals they would have the products compiled anew


# What the phases are told: sizes, then addresses, as 64-bit integers.
(_B, _V, _H, _VP, _HP, _THREADS, _FIRST, _SEED, _LISTED, _X, _TILDE_X, _W, _BHID, _BVIS,
 _NEW_W, _NEW_BHID, _NEW_BVIS, _REALS, _COST, _DENSE, _VISIBLE, _HIDDEN, _PARTIAL, _VALUE,
 _INDEX, _BOUNDS, _SIZE) = range(27)  # fmt: skip


def _encode(t, task, like):
    """Corrupt this thread's pixels; add their share of x~ W to its partial sums."""
    task = carray(task, _SIZE)
    B, V, H, Vp, Hp, T = task[_B], task[_V], task[_H], task[_VP], task[_HP], task[_THREADS]
    x = carray(pointer(task[_X], like), (B, V))
    W = carray(pointer(task[_W], like), (V, H))
    visible = carray(pointer(task[_VISIBLE], like), (2 * B, Vp))
    partial = carray(pointer(task[_PARTIAL], like), (T, B, Hp))[t]
    dense = carray(pointer(task[_DENSE], 1), T)
    listed = task[_LISTED]
    value = carray(pointer(task[_VALUE], like), (T, listed))[t]
    index = carray(pointer(task[_INDEX], np.int32(0)), (T, listed))[t]
    bounds = carray(pointer(task[_BOUNDS], 1), (T, 2, listed // PANEL))[t]
    first, last = bounds[0], bounds[1]
    start, stop = rows_of(t, T, V)

    masked = carray(pointer(task[_REALS], 1.0), 2)[1]
    count = 0
    for k in range(B):
        tilde_x = visible[B + k, start:stop]
        if task[_TILDE_X] != 0:
            given = carray(pointer(task[_TILDE_X], like), (B, V))
            count += copy(given[k, start:stop], tilde_x)
        else:
            coin = (task[_FIRST] + k) * V + start + 1
            count += corrupt(x[k, start:stop], np.uint64(task[_SEED]), coin, masked, tilde_x)
    # A gathered row costs as much as two and a half in a tile, and more where it is short.
    dense[t] = count * 10 > B * (stop - start) * 4 or H < 64
    partial[:] = 0
    for r in range(start, stop, PANEL):
        rows = min(PANEL, stop - r)
        if dense[t]:
            multiply(
                partial, ZERO, Hp, B, visible, B * Vp + r, Vp, ONE, W, r * H, H, rows, H, H, ZERO
            )
            continue
        n = 0
        for k in range(B):
            pixels = visible[B + k, r : r + rows]
            first[k] = n
            for q in range(rows):
                index[n] = q
                value[n] = pixels[q]
                n += pixels[q] != 0
            last[k] = n
        gather(partial, ZERO, Hp, B, value, index, first, last, W, r * H, H, H)


def _decode(t, task, like):
    """Reconstruct this thread's pixels and send the error back, to its partial sums."""
    task = carray(task, _SIZE)
    B, V, H, Vp, Hp, T = task[_B], task[_V], task[_H], task[_VP], task[_HP], task[_THREADS]
    x = carray(pointer(task[_X], like), (B, V))
    W = carray(pointer(task[_W], like), (V, H))
    b_prime = carray(pointer(task[_BVIS], like), V)
    visible = carray(pointer(task[_VISIBLE], like), (2 * B, Vp))
    hidden = carray(pointer(task[_HIDDEN], like), (2 * B, Hp))
    partial = carray(pointer(task[_PARTIAL], like), (T, B, Hp))[t]
    cost = carray(pointer(task[_COST], like), (T, B))[t]
    start, stop = rows_of(t, T, V)

    scale = W.dtype.type(-carray(pointer(task[_REALS], 1.0), 2)[0])
    partial[:] = 0
    cost[:] = 0
    for r in range(start, stop, PANEL):
        end = min(r + PANEL, stop)
        whole = (end - r) // TILE_ROWS * TILE_ROWS
        dots(visible, r, Vp, W, r * H, H, whole, hidden, ZERO, Hp, B, H)
        for k in range(B):
            for q in range(r + whole, end):
                visible[k, q] = dot(W[q], hidden[k, :H])
            cost[k] += reconstruct(visible[k, r:end], x[k, r:end], b_prime[r:end], scale)
        multiply(partial, ZERO, Hp, B, visible, r, Vp, ONE, W, r * H, H, end - r, H, H, ZERO)
    new_b_prime = carray(pointer(task[_NEW_BVIS], like), V)
    for k in range(B):
        add_to(new_b_prime[start:stop], visible[k, start:stop])


def _update(t, task, like):
    """Add visible.T @ hidden to this thread's rows of the new W."""
    task = carray(task, _SIZE)
    B, V, H, Vp, Hp, T = task[_B], task[_V], task[_H], task[_VP], task[_HP], task[_THREADS]
    new_W = carray(pointer(task[_NEW_W], like), (V, H))
    visible = carray(pointer(task[_VISIBLE], like), (2 * B, Vp))
    hidden = carray(pointer(task[_HIDDEN], like), (2 * B, Hp))
    listed = task[_LISTED]
    value = carray(pointer(task[_VALUE], like), (T, listed))[t]
    index = carray(pointer(task[_INDEX], np.int32(0)), (T, listed))[t]
    bounds = carray(pointer(task[_BOUNDS], 1), (T, 2, listed // PANEL))[t]
    first, last = bounds[0], bounds[1]
    start, stop = rows_of(t, T, V)

    dense = carray(pointer(task[_DENSE], 1), T)[t]
    depth = 2 * B if dense else B
    for r in range(start, stop, 16):
        rows = min(16, stop - r)
        for k in range(0, depth, PANEL):
            a = k * Vp + r
            panel = min(PANEL, depth - k)
            multiply(
                new_W, r * H, H, rows, visible, a, ONE, Vp, hidden, k * Hp, Hp, panel, H, H, ZERO
            )
        if dense:
            continue
        for k in range(0, B, PANEL):
            for q in range(rows):
                first[q] = last[q] = q * PANEL
            for s in range(min(PANEL, B - k)):
                pixels = visible[B + k + s, r : r + rows]
                for q in range(rows):
                    n = last[q]
                    index[n] = s
                    value[n] = pixels[q]
                    last[q] = n + (pixels[q] != 0)
            gather(new_W, r * H, H, rows, value, index, first, last, hidden, (B + k) * Hp, Hp, H)


def _code(t, task, like):
    """Make the code of what all threads have encoded, for a share of the hidden units."""
    task = carray(task, _SIZE)
    B, H, T = task[_B], task[_H], task[_THREADS]
    b = carray(pointer(task[_BHID], like), H)
    hidden = carray(pointer(task[_HIDDEN], like), (2 * B, task[_HP]))
    start, stop = _units(t, task, hidden.itemsize)
    for k in range(B):
        sigmoid(_total(k, start, stop, task, like), b[start:stop], hidden[k, start:stop])
        if t == T - 1:
            hidden[k, H:] = 0  # decoding reads whole vectors


def _code_error(t, task, like):
    """Make the error of the code of what all threads have sent back, and update its bias."""
    task = carray(task, _SIZE)
    B = task[_B]
    new_b = carray(pointer(task[_NEW_BHID], like), task[_H])
    hidden = carray(pointer(task[_HIDDEN], like), (2 * B, task[_HP]))
    start, stop = _units(t, task, hidden.itemsize)
    for k in range(B):
        total = _total(k, start, stop, task, like)
        y, error = hidden[k, start:stop], hidden[B + k, start:stop]
        hidden_error(total, y, error, new_b[start:stop])


@inner
def _units(t, task, itemsize):
    """The hidden units that thread t makes: whole cache lines."""
    units = LINE // itemsize
    lines, T = task[_HP] // units, task[_THREADS]
    return lines * t // T * units, min(task[_H], lines * (t + 1) // T * units)


@inner
def _total(k, start, stop, task, like):
    """Sum all threads' partial sums of an example."""
    T = task[_THREADS]
    partial = carray(pointer(task[_PARTIAL], like), (T, task[_B], task[_HP]))
    total = partial[0, k, start:stop]
    for u in range(1, T):
        add_to(total, partial[u, k, start:stop])
    return total


@inner
def _phases(T, task, W):
    helped = threads.begin(T if threads.thread_count() > 1 else 1)
    threads.together(threads.address("_encode", W), T, task, helped)
    threads.together(threads.address("_code", W), T, task, helped)
    threads.together(threads.address("_decode", W), T, task, helped)
    threads.together(threads.address("_code_error", W), T, task, helped)
    threads.together(threads.address("_update", W), T, task, helped)
    threads.end(helped)


def kernels(dtype: str) -> list[Kernel]:
    """Return what is to be compiled for a float type: the phases."""
    like = types.CPointer(from_dtype(np.dtype(dtype)))
    signature = types.void(types.int64, types.CPointer(types.int64), like)
    phases = (_encode, _code, _decode, _code_error, _update)
    return [Kernel(phase, signature) for phase in phases]


def announce(dtype: str) -> None:
    """Let `step` find the phases for a float type, once they are put in place."""
    compile_ahead(["denoising_step"], dtype)
    for kernel in kernels(dtype):
        threads.publish(kernel, dtype)


@inner(error_model="numpy")
def step(x, tilde_x, is_given, seed, masked, step_size, W, b, b_prime):
    """Make one training step, in place, and return the cost of each example before it.

    Parameters
    ----------
    x : array, (B, n_visible)
        The minibatch. All arrays are C-contiguous and of one type, float32 or float64.
    tilde_x : array, (B, n_visible)
        The corrupted minibatch, if it `is_given`; otherwise it is made of x.
    is_given : bool
    seed : uint64
        Of the noise, a new one for each step.
    masked : float
        The probability of a pixel to be set to zero.
    step_size : float
        What the gradient of the summed costs is multiplied with.
    W, b, b_prime : array, (n_visible, n_hidden), (n_hidden,), (n_visible,)
        Updated in place.

    Returns
    -------
    array, (B,)

    Raises
    ------
    ValueError
        If the shapes do not fit together. Nothing is written then.
    """
    B, V = x.shape
    H = W.shape[1]
    size = W.itemsize
    # What follows works on addresses, and would not notice.
    if W.shape[0] != V or b.shape[0] != H or b_prime.shape[0] != V:
        raise ValueError(WRONG_PARAMETERS)
    if tilde_x.shape != x.shape:
        raise ValueError(WRONG_INPUT)
    # Small steps, of some ten microseconds, are over before five meetings of threads are.
    T = threads.block_count() if B * V * H >= 50_000 else 1
    T = max(1, min(T, V // 16))
    units = LINE // size
    Hp = (H + units - 1) // units * units
    Vp = (V + units - 1) // units * units
    rows = max(1, B if B <= MOST_ROWS else (B - 1) // ((B - 1) // CHUNK + 1) + 1)
    listed = PANEL * max(rows, 16)

    task = np.empty(_SIZE, np.int64)
    task[_V], task[_H], task[_VP], task[_HP], task[_THREADS] = V, H, Vp, Hp, T
    task[_SEED] = np.int64(seed)
    task[_LISTED] = listed
    task[_W], task[_BHID], task[_BVIS] = W.ctypes.data, b.ctypes.data, b_prime.ctypes.data
    reals = np.array([step_size, masked], np.float64)
    task[_REALS] = reals.ctypes.data
    cost = np.empty(T * rows, W.dtype)
    task[_COST] = cost.ctypes.data
    # One allocation, cut up by hand: every part starts on a cache line of its own.
    sizes = (
        (_DENSE, T * 8),
        (_VISIBLE, 2 * rows * Vp * size),
        (_HIDDEN, 2 * rows * Hp * size),
        (_PARTIAL, T * rows * Hp * size),
        (_VALUE, T * listed * size),
        (_INDEX, T * listed * 4),
        (_BOUNDS, T * listed // PANEL * 16),
    )
    total = LINE
    for _, n in sizes:
        total += (n + LINE - 1) // LINE * LINE
    work = np.empty(total, np.uint8)
    address = (work.ctypes.data + LINE - 1) // LINE * LINE
    for part, n in sizes:
        task[part] = address
        address += (n + LINE - 1) // LINE * LINE

    # A minibatch in one piece moves the parameters themselves; in several, which all have to see
    # the old ones, the moves are gathered first.
    in_pieces = rows < B
    move_W, move_b, move_b_prime = W, b, b_prime
    if in_pieces:
        move_W, move_b = np.zeros((V, H), W.dtype), np.zeros(H, W.dtype)
        move_b_prime = np.zeros(V, W.dtype)
    task[_NEW_W] = move_W.ctypes.data
    task[_NEW_BHID], task[_NEW_BVIS] = move_b.ctypes.data, move_b_prime.ctypes.data

    L = np.empty(B, W.dtype)
    for first in range(0, B, rows):
        n = min(rows, B - first)
        task[_FIRST], task[_B] = first, n
        task[_X] = x.ctypes.data + first * V * size
        task[_TILDE_X] = tilde_x.ctypes.data + first * V * size if is_given else 0
        _phases(T, task.ctypes.data, W)
        for k in range(n):
            L[first + k] = cost[k]
            for t in range(1, T):
                L[first + k] += cost[t * n + k]
    if in_pieces:
        for r in range(V):
            add_to(W[r], move_W[r])
        add_to(b, move_b)
        add_to(b_prime, move_b_prime)
    # The phases saw addresses only; what they lay in must not be freed before.
    keep_alive(task, reals, cost, work, move_W, move_b, move_b_prime)
    return L
