"""Kernels compiled once and kept on disk, and never used when their source has changed."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.registry import cpu_target
from numba.core.sigutils import normalize_signature

from deeptutorial.compile.backends.numba.whole_libraries import optimised_as_a_whole
from deeptutorial.compile.ops import box_muller, draws
from deeptutorial.held_signals import SignalsHeld

__all__ = ["cache_folder", "compiled", "inner", "is_kept", "let_fail", "sources_digest"]

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

    Numba's own key has the file of the function itself only, not those of what it calls. Each key
    has files of its own, too: Numba writes the index first and then the machine code, and whoever
    reads in between, or after its end there, finds what had that number before.
    """

    def __init__(self, function, sig):
        super().__init__(function)
        self._key = self._index_key(sig, cpu_target.target_context.codegen())
        digest = sha256(repr(self._key).encode()).hexdigest()[:16]
        name = f"{self._impl.filename_base}-{digest}"
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = IndexDataCacheFile(self._cache_path, name, stamp)

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), sources_digest())

    def is_filled(self) -> bool:
        with suppress(Exception):  # it is damaged
            return self._key in self._cache_file._load_index()
        return False


def let_fail(cache: Any) -> None:
    """Let one of Numba's caches be without what cannot be read, or cannot be kept."""
    load, save = cache.load_overload, cache.save_overload

    def load_if_possible(*what):
        with suppress(Exception):  # it is damaged, after a power cut say
            return load(*what)
        return None

    def save_if_possible(*what):
        with suppress(OSError):  # the disk is full, say
            try:
                save(*what)
            except (EOFError, UnpicklingError):
                cache.flush()
                save(*what)

    cache.load_overload, cache.save_overload = load_if_possible, save_if_possible


def is_kept(function: Callable, signature: Any) -> bool:
    """Tell whether a function has been compiled to machine code before, and is on disk."""
    kernel = _kernel(function, signature)
    return isinstance(kernel._cache, _KernelCache) and kernel._cache.is_filled()


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
        kernel._cache = _KernelCache(function, kernel._sig)
        let_fail(kernel._cache)
    return kernel
