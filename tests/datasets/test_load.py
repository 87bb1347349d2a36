"""From a name to shared variables: what is searched where, and what happens when it is nowhere."""

import errno
import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from PIL import Image
from pytensor.compile.sharedvalue import SharedVariable

import deeptutorial
from deeptutorial.datasets import (
    DatasetError,
    DatasetNotFoundError,
    download,
    load_data,
    read_dataset,
    storage,
    stored_digits,
)
from deeptutorial.datasets.digits import make_digits
from deeptutorial.datasets.idx import IDX_NAMES

N_DIGITS = 70_000


def idx_bytes(shape, values):
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


def write_mnist(folder, mark=0):
    """Write four small files in MNIST's format, whose first pixel is a mark."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = idx_bytes((12, 2, 3), [mark] * 72), idx_bytes((12,), range(12))
    for name, content in zip(IDX_NAMES, (images, labels) * 2, strict=True):
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def write_pickle(folder, mark=0, name="mnist.pkl.gz"):
    folder.mkdir(parents=True, exist_ok=True)
    part = (np.full((4, 6), mark / 256, "f4"), np.arange(4))
    (folder / name).write_bytes(gzip.compress(pickle.dumps((part,) * 3, 2)))


def write_pictures(folder):
    folder.mkdir()
    for i in range(7):
        Image.new("RGB", (4, 5), (i, 0, 255)).save(folder / f"{i}.png")


def mark_of(dataset):
    return float(dataset.train[0][0, 0] * 256)


def snapshot(folder):
    """Return all that is in a folder, with content and date."""
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "own.npz"
    arrays = {
        f"{kind}_{part}": rng.random((n, 6)) if kind == "x" else rng.integers(0, 300, n)
        for part, n in (("train", 9), ("valid", 4), ("test", 5))
        for kind in "xy"
    }
    np.savez(path, **arrays)
    return path, arrays


@pytest.fixture
def quick_digits(monkeypatch):
    """Take a few digits over and over in place of drawing them; count how often that happens."""
    calls = []

    def make_digits(n, progress):
        calls.append(n)
        progress(n)
        images = np.zeros((n, 784), np.uint8)
        images[:, 100] = np.arange(n) % 256
        return images, (np.arange(n) % 10).astype(np.uint8)

    monkeypatch.setattr(stored_digits, "make_digits", make_digits)
    return calls


def deny(monkeypatch, *folders):
    """Let folders look read-only, for whatever user the tests run as."""
    access = os.access
    monkeypatch.setattr(
        storage.os, "access", lambda path, mode: path not in folders and access(path, mode)
    )


# --- shared variables


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_shared_variables_in_floatX_and_labels_in_int32(npz, floatX):
    path, arrays = npz
    with pytensor.config.change_flags(floatX=floatX):
        parts = load_data(path)
    assert isinstance(parts, list)
    assert len(parts) == 3
    for (x, y), name in zip(parts, ("train", "valid", "test"), strict=True):
        assert isinstance(x, SharedVariable)
        assert x.type.dtype == x.get_value().dtype == floatX
        assert x.type.ndim == 2
        assert np.array_equal(x.get_value(), arrays[f"x_{name}"].astype(floatX))
        assert x.get_value(borrow=True).flags.c_contiguous
        assert y.type.dtype == "int32"
        assert y.type.ndim == 1
        assert y.owner.inputs[0].type.dtype == floatX
        assert isinstance(y.owner.inputs[0], SharedVariable)
        assert y.eval().dtype == np.int32
        assert y.eval().tolist() == arrays[f"y_{name}"].tolist()


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_minibatches_are_cut_out_inside_a_function(npz, floatX):
    path, arrays = npz
    batch_size = 4
    with pytensor.config.change_flags(floatX=floatX):
        train_set_x, train_set_y = load_data(path)[0]
        index, x, y = pt.lscalar("index"), pt.matrix("x"), pt.ivector("y")
        minibatch = pytensor.function(
            [index],
            [x * 2, y + 1],
            givens={
                x: train_set_x[index * batch_size : (index + 1) * batch_size],
                y: train_set_y[index * batch_size : (index + 1) * batch_size],
            },
        )
        outcomes = [minibatch(i) for i in range(3)]
    for i, (images, labels) in enumerate(outcomes):
        cut = slice(4 * i, 4 * (i + 1))
        assert images.dtype == floatX
        assert labels.dtype == np.int32
        assert np.array_equal(images, arrays["x_train"].astype(floatX)[cut] * 2)
        assert labels.tolist() == (arrays["y_train"][cut] + 1).tolist()
    assert len(outcomes[2][0]) == 1


def test_public_name():
    assert deeptutorial.load_data is load_data


def test_image_shape_is_kept_with_the_images(tmp_path):
    write_pictures(tmp_path / "own")
    write_mnist(tmp_path / "like mnist")
    for name, shape in (("own", (5, 4, 3)), ("like mnist", (2, 3))):
        for x, _ in load_data(tmp_path / name):
            assert x.tag.image_shape == shape


def test_missing_labels_are_minus_one(tmp_path):
    write_pictures(tmp_path / "own")
    assert load_data(tmp_path / "own")[0][1].eval().tolist() == [-1] * 5


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_real_mnist(folders, mnist_folder, monkeypatch, floatX):
    monkeypatch.setenv("DEEPTUTORIAL_DATA", str(mnist_folder))
    with pytensor.config.change_flags(floatX=floatX):
        parts = load_data("mnist")
    values = [x.get_value(borrow=True) for x, _ in parts]
    assert [value.shape for value in values] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert {value.dtype.name for value in values} == {floatX}
    assert parts[0][1].eval()[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert parts[1][1].eval()[:5].tolist() == [3, 8, 6, 9, 6]
    assert parts[2][1].eval()[:5].tolist() == [7, 2, 1, 0, 4]
    assert all(value.min() == 0 and value.max() == 255 / 256 for value in values)
    assert list(folders.clone.iterdir()) == [folders.clone / "README.md"]


# --- paths


@pytest.mark.parametrize("given", [str, Path])
def test_kind_of_file_is_told_by_its_content(folders, tmp_path, given):
    write_mnist(tmp_path / "idx", 1)
    write_pickle(tmp_path, 2, "set.pkl.gz")
    write_pictures(tmp_path / "pictures")
    np.savez(tmp_path / "own.npz", x=np.full((7, 4), 4 / 256))
    (tmp_path / "own.npz").rename(tmp_path / "own.data")
    assert mark_of(read_dataset(given(tmp_path / "idx"))) == 1
    assert mark_of(read_dataset(given(tmp_path / "set.pkl.gz"))) == 2
    assert mark_of(read_dataset(given(tmp_path / "own.data"))) == 4
    assert read_dataset(given(tmp_path / "pictures")).image_shape == (5, 4, 3)


def test_bare_name_is_looked_for_in_the_folders(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = [tmp_path, folders.named, folders.clone, folders.cache]
    for mark, place in enumerate(places):
        write_pickle(place, mark, "mine.pkl.gz")
    for mark, place in enumerate(places):
        assert mark_of(read_dataset("mine.pkl.gz")) == mark
        (place / "mine.pkl.gz").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"^mine\.pkl\.gz: no such file or folder"):
        read_dataset("mine.pkl.gz")


def test_bare_name_of_a_folder_is_looked_for_too(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(folders.clone / "mine")
    assert read_dataset("mine").image_shape == (5, 4, 3)


def test_name_with_a_folder_is_not_looked_for(folders, tmp_path, monkeypatch, refusal):
    monkeypatch.chdir(tmp_path)
    write_pickle(folders.named / "sub")
    refusal(read_dataset, os.path.join("sub", "mnist.pkl.gz"), kind=DatasetNotFoundError)


@pytest.mark.parametrize(
    "name", ["nowhere.npz", "nowhere/mnist.pkl.gz", "MNIST", "digit", "a\0b", "x" * 300]
)
def test_what_is_nowhere_is_an_error(folders, tmp_path, monkeypatch, refusal, name):
    monkeypatch.chdir(tmp_path)
    for given in (name, str(tmp_path / name)):
        refusal(
            load_data,
            given,
            "no such file or folder",
            "mnist, digits and auto",
            kind=DatasetNotFoundError,
        )


@pytest.mark.parametrize(
    "suffix",
    [
        *(".npz", ".pkl", ".pkl.gz", ".png", "", ".npy", ".csv", ".tsv", ".txt", ".pcl", ".csv.gz"),
        *(".tsv.bz2", ".txt.xz", ".mat", ".h5", ".hdf5", ".parquet", ".amat", ".xlsx", ".data"),
    ],
)
def test_damaged_file_is_an_error(tmp_path, refusal, suffix):
    path = tmp_path / f"own{suffix}"
    path.write_bytes(b"nonsense")
    refusal(load_data, path)


def test_file_that_may_not_be_read(tmp_path, refusal, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "own.npz"
    path.touch()
    monkeypatch.setattr("deeptutorial.archives.open", forbidden, raising=False)
    refusal(load_data, path, "cannot be read (Permission denied)")


# --- mnist


def test_mnist_is_searched_in_order(folders):
    places = [folders.named, folders.clone, folders.cache]
    for mark, place in enumerate(places):
        write_mnist(place, 10 * mark)
        write_pickle(place, 10 * mark + 1)
    for mark, place in enumerate(places):
        assert mark_of(read_dataset("mnist")) == 10 * mark
        (place / f"{IDX_NAMES[3]}.gz").unlink()  # three files are not MNIST
        assert mark_of(read_dataset("mnist")) == 10 * mark + 1
        (place / "mnist.pkl.gz").unlink()
    with pytest.raises(DatasetNotFoundError):
        read_dataset("mnist")


def test_package_outside_a_clone_has_the_cache_only(folders):
    (folders.clone / "README.md").unlink()
    write_mnist(folders.clone, 5)
    with pytest.raises(DatasetNotFoundError):
        read_dataset("mnist")
    assert folders.cache.is_dir()  # where it would have been put
    write_mnist(folders.cache, 6)
    assert mark_of(read_dataset("mnist")) == 6


@pytest.mark.parametrize("name", ["", "no such folder", "x" * 300])
def test_variable_may_name_no_folder(folders, tmp_path, monkeypatch, name):
    monkeypatch.setenv("DEEPTUTORIAL_DATA", name and str(tmp_path / name))
    write_mnist(folders.clone, 3)
    assert mark_of(read_dataset("mnist")) == 3


def test_variable_may_be_unset(folders, monkeypatch):
    monkeypatch.delenv("DEEPTUTORIAL_DATA")
    write_mnist(folders.named, 2)
    write_mnist(folders.clone, 3)
    assert mark_of(read_dataset("mnist")) == 3


def test_tutorials_file_name_that_is_nowhere_means_mnist(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_mnist(folders.clone, 8)
    assert mark_of(read_dataset("mnist.pkl.gz")) == 8
    assert load_data()[0][0].get_value()[0, 0] == 8 / 256
    write_pickle(folders.cache, 9)  # further down, but of that name
    assert mark_of(read_dataset("mnist.pkl.gz")) == 9


@pytest.mark.parametrize("name", ["mnist", "mnist.pkl.gz"])
def test_mnist_without_any_way_is_an_error(
    folders, tmp_path, monkeypatch, quick_digits, capfd, name
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="MNIST could not be fetched") as caught:
        load_data(name)
    assert f"http://127.0.0.1:9/{IDX_NAMES[0]}.gz: " in str(caught.value)
    assert os.strerror(errno.ECONNREFUSED) in str(caught.value)
    assert quick_digits == []
    assert capfd.readouterr() == ("", "")


def test_mnist_without_a_folder_to_write_to_is_an_error(folders, monkeypatch):
    deny(monkeypatch, folders.clone, folders.cache)
    with pytest.raises(DatasetNotFoundError) as caught:
        load_data("mnist")
    for folder in (folders.named, folders.clone, folders.cache):
        assert str(folder) in str(caught.value)
    assert "none can be written to" in str(caught.value)


@pytest.mark.parametrize("name", ["mnist", "auto", "mnist.pkl.gz"])
@pytest.mark.parametrize("damaged", [f"{IDX_NAMES[2]}.gz", "mnist.pkl.gz"])
def test_damaged_mnist_is_an_error_and_no_substitute_taken(
    folders, tmp_path, monkeypatch, refusal, quick_digits, name, damaged
):
    monkeypatch.chdir(tmp_path)
    if damaged != "mnist.pkl.gz":
        write_mnist(folders.named)
    (folders.named / damaged).write_bytes(gzip.compress(b"nonsense")[:-1])
    write_mnist(folders.cache)
    refusal(lambda _: load_data(name), folders.named / damaged)
    assert quick_digits == []


def downloads(monkeypatch, mark=0):
    """Let a download succeed; return the folders that it went to."""
    into = []

    def download_mnist(folder):
        into.append(folder)
        write_mnist(folder, mark)

    monkeypatch.setattr(download, "download_mnist", download_mnist)
    return into


@pytest.mark.parametrize("name", ["mnist", "auto", "mnist.pkl.gz"])
def test_mnist_that_is_nowhere_is_fetched_once(folders, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    into = downloads(monkeypatch, 11)
    assert mark_of(read_dataset(name)) == 11
    assert mark_of(read_dataset(name)) == 11
    assert into == [folders.clone]


def test_mnist_goes_to_the_cache_where_the_clone_is_read_only(folders, monkeypatch):
    into = downloads(monkeypatch, 12)
    deny(monkeypatch, folders.clone)
    assert mark_of(read_dataset("mnist")) == 12
    assert into == [folders.cache]


# --- auto


def test_auto_takes_mnist_where_it_is(folders, quick_digits, capfd):
    write_mnist(folders.named, 4)
    assert mark_of(read_dataset("auto")) == 4
    assert quick_digits == []
    assert capfd.readouterr() == ("", "")


def test_auto_takes_the_digits_otherwise_and_says_so_in_two_lines(folders, quick_digits, capfd):
    dataset = read_dataset("auto")
    assert dataset.train[0].shape == (50_000, 784)
    assert quick_digits == [N_DIGITS]
    out, err = capfd.readouterr()
    assert out == ""
    what, how = err.splitlines()
    assert what.startswith("No MNIST: MNIST could not be fetched (http://127.0.0.1:9/")
    assert "built-in digits" in how
    assert str(folders.named) in how
    assert "name their folder as the data set" in how


# --- digits


def test_digits(folders, monkeypatch):
    drawn_anew = load_data("digits")
    monkeypatch.setattr(stored_digits, "make_digits", None)
    beginning, first_labels = make_digits(1000)
    for parts in (drawn_anew, load_data("digits")):
        values = [x.get_value(borrow=True) for x, _ in parts]
        assert [value.shape for value in values] == [(50_000, 784), (10_000, 784), (10_000, 784)]
        assert np.array_equal(values[0][:1000] * 256, beginning)
        assert np.array_equal(parts[0][1].eval()[:1000], first_labels)
        for value, (x, y) in zip(values, parts, strict=True):
            assert value.min() == 0
            assert value.max() <= 255 / 256
            assert set(np.unique(y.eval())) == set(range(10))
            assert x.tag.image_shape == (28, 28)
    for (x, y), (kept_x, kept_y) in zip(drawn_anew, parts, strict=True):
        assert np.array_equal(x.get_value(borrow=True), kept_x.get_value(borrow=True))
        assert np.array_equal(y.eval(), kept_y.eval())


def test_digits_are_kept(folders, quick_digits):
    first = read_dataset("digits")
    kept = snapshot(folders.clone)
    again = read_dataset("digits")
    assert quick_digits == [N_DIGITS]
    for one, other in ((first.train, again.train), (first.test, again.test)):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])
    assert snapshot(folders.clone) == kept
    visible = {path.name for path in folders.clone.iterdir() if not path.name.endswith(".lock")}
    assert visible == {"README.md", stored_digits.FILE_NAME}
    assert not folders.cache.exists()


@pytest.fixture(scope="module")
def kept_digits(tmp_path_factory):
    """Return the bytes of a good file of digits, all of them blank."""
    path = tmp_path_factory.mktemp("kept") / "digits.npz"
    images, labels = np.zeros((N_DIGITS, 784), np.uint8), np.zeros(N_DIGITS, np.uint8)
    np.savez_compressed(path, images=images, labels=labels)
    return path.read_bytes()


def saved(tmp_path, **arrays):
    np.savez_compressed(tmp_path / "other.npz", **arrays)
    return (tmp_path / "other.npz").read_bytes()


def test_good_kept_digits_are_taken(folders, quick_digits, kept_digits):
    (folders.clone / stored_digits.FILE_NAME).write_bytes(kept_digits)
    assert read_dataset("digits").train[0].max() == 0
    assert quick_digits == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"nonsense",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: (
            content[:5000] + bytes([content[5000] ^ 255]) + content[5001:]  # inside the images
        ),
    ],
    ids=["empty", "nonsense", "last byte", "half", "altered"],
)
def test_damaged_digits_are_drawn_anew(folders, quick_digits, kept_digits, damage):
    path = folders.clone / stored_digits.FILE_NAME
    path.write_bytes(damage(kept_digits))
    assert read_dataset("digits").train[0].max() > 0
    assert quick_digits == [N_DIGITS]
    assert read_dataset("digits").train[0].max() > 0  # and the good ones are kept
    assert quick_digits == [N_DIGITS]


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": np.zeros((10, 784), np.uint8), "labels": np.zeros(10, np.uint8)},
        {"images": np.zeros(3, np.uint8)},
        {"images": np.array([None]), "labels": np.array([None])},
        {"images": np.zeros((N_DIGITS, 784), np.uint8), "labels": np.zeros(N_DIGITS, np.int8)},
    ],
    ids=["too few", "no labels", "objects", "type"],
)
def test_other_content_under_that_name_is_drawn_over(folders, tmp_path, quick_digits, arrays):
    (folders.clone / stored_digits.FILE_NAME).write_bytes(saved(tmp_path, **arrays))
    assert read_dataset("digits").train[0].max() > 0
    assert quick_digits == [N_DIGITS]


def test_digits_go_to_the_cache_where_the_clone_is_read_only(folders, monkeypatch, quick_digits):
    deny(monkeypatch, folders.clone)
    before = snapshot(folders.clone)
    read_dataset("digits")
    assert (folders.cache / stored_digits.FILE_NAME).is_file()
    assert snapshot(folders.clone) == before


def test_digits_are_drawn_each_time_where_all_is_read_only(folders, monkeypatch, quick_digits):
    folders.cache.parent.touch()  # a file in place of the folder around
    deny(monkeypatch, folders.clone)
    assert read_dataset("digits").test[0].shape == (10_000, 784)
    assert read_dataset("digits").test[0].shape == (10_000, 784)
    assert quick_digits == [N_DIGITS] * 2
    assert list(folders.clone.iterdir()) == [folders.clone / "README.md"]


def test_full_disk_costs_the_keeping_only(folders, monkeypatch, quick_digits):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored_digits.np, "savez_compressed", full)
    assert read_dataset("digits").train[0].shape == (50_000, 784)
    left = {path.name for path in folders.clone.iterdir() if not path.name.endswith(".lock")}
    assert left == {"README.md"}


# --- the folder that is only read


def test_named_folder_is_never_written_to(folders, tmp_path, monkeypatch, quick_digits):
    monkeypatch.chdir(tmp_path)
    (folders.named / "notes.txt").write_text("mine")
    before = snapshot(folders.named), folders.named.stat().st_mtime_ns

    with pytest.raises(DatasetNotFoundError):
        read_dataset("mnist")
    read_dataset("auto")
    read_dataset("digits")
    into = downloads(monkeypatch)
    read_dataset("mnist.pkl.gz")
    assert folders.named not in into
    deny(monkeypatch, folders.clone, folders.cache)
    read_dataset("digits")
    assert (snapshot(folders.named), folders.named.stat().st_mtime_ns) == before


def test_reading_the_named_folder_writes_nowhere(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_mnist(folders.named)
    before = snapshot(tmp_path)
    read_dataset("mnist")
    read_dataset("auto")
    assert snapshot(tmp_path) == before


def test_errors_are_value_errors():
    assert issubclass(DatasetNotFoundError, DatasetError)
    assert issubclass(DatasetError, ValueError)


def test_a_damaged_name_is_not_quoted_at_length(tmp_path, refusal):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((40, 100)))
    content = bytearray(path.read_bytes())
    content[26:28] = (9000).to_bytes(2, "little")  # the length of the name in the first header
    path.write_bytes(content)
    assert len(refusal(read_dataset, path, "cannot be read as .npz (")) < 500 + len(str(path))
