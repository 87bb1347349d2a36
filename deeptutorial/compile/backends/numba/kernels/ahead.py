"""Kernels that another process compiles while this one does something else.

What is compiled for a graph need not know the address of a kernel, only where it will be found. So
kernels are announced first, and put in place before a function is called for the first time. One
that is on disk is there at once. In a first run there is none, and half of the time would go by
with compiling them: where there is a second core, another Python does it meanwhile, and keeps them
on disk. What that one has not done, whatever happened to it, is compiled here.
"""

import atexit
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numba import config
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock

from deeptutorial.compile.backends.numba.kernels.caching import cache_folder, compiled, is_kept

__all__ = ["Kernel", "announce", "compile_ahead", "needed_kernels", "put_in_place"]

ROOM = __name__.rpartition(".")[0]


class Kernel(NamedTuple):
    """A function to be compiled to machine code with an address, and its signature."""

    function: Callable
    signature: Any


class Helper(NamedTuple):
    """Another Python, and what it compiles, in this order."""

    process: subprocess.Popen
    kernels: list[Kernel]

    def is_at(self, kernel: Kernel) -> bool:
        """Tell whether it is compiling this one now."""
        first = next((k for k in self.kernels if not is_kept(*k)), None)
        return kernel == first and self.process.poll() is None


_announced: dict[Kernel, np.ndarray] = {}
_in_place: dict[Kernel, CFunc] = {}  # to the end of the process
_helpers: list[Helper] = []
_is_helper = False
_needed: ContextVar[set[Kernel] | None] = ContextVar("needed", default=None)


@contextmanager
def needed_kernels() -> Iterator[set[Kernel]]:
    """Collect the kernels that are announced in between: what is converted there needs them."""
    kernels: set[Kernel] = set()
    token = _needed.set(kernels)
    try:
        yield kernels
    finally:
        _needed.reset(token)


@global_compiler_lock
def announce(kernel: Kernel, place: np.ndarray) -> None:
    """Let the address of a kernel be put into a place, an array of one int64, in time."""
    needed = _needed.get()
    if needed is not None:
        needed.add(kernel)
    if place[0] == 0:
        _announced[kernel] = place
        if needed is None or is_kept(*kernel):
            put_in_place({kernel})


@global_compiler_lock
def put_in_place(kernels: Iterable[Kernel] | None = None) -> None:
    """Put the addresses of kernels that were announced, or of all, where they are looked for.

    Helpers begin with the first and this with the last, so that nobody waits for long.
    """
    for kernel in reversed([k for k in _announced if kernels is None or k in kernels]):
        for helper in _helpers:
            while helper.is_at(kernel):
                helper.process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        _in_place[kernel] = compiled(*kernel)
        _announced.pop(kernel)[0] = _in_place[kernel].address
    for helper in _helpers:
        if _in_place.keys() >= set(helper.kernels):
            _stop(helper.process)  # and waited for: nobody else's os.wait() is to find it


@global_compiler_lock
def compile_ahead(subjects: Sequence[str], dtype: str) -> None:
    """Begin to compile kernels in another process, if they are not on disk.

    Parameters
    ----------
    subjects : sequence of str
        Of "denoising_step" and "fused_products", those whose kernels will be needed, in this order.
    dtype : {"float32", "float64"}
        Of the parameters.
    """
    helped = {kernel for helper in _helpers for kernel in helper.kernels}
    wanted = {name: _not_kept_at_first(name, dtype) for name in subjects}
    subjects = [name for name, kernels in wanted.items() if not helped.issuperset(kernels)]
    if subjects and _can_have_a_helper():
        with suppress(OSError):  # there are too many processes, say
            process = _started(subjects, dtype)
            _helpers.append(Helper(process, [k for name in subjects for k in wanted[name]]))


@cache
def _not_kept_at_first(subject: str, dtype: str) -> list[Kernel]:
    """Return those kernels of a subject that were not on disk when they were asked for first."""
    return [k for k in import_module(f"{ROOM}.{subject}").kernels(dtype) if not is_kept(*k)]


def _can_have_a_helper() -> bool:
    if _is_helper or cache_folder() is None:
        return False
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Where Python is a part of another program, that one's name may stand there.
    name = os.path.basename(sys.executable or "").lower()
    return cores != 1 and re.fullmatch(r"python[\d.]*w?(\.exe)?", name) is not None


def _started(subjects: list[str], dtype: str) -> subprocess.Popen:
    work = (
        # Looking for garbage takes a tenth of the time, and there is none worth it.
        f"import gc; gc.disable(); import sys; sys.path[:] = {sys.path!r}; "
        f"from {__name__} import _help; _help({subjects!r}, {dtype!r})"
    )
    helper = subprocess.Popen(
        [sys.executable, "-c", work],
        env=os.environ | {"NUMBA_CACHE_DIR": config.CACHE_DIR},  # a program may have set it since
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(_stop, helper)
    return helper


def _stop(helper: subprocess.Popen) -> None:
    with helper:
        helper.kill()


def _help(subjects: list[str], dtype: str) -> None:
    """Do what a helper does: compile kernels, and say of each that it is on disk."""
    global _is_helper
    _is_helper = True
    for name in subjects:
        for kernel in _not_kept_at_first(name, dtype):
            compiled(*kernel)
            print(kernel.function.__name__, flush=True)
    os._exit(0)  # to take everything apart would keep a core busy that trains by now
