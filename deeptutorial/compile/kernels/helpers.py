"""Threads that help the caller with blocks of work.

One thread per further core waits for blocks of rows. The caller never depends on them: a block
that its helper has not begun when the caller is done with its own, the caller does itself. So a
helper may be late, asleep, starved by other processes or, after a fork, missing; this costs time
and never the result, because who computes a block does not change how it is computed. (OpenMP's
threads must all arrive five times a step: on busy cores, that was ten times slower.)
"""

import ctypes
import os
import platform
import sys
import threading

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from scipy.linalg import cython_blas

from deeptutorial.compile.kernels.caching import compiled

__all__ = [
    "DENOISING_STEP",
    "LAYER_PRODUCT",
    "LAYER_STEP",
    "LINE",
    "register",
    "run",
    "thread_count",
]

LINE = 64  # bytes in a cache line: what two threads write must not share one
MOST_THREADS = 64
# Where each list of kernels is registered: for float32 there, for float64 in the slot behind it.
DENOISING_STEP, LAYER_PRODUCT, LAYER_STEP = 0, 2, 4
_WORDS = LINE // 8
# Lines of the shared table. Every helper has one line to be called on and one to answer on.
_LOCK, _TICKET, _JOB, _LIMIT, _KERNELS, _CALLS = (i * _WORDS for i in (0, 1, 2, 3, 4, 10))
_ANSWERS = _CALLS + MOST_THREADS * _WORDS
_IDLE = _ANSWERS + MOST_THREADS * _WORDS
_TABLE_SIZE = _IDLE + MOST_THREADS * _WORDS
_memory = np.zeros(_TABLE_SIZE + _WORDS, np.int64)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_memory))  # helpers may look at it to the very end
_table_address = (_memory.ctypes.data + LINE - 1) // LINE * LINE
_table = _memory[(_table_address - _memory.ctypes.data) // 8 :][:_TABLE_SIZE]


@intrinsic
def _shared(typing_context):
    """The address of the table; by name, so that compiled code can be cached."""

    def codegen(context, builder, signature, values):
        module, integer = builder.module, ir.IntType(64)
        variable = module.globals.get("deeptutorial.table")
        if variable is None:
            variable = ir.GlobalVariable(module, integer, "deeptutorial.table")
        return builder.ptrtoint(variable, integer)

    return types.int64(), codegen


def _word(builder, values):
    address = builder.add(values[0], builder.mul(values[1], values[1].type(8)))
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def _read(typing_context, table, i):
    def codegen(context, builder, signature, values):
        return builder.load_atomic(_word(builder, values), "acquire", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _write(typing_context, table, i, value):
    def codegen(context, builder, signature, values):
        builder.store_atomic(values[2], _word(builder, values), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def _exchange(typing_context, table, i, old, new):
    """Put new where old is; says whether it was there."""

    def codegen(context, builder, signature, values):
        result = builder.cmpxchg(_word(builder, values), *values[2:], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(*[types.int64] * 4), codegen


@intrinsic
def _pause(typing_context):
    def codegen(context, builder, signature, values):
        if platform.machine().lower() in ("x86_64", "amd64"):
            function = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, function, name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _yield(typing_context):
    def codegen(context, builder, signature, values):
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _wake(typing_context):
    def codegen(context, builder, signature, values):
        function = ir.FunctionType(ir.VoidType(), [])
        name = "deeptutorial.wake"
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _call(typing_context, kernel, t, task):
    """Call a compiled phase by its address."""

    def codegen(context, builder, signature, values):
        kernel, t, task = values
        pointer = ir.IntType(64).as_pointer()
        function = ir.FunctionType(ir.VoidType(), [t.type, pointer, pointer])
        kernel = builder.inttoptr(kernel, function.as_pointer())
        task = builder.inttoptr(task, pointer)
        builder.call(kernel, [t, task, ir.Constant(pointer, None)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def _call_for_number(typing_context, function):
    """Call a C function without arguments that returns an int."""

    def codegen(context, builder, signature, values):
        kind = ir.FunctionType(ir.IntType(32), [])
        result = builder.call(builder.inttoptr(values[0], kind.as_pointer()), [])
        return builder.sext(result, ir.IntType(64))

    return types.int64(types.int64), codegen


# A call is an even number that no other phase of any step has used; taking the block adds one.
# Were a helper to wake with a number read long ago, it would find it gone.


def _help(t):
    """Do thread t's blocks until there has been none for some milliseconds."""
    table = _shared()
    call, answer = _CALLS + t * _WORDS, _ANSWERS + t * _WORDS
    waited = 0
    while waited < 6000:
        ticket = _read(table, call)
        if ticket % 2 == 0 and _exchange(table, call, ticket, ticket + 1):
            _call(_read(table, _JOB), t, _read(table, _JOB + 1))
            _write(table, answer, ticket)
            waited = 0
            continue
        waited += 1
        if waited < 4000:
            _pause()
        else:
            _yield()


@njit
def _together(kernel, threads, task):
    """Run a phase on all threads' blocks; the caller holds the lock."""
    table = _shared()
    ticket = _read(table, _TICKET) + 2
    _write(table, _TICKET, ticket)
    _write(table, _JOB, kernel)
    _write(table, _JOB + 1, task)
    for t in range(1, threads):
        _write(table, _CALLS + t * _WORDS, ticket)
    _call(kernel, 0, task)
    for t in range(1, threads):
        if _exchange(table, _CALLS + t * _WORDS, ticket, ticket + 1):
            _call(kernel, t, task)
            _write(table, _ANSWERS + t * _WORDS, ticket)
    for t in range(1, threads):
        spins = 0
        while _read(table, _ANSWERS + t * _WORDS) != ticket:
            spins += 1
            if spins < 20000:
                _pause()
            else:
                _yield()


@njit
def run(slot, n_kernels, threads, task):
    """Run kernels one after another, each on the blocks of all threads.

    Parameters
    ----------
    slot : int
        Which list of kernels, as registered.
    n_kernels, threads : int
    task : int
        An address that is handed to the kernels.
    """
    table = _shared()
    # Another caller has the helpers? Then alone.
    helped = threads > 1 and _exchange(table, _LOCK, 0, 1)
    if helped:
        asleep = False
        for t in range(1, threads):
            asleep |= _read(table, _IDLE + t * _WORDS) != 0
        if asleep:
            _write(table, _IDLE, threads)
            _wake()
    for i in range(n_kernels):
        kernel = _read(table, _KERNELS + slot * _WORDS + i)
        if helped:
            _together(kernel, threads, task)
        else:
            for t in range(threads):
                _call(kernel, t, task)
    if helped:
        _write(table, _LOCK, 0)


@njit
def thread_count():
    """Return how many threads may work: as many as this process may use, and BLAS uses now."""
    table = _shared()
    most = _read(table, _LIMIT)
    blas_threads = _read(table, _LIMIT + 1)
    if blas_threads != 0:
        most = min(most, _call_for_number(blas_threads))
    return max(1, most)


def _limit() -> int:
    """Return the threads that the process may use, by its affinity and its environment now."""
    if hasattr(os, "sched_getaffinity"):
        limits = [len(os.sched_getaffinity(0)), MOST_THREADS]
    else:
        limits = [os.cpu_count() or 1, MOST_THREADS]
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            limits.append(int(value))
    return min(limits)


def _blas_thread_counter() -> int:
    """Return the address of SciPy's BLAS's function for its number of threads, or 0.

    Whoever limits the threads of BLAS, with threadpoolctl say, means this code too, which does
    what BLAS would otherwise do.
    """
    try:
        blas = ctypes.CDLL(cython_blas.__file__)
        return ctypes.cast(blas.scipy_openblas_get_num_threads, ctypes.c_void_p).value or 0
    except (AttributeError, OSError):  # another BLAS
        return 0


class _Helpers:
    """Python's side of the helpers: threads that rest on a semaphore while there is no work."""

    def __init__(self):
        self.threads = {}
        # From compiled code: ctypes takes the GIL for the call, or finds it held.
        self.callback = ctypes.CFUNCTYPE(None)(self.wake)

    def wake(self):
        for t in range(1, int(_table[_IDLE])):
            if t not in self.threads:
                _table[_IDLE + t * _WORDS] = 1
                semaphore = threading.Semaphore(0)
                threading.Thread(target=self.run, args=(t, semaphore), daemon=True).start()
                self.threads[t] = semaphore
            if _table[_IDLE + t * _WORDS]:
                _table[_IDLE + t * _WORDS] = 0
                self.threads[t].release()

    def run(self, t, semaphore):
        help_out = compiled("void(int64)", _help).ctypes  # called without the GIL
        while True:
            semaphore.acquire()
            help_out(t)
            _table[_IDLE + t * _WORDS] = 1

    def forget(self):
        """After a fork, the child has none, and whoever held the lock is gone."""
        self.threads.clear()
        _table[_IDLE:] = 0
        _table[_IDLE + _WORDS :: _WORDS] = 1
        _table[_LOCK] = 0


def register(slot: int, kernels: list) -> None:
    """Let `run` find compiled functions of (t, task, nothing), under a number for the list."""
    _registered.extend(kernels)  # they have to live as long as they may be called
    for i, kernel in enumerate(kernels):
        _table[_KERNELS + slot * _WORDS + i] = kernel.address


_registered: list = []
_helpers = _Helpers()
_helpers.forget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.forget)
_table[_CALLS:_ANSWERS] = 1  # odd: nothing to do
_table[_LIMIT : _LIMIT + 2] = _limit(), _blas_thread_counter()
llvm.add_symbol("deeptutorial.table", _table_address)
llvm.add_symbol("deeptutorial.wake", ctypes.cast(_helpers.callback, ctypes.c_void_p).value)
