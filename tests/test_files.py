"""Files that are there whole or not at all."""

import errno

import pytest

from deeptutorial.files import replacing


def test_a_whole_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fill_up():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        fill_up()
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_message_names_the_file_that_was_asked_for(tmp_path):
    """And no temporary one, whose name is another one each time."""
    path = tmp_path / "gone" / "file"
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        pass
    assert caught.value.filename == str(path)
    assert ".part" not in str(caught.value)
