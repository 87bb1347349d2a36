"""Kernels where nothing can be kept on disk: compiled all the same."""

import ctypes
import errno

import pytest
from numba import config
from numba.core.caching import CacheImpl, IndexDataCacheFile

from deeptutorial.compile.backends.numba.kernels.caching import compiled, is_kept


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


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_what_is_damaged_is_compiled_anew(ending, tmp_path, monkeypatch):
    """As a power cut leaves it."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert compiled(twice, "float64(float64)").cache_hits == 0
    assert compiled(twice, "float64(float64)").cache_hits == 1
    (file,) = tmp_path.rglob(f"*.{ending}")
    file.write_bytes(b"")
    kernel = compiled(twice, "float64(float64)")
    assert kernel.cache_hits == 0
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(kernel.address)(21) == 42
    assert is_kept(twice, "float64(float64)")
    assert compiled(twice, "float64(float64)").cache_hits == 1


def test_no_kernel_is_taken_for_another_one(tmp_path, monkeypatch):
    """A process that dies between index and code leaves an index to what was there before."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    compiled(twice, "float32(float32)")
    (index,), (code,) = tmp_path.rglob("*.nbi"), tmp_path.rglob("*.nbc")
    compiled(twice, "float64(float64)")
    (other_code,) = set(tmp_path.rglob("*.nbc")) - {code}
    assert other_code.with_suffix("").stem != code.with_suffix("").stem  # numbers aside
    assert len([*tmp_path.rglob("*.nbi")]) == 2
    other_code.unlink()
    kernel = compiled(twice, "float64(float64)")
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(kernel.address)(0.1) == 0.2
    assert index.exists()
