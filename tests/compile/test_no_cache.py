"""Kernels where nothing can be kept on disk: compiled all the same."""

import ctypes
import errno

import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile

from deeptutorial.compile.backends.numba.kernels.caching import compiled


def twice(x):
    return 2 * x


def no_folder(monkeypatch):
    """Neither beside the source nor in a home."""
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])


def full_disk(monkeypatch):
    def save(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "load", lambda *_: None)
    monkeypatch.setattr(IndexDataCacheFile, "save", save)


@pytest.mark.parametrize("fault", [no_folder, full_disk])
def test_what_cannot_be_kept_is_compiled_all_the_same(fault, monkeypatch):
    fault(monkeypatch)
    kernel = compiled(twice, "float64(float64)")
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(kernel.address)(21) == 42
