"""Arrays that lie in files, also such as are larger than the memory."""

import os
import sys

import numpy as np
import pytest

from deeptutorial.mapped_files import NO_RESERVE, is_mapped, map_array, map_temporary_array


def test_writing_to_the_array_leaves_the_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"four" + np.arange(6, dtype="f4").tobytes())
    before = path.read_bytes()
    with open(path, "rb") as file:
        array = map_array(file, (2, 3), np.dtype("f4"), 4)
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])
    array[:] = 7
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux" or not NO_RESERVE, reason="as Linux maps")
def test_a_file_larger_than_the_memory(tmp_path):
    """Which the system refuses to map for writing, unless it is told that nothing is written."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    n = 4 * (memory >> 30 << 30)
    with open(tmp_path / "sparse", "w+b") as file:
        try:
            file.truncate(n)
        except OSError:
            pytest.skip("no files as large on this disk")
        file.seek(n - 1)
        file.write(b"\1")
        array = map_array(file, (n,), np.dtype("u1"), 0)
    assert (array[0], array[-1]) == (0, 1)


def test_a_temporary_array(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    array = map_temporary_array((3, 4), np.dtype("f4"))
    assert array.shape == (3, 4)
    assert not array.any()
    array[1] = 2
    assert array.sum() == 8
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no way to ask for room")
def test_no_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(OSError, match=r"no room for .* GB of rows .*TMPDIR"):
        map_temporary_array((1 << 48, 4), np.dtype("f4"))


def test_what_is_mapped(tmp_path):
    rows = map_temporary_array((3, 4), np.dtype("f4"))
    assert is_mapped(rows[1:, ::2].T)
    np.save(tmp_path / "x.npy", rows)
    assert is_mapped(np.load(tmp_path / "x.npy", mmap_mode="c"))
    assert not is_mapped(rows.copy())
    assert not is_mapped(np.frombuffer(b"1234", "u1"))
    assert not is_mapped(None)
