"""Kernels compiled once and kept on disk, and never used when their source has changed."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.registry import cpu_target
from numba.core.sigutils import normalize_signature

from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole
from deeptutorial.compile.ops import box_muller, draws
from deeptutorial.held_signals import SignalsHeld

__all__ = ["cache_folder", "compiled", "inner", "is_kept", "sources_digest"]

inner = partial(njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only compiled code calls: ways in for Python and C are a sixth of its compilation."""


@cache
def sources_digest() -> str:
    """Return a digest of all files that go into compiled kernels."""
    here = Path(__file__).parent
    beside = (here.parent / name for name in ("dispatch.py", "errors.py", "whole_libraries.py"))
    elsewhere = (*beside, Path(draws.__file__), Path(box_muller.__file__))
    digest = sha256()
    for source in (*sorted(here.glob("*.py")), *elsewhere):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@cache
def cache_folder() -> str | None:
    """Return Numba's folder for what is compiled here; None where nothing can be kept."""
    try:
        folder = FunctionCache(compiled).cache_path
        os.makedirs(folder, exist_ok=True)
    except (RuntimeError, OSError):
        return None
    return folder


class _KernelCache(FunctionCache):
    """Numba's cache on disk, with every kernel file in its key.

    Numba's own key has the file of the function itself only, not those of what it calls.
    """

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), sources_digest())

    def has(self, sig) -> bool:
        key = self._index_key(sig, cpu_target.target_context.codegen())
        with self._guard_against_spurious_io_errors():
            return key in self._cache_file._load_index()
        return False

    def save_overload(self, sig, data):
        with suppress(OSError):  # the disk is full, say
            super().save_overload(sig, data)


def is_kept(function: Callable, signature: Any) -> bool:
    """Tell whether a function has been compiled to machine code before, and is on disk."""
    kernel = _kernel(function, signature)
    return isinstance(kernel._cache, _KernelCache) and kernel._cache.has(kernel._sig)


def compiled(function: Callable, signature: Any) -> CFunc:
    """Compile a function to machine code with an address, or read it from the cache.

    Where nothing can be kept, it is compiled again in each process.
    """
    kernel = _kernel(function, signature)
    with SignalsHeld(), optimised_as_a_whole():
        kernel.compile()
    return kernel


def _kernel(function: Callable, signature: Any) -> CFunc:
    kernel = CFunc(function, normalize_signature(signature), {}, {})
    with suppress(RuntimeError):  # there is no folder that may be written to
        kernel._cache = _KernelCache(function)
    return kernel
