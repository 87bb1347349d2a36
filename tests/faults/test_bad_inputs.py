"""The bad-input drill in short; `make drill` is the whole of it."""

import zipfile
from pathlib import Path

import pytest

from deeptutorial.datasets.load import READERS
from deeptutorial.datasets.text_tables import refuse_spreadsheet
from tests.faults import bad_inputs

SEED = 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module")
def kinds(folder):
    return {kind.name: kind for kind in bad_inputs.kinds(folder)}


@pytest.fixture(scope="module")
def counts():
    return bad_inputs.Counts()


NAMES = (
    *("IDX", "IDX, gzipped", "pickle", "pickle, gzipped", "npz", "npy", "model", "checkpoint"),
    *(f"picture, {kind}" for kind in ("PNG", "GIF", "BMP", "TIFF", "JPEG", "WEBP")),
    *("folder of pictures", "folder of IDX", "npy, encoded", "model of a stack", "model, told of"),
)


@pytest.mark.parametrize("name", NAMES)
def test_files(name, kinds, counts, folder):
    bad_inputs.examine_kind(kinds[name], counts, folder, 15, SEED, step=7)
    assert counts.rows[name]["refused"] > 10


@pytest.mark.parametrize("name", bad_inputs.FORGED)
def test_forged_files(name, kinds, counts, folder):
    bad_inputs.examine_forged(kinds[name], counts, folder, 20, SEED)


def test_command_lines(counts):
    bad_inputs.examine_command_lines(counts, 40, SEED)


def test_a_gzip_bomb(kinds, folder, monkeypatch):
    monkeypatch.setattr("deeptutorial.datasets.unpacking.FREELY", 1 << 20)
    zeros = bytes(3 << 20)
    bomb = bad_inputs.zipped(bad_inputs.idx_bytes((3 << 20,), zeros))
    with pytest.raises(bad_inputs.DatasetError, match="100 times as large when unpacked"):
        kinds["IDX, gzipped"].read(written(folder / "file.gz", bomb))
    assert kinds["pickle, gzipped"].examine(bad_inputs.zipped(b"N" + zeros), folder) == "refused"
    with zipfile.ZipFile(folder / "file.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", zeros)
    with pytest.raises(bad_inputs.DatasetError, match="100 times as large when unpacked"):
        kinds["npz"].read(folder / "file.npz")
    png = bad_inputs.png_of_nothing(20_000)
    with pytest.raises(bad_inputs.DatasetError, match="too large"):
        kinds["picture, PNG"].read(written(folder / "file.png", png))


def test_a_pickle_of_endless_steps(kinds, folder):
    with pytest.raises(bad_inputs.DatasetError, match="more than 100000 steps"):
        kinds["pickle"].read(written(folder / "file", b"(" * 200_000))


def test_every_reader_is_tried(kinds):
    endings = (Path(f"file{kind.suffix}").suffix for kind in kinds.values())
    tried = {READERS[ending] for ending in endings if ending in READERS}
    assert tried == {*READERS.values()} - {refuse_spreadsheet}  # which opens no file


def test_a_loss_is_told(kinds, folder):
    """The drill can fail: another exception, and other content than was written."""
    counts = bad_inputs.Counts()

    def careless(path):
        return path.read_bytes()[4]

    kind = bad_inputs.replace(kinds["model"], read=careless)
    with pytest.raises(BaseException, match="index out of range"):
        bad_inputs.examine_kind(kind, counts, folder, 10, SEED)
    assert counts.rows["model"]["lost"] == 1

    kind = bad_inputs.replace(kinds["IDX"], is_exact=True)
    with pytest.raises(BaseException, match="other content"):
        bad_inputs.examine_kind(kind, counts, folder, 100, SEED)


def test_an_empty_array_too_large_to_count(kinds, folder):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {2**62}, 4)}}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(bad_inputs.ArchiveError, match="impossible array"):
        kinds["npy"].read(written(folder / "file.npy", content))


def written(path, content):
    path.write_bytes(content)
    return path
