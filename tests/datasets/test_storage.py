"""The folder of data sets: what a killed process left there is removed, and nothing else."""

from deeptutorial.datasets.storage import locked


def test_what_was_left_half_written_is_removed(tmp_path):
    (tmp_path / ".deeptutorial-0123456789abcdef.part").write_bytes(b"half of a download")
    (tmp_path / ".download.iso.part").write_bytes(b"somebody's")
    with locked(tmp_path / "mnist"):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {".download.iso.part", ".mnist.lock"}
