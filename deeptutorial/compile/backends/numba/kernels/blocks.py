"""What a phase needs to find its block of the work: pointers, and a thread's rows."""

from numba import types
from numba.extending import intrinsic

from deeptutorial.compile.backends.numba.kernels.caching import inner
from deeptutorial.compile.backends.numba.kernels.tiles import TILE_ROWS

__all__ = ["keep_alive", "pointer", "rows_of"]


@intrinsic
def pointer(typing_context, address, like):
    """An address as a pointer of like's type; like is a pointer, or a number to point at."""
    to = like if isinstance(like, types.CPointer) else types.CPointer(like)

    def codegen(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return to(types.intp, like), codegen


@inner
def rows_of(t, threads, rows):
    """The rows of W that thread t owns: whole tiles, but for the last thread's end."""
    quads = rows // TILE_ROWS
    start = quads * t // threads * TILE_ROWS
    return start, quads * (t + 1) // threads * TILE_ROWS if t < threads - 1 else rows


@inner
def keep_alive(*arrays):
    """Keep arrays to here of which what ran before saw addresses only."""
    return len(arrays)
