"""Threads that help the caller with blocks of work.

One thread per further core waits for blocks of rows. The caller never depends on them: a block
that its helper has not begun when the caller is done with its own, the caller does itself. So a
helper may be late, asleep, starved by other processes or, after a fork, missing; this costs time
and never the result, because who computes a block does not change how it is computed. (OpenMP's
threads must all arrive five times a step: on busy cores, that was ten times slower.)

Helpers run no Python, and none is run to start them: they neither need its lock nor see its
signals, and no exception of a signal's handler can get lost in compiled code.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from scipy.linalg import cython_blas

from deeptutorial.compile.backends.numba.kernels.ahead import Kernel, announce, put_in_place
from deeptutorial.compile.backends.numba.kernels.caching import inner

__all__ = [
    "LINE",
    "address",
    "begin",
    "block_count",
    "call_at",
    "end",
    "fixed_blocks",
    "keep_plan",
    "named_address",
    "publish",
    "publish_address",
    "published",
    "published_address",
    "symbol",
    "thread_count",
    "together",
]

LINE = 64  # bytes in a cache line: what two threads write must not share one
MOST_THREADS = 64
WINDOWS = sys.platform == "win32"
_WORDS = LINE // 8
# Lines of the shared table. Every helper has one line to be called on and one to answer on.
_LOCK, _TICKET, _JOB, _LIMIT, _STARTED, _SYSTEM, _CALLS = (i * _WORDS for i in range(7))
# What is known of the system: addresses of functions, and what one of them takes.
_WAIT, _WAKE, _FOR_EVER, _CREATE, _YIELD, _HELP = (_SYSTEM + i for i in range(6))
_ANSWERS = _CALLS + MOST_THREADS * _WORDS
_IDLE = _ANSWERS + MOST_THREADS * _WORDS  # does it sleep? The semaphore that wakes it; its handle
_SEMAPHORES = _IDLE + MOST_THREADS * _WORDS  # where the system keeps them in memory of ours
_TABLE_SIZE = _SEMAPHORES + MOST_THREADS * _WORDS
_memory = np.zeros(_TABLE_SIZE + _WORDS, np.int64)
# Never freed: while the interpreter ends, a helper may look for work, or lie down to sleep.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_memory))
_table_address = (_memory.ctypes.data + LINE - 1) // LINE * LINE
_table = _memory[(_table_address - _memory.ctypes.data) // 8 :][:_TABLE_SIZE]


@intrinsic
def _shared(typing_context):
    """The address of the table; by name, so that compiled code can be cached."""

    def codegen(context, builder, signature, values):
        return named_address(builder, "deeptutorial.table")

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
def call_at(typing_context, function, arguments):
    """Call machine code by its address with whole numbers, or addresses; its result is one too."""
    words = types.UniTuple(types.int64, len(arguments))

    def codegen(context, builder, signature, values):
        function, arguments = values[0], cgutils.unpack_tuple(builder, values[1])
        kind = ir.FunctionType(function.type, [function.type] * len(words))
        return builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)

    return types.int64(types.int64, words), codegen


@intrinsic(prefer_literal=True)
def address(typing_context, name, like):
    """The address of a kernel, as published for the type that `like` points at."""
    kernel = symbol(name.literal_value, f"float{like.dtype.bitwidth}")

    def codegen(context, builder, signature, values):
        return published_address(builder, kernel)

    return types.int64(name, like), codegen


def named_address(builder: ir.IRBuilder, symbol: str):
    """The address behind a name; by name, so that compiled code can be cached."""
    variable = builder.module.globals.get(symbol)
    if variable is None:
        variable = ir.GlobalVariable(builder.module, ir.IntType(64), symbol)
    return builder.ptrtoint(variable, ir.IntType(64))


def published_address(builder: ir.IRBuilder, symbol: str):
    """The address of a kernel, read from where it is put before compiled code is called."""
    place = named_address(builder, symbol)
    return builder.load(builder.inttoptr(place, ir.IntType(64).as_pointer()))


def symbol(name: str, dtype: str) -> str:
    """Return the name that a kernel is published under."""
    return f"deeptutorial.{name}.{dtype}"


def keep_plan(key: str, plan: np.ndarray) -> str:
    """Let compiled code find a plan, to the end of the process; return its name."""
    name = f"deeptutorial.plan.{key}"
    if name not in _plans:
        _plans[name] = plan
        llvm.add_symbol(name, plan.ctypes.data)
    return name


def publish(kernel: Kernel, dtype: str) -> None:
    """Let compiled code find a kernel, once it is put in place; to the end of the process."""
    name = symbol(kernel.function.__name__, dtype)
    if name not in _places:
        _places[name] = np.zeros(1, np.int64)
        llvm.add_symbol(name, _places[name].ctypes.data)
    announce(kernel, _places[name])
    _prepare_help()


def published(name: str, dtype: str) -> int:
    """Put the kernels in place; return the address of one of them."""
    put_in_place()
    return int(_places[symbol(name, dtype)][0])


def publish_address(symbol: str, address: int) -> None:
    """Let compiled code find machine code that helpers may run."""
    llvm.add_symbol(symbol, address)
    _prepare_help()


def _prepare_help() -> None:
    if _table[_HELP] == 0:  # so nobody can have called for help yet
        helping = Kernel(_help, "void(int64)")
        announce(helping, _table[_HELP : _HELP + 1])
        put_in_place({helping})


# A call is an even number that no other phase of any step has used; taking the block adds one.
# Were a helper to wake with a number read long ago, it would find it gone.


def _help(t):
    """Do thread t's blocks, for ever; sleep when there has been none for about a millisecond."""
    table = _shared()
    call, answer, idle = _CALLS + t * _WORDS, _ANSWERS + t * _WORDS, _IDLE + t * _WORDS
    waited = 0
    while True:
        ticket = _read(table, call)
        if ticket % 2 == 0 and _exchange(table, call, ticket, ticket + 1):
            call_at(_read(table, _JOB), (t, _read(table, _JOB + 1), 0))
            _write(table, answer, ticket)
            waited = 0
            continue
        waited += 1
        if waited < 4000:
            _pause()
        elif waited < 6000:
            call_at(_read(table, _YIELD), (0,))
        else:
            # Whoever takes the mark away wakes: the caller by the semaphore, or a signal.
            _write(table, idle, 1)
            call_at(_read(table, _WAIT), (_read(table, idle + 1), _read(table, _FOR_EVER)))
            _exchange(table, idle, 1, 0)
            waited = 0


@inner
def _start(t):
    """Start thread t. If the system has no more, nobody looks for it."""
    table = _shared()
    idle, help_out = _IDLE + t * _WORDS, _read(table, _HELP)
    _write(table, idle, 0)
    # In this order for CreateThread, which takes six things, and pthread_create, with the first
    # four of them, where the first is a place for its handle.
    handle = 0 if WINDOWS else table + 8 * (idle + 2)
    call_at(_read(table, _CREATE), (handle, 0, help_out, t, 0, 0))
    _write(table, _STARTED, t + 1)


@inner
def begin(threads):
    """Take the helpers for some phases, and wake those that sleep; says whether they were free."""
    table = _shared()
    # Another caller has them? Then alone.
    helped = threads > 1 and _exchange(table, _LOCK, 0, 1)
    if helped:
        for t in range(max(1, _read(table, _STARTED)), threads):
            _start(t)
        for t in range(1, threads):
            idle = _IDLE + t * _WORDS
            if _read(table, idle) == 1 and _exchange(table, idle, 1, 0):
                call_at(_read(table, _WAKE), (_read(table, idle + 1), 1, 0))
    return helped


@inner
def end(helped):
    """Give the helpers back."""
    if helped:
        _write(_shared(), _LOCK, 0)


@inner
def together(kernel, threads, task, helped):
    """Run a phase on all threads' blocks: with the helpers, whose lock we hold, or without."""
    if not helped:
        for t in range(threads):
            call_at(kernel, (t, task, 0))
        return
    table = _shared()
    ticket = _read(table, _TICKET) + 2
    _write(table, _TICKET, ticket)
    _write(table, _JOB, kernel)
    _write(table, _JOB + 1, task)
    for t in range(1, threads):
        _write(table, _CALLS + t * _WORDS, ticket)
    call_at(kernel, (0, task, 0))
    for t in range(1, threads):
        if _exchange(table, _CALLS + t * _WORDS, ticket, ticket + 1):
            call_at(kernel, (t, task, 0))
            _write(table, _ANSWERS + t * _WORDS, ticket)
    for t in range(1, threads):
        spins = 0
        while _read(table, _ANSWERS + t * _WORDS) != ticket:
            spins += 1
            if spins < 20000:
                _pause()
            else:
                call_at(_read(table, _YIELD), (0,))


@njit
def thread_count():
    """Return how many threads may work: as many as this process may use, and BLAS uses now."""
    table = _shared()
    most = _read(table, _LIMIT)
    blas_threads = _read(table, _LIMIT + 1)
    if blas_threads != 0:
        most = min(most, np.int32(call_at(blas_threads, (0,))))
    return max(1, most)


@inner
def block_count():
    """Return into how many blocks to cut what is added up block by block.

    One for each thread, or as many as `fixed_blocks` says: there may be fewer threads than blocks,
    since who computes a block does not change how it is computed.
    """
    fixed = _read(_shared(), _LIMIT + 2)
    return fixed if fixed > 0 else thread_count()


@contextmanager
def fixed_blocks(count: int) -> Iterator[None]:
    """Cut work as it was cut where there were so many threads: sums come to the same bits.

    Raises
    ------
    ValueError
        If there can be no such number of threads.
    """
    if not 1 <= count <= MOST_THREADS:
        raise ValueError(f"there can be 1 to {MOST_THREADS} blocks of work, not {count}")
    before = _table[_LIMIT + 2]
    _table[_LIMIT + 2] = count
    try:
        yield
    finally:
        _table[_LIMIT + 2] = before


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


def _system():
    """Return functions (create, wait, wake, start) of the system, and what wait takes.

    They are for helpers' semaphores, but for `start`, which starts one. They are called without
    Python: a helper that sleeps by them needs no lock to wake up.
    """
    if sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.CreateSemaphoreW.restype = ctypes.c_void_p

        def create(t):
            return kernel.CreateSemaphoreW(None, 0, 2**30, None)

        wait, wake = kernel.WaitForSingleObject, kernel.ReleaseSemaphore
        return create, wait, wake, kernel.CreateThread, kernel.SwitchToThread, 0xFFFFFFFF
    library = ctypes.CDLL(None)
    start, give_way = library.pthread_create, library.sched_yield
    if sys.platform == "darwin":
        library.dispatch_semaphore_create.restype = ctypes.c_void_p

        def create(t):
            return library.dispatch_semaphore_create(ctypes.c_long(0))

        wait, wake = library.dispatch_semaphore_wait, library.dispatch_semaphore_signal
        return create, wait, wake, start, give_way, 2**63 - 1

    def create(t):
        address = _table_address + 8 * (_SEMAPHORES + t * _WORDS)  # a line is more than a sem_t
        library.sem_init(ctypes.c_void_p(address), 0, 0)
        return address

    return create, library.sem_wait, library.sem_post, start, give_way, 0


def _forget() -> None:
    """After a fork, the child has no helpers, and whoever held the lock is gone."""
    _table[_LOCK] = _table[_STARTED] = 0
    _table[_CALLS:_ANSWERS] = 1  # odd: nothing to do


_places: dict[str, np.ndarray] = {}
_plans: dict[str, np.ndarray] = {}
_create, *_functions, _table[_FOR_EVER] = _system()
for _place, _function in zip((_WAIT, _WAKE, _CREATE, _YIELD), _functions, strict=True):
    _table[_place] = ctypes.cast(_function, ctypes.c_void_p).value or 0
for _t in range(1, MOST_THREADS):
    _table[_IDLE + _t * _WORDS + 1] = _create(_t)
_forget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
_table[_LIMIT : _LIMIT + 2] = _limit(), _blas_thread_counter()
llvm.add_symbol("deeptutorial.table", _table_address)
