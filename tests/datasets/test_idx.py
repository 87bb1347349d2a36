"""IDX files, written here byte by byte."""

import gzip
import re
import struct
import tracemalloc

import numpy as np
import pytest

from deeptutorial.datasets import read_dataset
from deeptutorial.datasets.idx import IDX_NAMES, find_idx_files, read_idx, read_idx_folder

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = IDX_NAMES


def idx_bytes(shape, values, type_code=8):
    return struct.pack(f">HBB{len(shape)}I", 0, type_code, len(shape), *shape) + bytes(values)


def image_values(n, offset=0, n_pixels=15):
    return [(offset + i) % 256 for i in range(n * n_pixels)]


def small_set(n_train=12, n_test=4, height=3, width=5):
    n_pixels = height * width
    return {
        TRAIN_IMAGES: idx_bytes((n_train, height, width), image_values(n_train, 0, n_pixels)),
        TRAIN_LABELS: idx_bytes((n_train,), [i % 10 for i in range(n_train)]),
        TEST_IMAGES: idx_bytes((n_test, height, width), image_values(n_test, 100, n_pixels)),
        TEST_LABELS: idx_bytes((n_test,), [9 - i % 10 for i in range(n_test)]),
    }


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the four files, some in place of the good ones."""

    def write(in_place=None, suffix=".gz", **sizes):
        for name, content in (small_set(**sizes) | (in_place or {})).items():
            if content is None:
                continue
            path = tmp_path / f"{name}{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
        return tmp_path

    return write


# --- one file


@pytest.mark.parametrize("file_name", ["some-idx3-ubyte", "some-idx3-ubyte.gz"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (4, 6), (24,), (1, 24), (2, 3, 2, 2)])
def test_values_and_shape_are_read(tmp_path, file_name, shape):
    path = tmp_path / file_name
    content = idx_bytes(shape, range(24))
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    array = read_idx(path)
    assert array.shape == shape
    assert array.dtype == np.uint8
    assert array.ravel().tolist() == list(range(24))


def test_gzip_is_told_by_its_content(tmp_path):
    path = tmp_path / "some-idx1-ubyte"
    path.write_bytes(gzip.compress(idx_bytes((3,), [7, 8, 255])))
    assert read_idx(path).tolist() == [7, 8, 255]


def test_file_that_is_not_gzip_in_spite_of_its_name(tmp_path, refusal):
    path = tmp_path / "some-idx1-ubyte.gz"
    path.write_bytes(idx_bytes((3,), [1, 2, 3]))
    refusal(read_idx, path, "not a gzip file")


def test_truncated_gzip_is_refused(tmp_path, refusal):
    path = tmp_path / "some-idx1-ubyte.gz"
    content = gzip.compress(idx_bytes((100,), [i * i % 251 for i in range(100)]))
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refusal(read_idx, path)


def test_altered_gzip_is_refused(tmp_path, refusal):
    path = tmp_path / "some-idx1-ubyte.gz"
    content = gzip.compress(idx_bytes((100,), range(100)), compresslevel=0)
    for position in range(11, len(content)):  # before, there are the date and unused bits
        altered = bytearray(content)
        altered[position] ^= 0x10
        path.write_bytes(altered)
        refusal(read_idx, path, "damaged gzip data")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["not an IDX file"]),
        (b"\0\0\x08", ["not an IDX file", "000008"]),
        (b"\0\0\x09\x01\0\0\0\x01A", ["not an IDX file", "00000901"]),
        (b"\0\0\x0d\x01\0\0\0\x01ABCD", ["not an IDX file", "00000d01"]),
        (b"\x01\0\x08\x01\0\0\0\x01A", ["not an IDX file", "01000801"]),
        (b"<html>not found</html>", ["not an IDX file", "3c68746d"]),
        (b"\0\0\x08\x03" + 11 * b"\0", ["ends within its header"]),
        (b"\0\0\x08\xff" + 1000 * b"\0", ["ends within its header"]),
        (idx_bytes((2, 3), range(5)), ["2 x 3 bytes", "5 follow"]),
        (idx_bytes((2, 3), range(7)), ["2 x 3 bytes", "7 follow"]),
        (idx_bytes((2, 3), []), ["2 x 3 bytes", "0 follow"]),
        (idx_bytes((), []), ["0 follow"]),
        (idx_bytes((2**32 - 1,) * 3, range(9)), ["4294967295 x 4294967295", "9 follow"]),
        (idx_bytes((2**31, 2**31, 4), []), ["2147483648 x 2147483648 x 4", "0 follow"]),
        (idx_bytes((2**32 - 1,) * 255, range(9)), ["9 follow"]),
        (idx_bytes((0, *[2**32 - 1] * 3), []), ["impossible array"]),
        (idx_bytes((1,) * 255, [1]), ["impossible array"]),
    ],
)
def test_unusable_file_is_refused(tmp_path, refusal, content, words):
    path = tmp_path / "some-idx3-ubyte"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        refusal(read_idx, path, *words)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_file_that_does_not_exist(tmp_path, refusal):
    refusal(read_idx, tmp_path / "nowhere", "cannot be read (No such file or directory)")


def test_file_that_may_not_be_read(tmp_path, refusal, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "some-idx1-ubyte"
    path.touch()
    monkeypatch.setattr("deeptutorial.archives.open", forbidden, raising=False)
    refusal(read_idx, path, "cannot be read (Permission denied)")


# --- the four files


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_folder_is_read(write, suffix):
    dataset = read_idx_folder(write(suffix=suffix))
    stored = np.array(image_values(12)).reshape(12, 15)
    assert dataset.image_shape == (3, 5)
    assert (dataset.train[0] * 256).tolist() == stored[:10].tolist()
    assert (dataset.valid[0] * 256).tolist() == stored[10:].tolist()
    assert (dataset.test[0].ravel() * 256).tolist() == image_values(4, 100)
    assert dataset.train[1].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert dataset.valid[1].tolist() == [0, 1]
    assert dataset.test[1].tolist() == [9, 8, 7, 6]
    for images, labels in (dataset.train, dataset.valid, dataset.test):
        assert images.dtype == np.float32
        assert labels.dtype == np.int32


def test_pixels_are_divided_by_256(write):
    image = idx_bytes((1, 3, 5), [0, 1, 64, 128, 254, 255] + 9 * [0])
    folder = write({TEST_IMAGES: image, TEST_LABELS: idx_bytes((1,), [5])})
    pixels = read_idx_folder(folder).test[0][0]
    assert pixels[:6].tolist() == [0, 1 / 256, 0.25, 0.5, 254 / 256, 255 / 256]


@pytest.mark.parametrize(("n_train", "n_valid"), [(6, 1), (11, 1), (60, 10), (65, 10)])
def test_last_sixth_is_for_validation(write, n_train, n_valid):
    dataset = read_idx_folder(write(n_train=n_train))
    assert len(dataset.valid[0]) == len(dataset.valid[1]) == n_valid
    assert len(dataset.train[0]) == len(dataset.train[1]) == n_train - n_valid


def test_plain_and_gzipped_files_mix(write):
    folder = write(suffix=".gz")
    plain = folder / TRAIN_LABELS
    plain.write_bytes(gzip.decompress((folder / f"{TRAIN_LABELS}.gz").read_bytes()))
    (folder / f"{TRAIN_LABELS}.gz").unlink()
    assert find_idx_files(folder) == {
        name: plain if name == TRAIN_LABELS else folder / f"{name}.gz" for name in IDX_NAMES
    }
    assert read_idx_folder(folder).valid[1].tolist() == [0, 1]


def test_folder_without_any_has_none(tmp_path):
    (tmp_path / TRAIN_IMAGES).mkdir()  # a folder of that name is no file
    assert find_idx_files(tmp_path) == {}
    assert find_idx_files(tmp_path / "nowhere") == {}
    assert find_idx_files(tmp_path / ("x" * 300)) == {}


@pytest.mark.parametrize("name", IDX_NAMES)
def test_missing_file_is_named(write, refusal, name):
    message = refusal(read_idx_folder, write({name: None}), f"{name} (or with .gz) missing")
    assert not any(other in message for other in IDX_NAMES if other != name)


@pytest.mark.parametrize("name", IDX_NAMES)
def test_damaged_file_is_named(write, refusal, name):
    folder = write({name: b"nonsense"}, suffix="")
    refusal(lambda _: read_idx_folder(folder), folder / name, "6e6f6e73")


@pytest.mark.parametrize(
    ("in_place", "words"),
    [
        ({TRAIN_LABELS: idx_bytes((11,), range(11))}, ["training", "12 images", "11 labels"]),
        ({TRAIN_LABELS: idx_bytes((13,), range(13))}, ["training", "12 images", "13 labels"]),
        ({TEST_LABELS: idx_bytes((5,), range(5))}, ["test", "4 images", "5 labels"]),
        ({TRAIN_LABELS: idx_bytes((12, 1), range(12))}, ["training", "uint8 of shape (12, 1)"]),
        ({TEST_LABELS: idx_bytes((), [1])}, ["test", "uint8 of shape ()"]),
        ({TRAIN_IMAGES: idx_bytes((12, 15), image_values(12))}, ["train", "2 dimensions"]),
        ({TEST_IMAGES: idx_bytes((4,), range(4))}, ["t10k", "1 dimensions"]),
        ({TEST_IMAGES: idx_bytes((4, 5, 3), image_values(4))}, ["(3, 5)", "(5, 3)"]),
        ({TRAIN_IMAGES: idx_bytes((0, 3, 5), [])}, ["training", "empty", "(0, 3, 5)"]),
        ({TEST_IMAGES: idx_bytes((0, 3, 5), [])}, ["test", "empty", "(0, 3, 5)"]),
        (
            {
                TRAIN_IMAGES: idx_bytes((5, 3, 5), image_values(5)),
                TRAIN_LABELS: idx_bytes((5,), range(5)),
            },
            ["5 training example(s)", "none for validation"],
        ),
    ],
)
def test_files_that_do_not_fit_together_are_refused(write, refusal, in_place, words):
    refusal(read_idx_folder, write(in_place), *words)


# --- MNIST's relatives


def int_bytes(rows):
    """Return integers of four bytes in columns, as QMNIST's labels are."""
    rows = np.asarray(rows, ">i4")
    return struct.pack(">HBBII", 0, 12, 2, *rows.shape) + rows.tobytes()


def relative(folder, before, between="-", test="test", labels=range(12), **sizes):
    """Write four small files by other names than MNIST's; the labels of both sets are the same."""
    folder.mkdir(exist_ok=True)
    for name, content in small_set(n_test=12, **sizes).items():
        if "labels" in name:
            content = idx_bytes((12,), labels)
        name = name.replace("t10k", test).replace("-", between, 2)
        (folder / f"{before}{name}").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("before", "between", "test"),
    [
        ("", ".", "t10k"),  # train.images.idx3-ubyte
        ("", "_", "test"),
        ("kmnist-", "-", "t10k"),
        ("qmnist-", "-", "test"),
        ("Fashion-MNIST_", "-", "t10k"),
    ],
)
def test_other_names_are_known(tmp_path, before, between, test):
    dataset = read_dataset(relative(tmp_path, before, between, test))
    assert (dataset.train[0] * 256).tolist() == np.reshape(image_values(12), (12, 15))[:10].tolist()
    assert dataset.test[1].tolist() == list(range(12))
    assert dataset.class_names == ()


def test_dots_as_some_copies_have_them(tmp_path):
    for name, content in small_set().items():
        stem, _, kind = name.rpartition("-idx")
        (tmp_path / f"{stem}.idx{kind}").write_bytes(content)
    assert read_idx_folder(tmp_path).test[1].tolist() == [9, 8, 7, 6]
    assert find_idx_files(tmp_path)[TEST_LABELS].name == "t10k-labels.idx1-ubyte"


def test_emnist_is_put_upright(tmp_path):
    relative(tmp_path, "emnist-digits-", labels=[*range(10), 0, 1])
    dataset = read_dataset(tmp_path)
    assert dataset.image_shape == (5, 3)
    stored = np.array(image_values(12)).reshape(12, 3, 5)
    first = dataset.train[0][0].reshape(5, 3) * 256
    for row in range(5):
        for column in range(3):
            assert first[row, column] == stored[0, column, row]
    assert dataset.class_names == ()


@pytest.mark.parametrize(
    ("kind", "labels", "expected", "names"),
    [
        ("letters", [1, 2, 26, 3, *[1] * 8], [0, 1, 25, 2], "A B Z C"),
        ("balanced", [0, 9, 10, 35, 36, 46, *[0] * 6], [0, 9, 10, 35, 36, 46], "0 9 A Z a t"),
        ("bymerge", [0, 9, 10, 35, 36, 46, *[0] * 6], [0, 9, 10, 35, 36, 46], "0 9 A Z a t"),
        ("byclass", [0, 10, 35, 36, 61, *[0] * 7], [0, 10, 35, 36, 61], "0 A Z a z"),
    ],
)
def test_classes_of_emnist_have_names(tmp_path, kind, labels, expected, names):
    dataset = read_dataset(relative(tmp_path, f"emnist-{kind}-", labels=labels))
    found = dataset.train[1][: len(expected)].tolist()
    assert found == expected
    assert [dataset.class_names[label] for label in found] == names.split()


@pytest.mark.parametrize(("kind", "wrong"), [("letters", 0), ("letters", 27), ("balanced", 47)])
def test_other_labels_than_emnist_has_are_refused(tmp_path, refusal, kind, wrong):
    relative(tmp_path, f"emnist-{kind}-", labels=[wrong, *[1] * 11])
    refusal(read_dataset, tmp_path, f"the labels of emnist-{kind} must be", f"{wrong}")


def test_notes_on_the_labels_of_qmnist_are_left_out(tmp_path):
    relative(tmp_path, "qmnist-")
    (tmp_path / "qmnist-train-labels-idx1-ubyte").unlink()
    notes = [[i % 10, 4, 2100 + i, 3, 0x39, 17, 0, 0] for i in range(12)]
    (tmp_path / "qmnist-train-labels-idx2-int.gz").write_bytes(gzip.compress(int_bytes(notes)))
    dataset = read_dataset(tmp_path)
    assert dataset.train[1].tolist() == list(range(10))
    assert dataset.valid[1].tolist() == [0, 1]


def test_fashion_is_known_by_its_labels(tmp_path):
    labels = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    labels += [c for c in range(10) for _ in range(5 - labels.count(c))]
    in_place = {
        TRAIN_IMAGES: idx_bytes((50, 1, 1), [0] * 50),
        TRAIN_LABELS: idx_bytes((50,), labels),
        TEST_IMAGES: idx_bytes((4, 1, 1), [0] * 4),
    }
    for name, content in (small_set() | in_place).items():
        (tmp_path / name).write_bytes(content)
    names = read_dataset(tmp_path).class_names
    assert [names[label] for label in labels[:4]] == ["Ankle boot", *["T-shirt/top"] * 2, "Dress"]
    (tmp_path / TRAIN_LABELS).write_bytes(idx_bytes((50,), labels[:40] + [9] * 10))
    assert read_dataset(tmp_path).class_names == ()


def test_a_large_label_takes_no_memory(tmp_path):
    relative(tmp_path, "qmnist-")
    (tmp_path / "qmnist-train-labels-idx1-ubyte").unlink()
    labels = int_bytes([[2**31 - 1, *[0] * 7]] * 12)
    (tmp_path / "qmnist-train-labels-idx2-int").write_bytes(labels)
    tracemalloc.start()
    try:
        assert read_dataset(tmp_path).train[1].max() == 2**31 - 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_several_relatives_in_one_folder_are_refused_and_each_can_be_named(tmp_path, refusal):
    relative(tmp_path, "emnist-letters-", labels=[1] * 12)
    relative(tmp_path, "qmnist-", labels=[7] * 12)
    relative(tmp_path, "", labels=[5] * 12)
    message = refusal(read_dataset, tmp_path, "emnist-letters", "qmnist", "MNIST's own names")
    chosen = re.search(r"(\S+) say$", message)[1]
    assert read_dataset(chosen).train[1][0] in (0, 7, 5)
    for file, label in (
        ("emnist-letters-test-labels-idx1-ubyte", 0),
        ("qmnist-train-images-idx3-ubyte", 7),
        ("train-labels-idx1-ubyte", 5),
    ):
        assert read_dataset(tmp_path / file).train[1][0] == label


def test_missing_file_of_a_relative_is_named(tmp_path, refusal):
    relative(tmp_path, "qmnist-")
    (tmp_path / "qmnist-test-images-idx3-ubyte").unlink()
    refusal(read_dataset, tmp_path, "qmnist-test-images-idx3-ubyte (or with .gz) missing")


def test_one_file_of_images_by_any_name(tmp_path, refusal):
    path = tmp_path / "mine.idx"
    path.write_bytes(idx_bytes((12, 3, 5), image_values(12)))
    dataset = read_dataset(path)
    assert dataset.image_shape == (3, 5)
    images = np.concatenate([part[0] for part in (dataset.train, dataset.valid, dataset.test)])
    assert sorted((images[:, 0] * 256).tolist()) == sorted(image_values(12)[::15])
    assert set(dataset.train[1].tolist()) == {-1}
    path.write_bytes(idx_bytes((12,), range(12)))
    refusal(read_dataset, path, "no images", *IDX_NAMES)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (int_bytes([[1, 2], [3, 4]])[:-1], ["2 x 2 integers of 4 bytes", "15 follow"]),
        (int_bytes([[1, 2], [3, 4]])[:9], ["ends within its header"]),
    ],
)
def test_unusable_file_of_integers_is_refused(tmp_path, refusal, content, words):
    path = tmp_path / "some-idx2-int"
    path.write_bytes(content)
    refusal(read_idx, path, *words)


def test_integers_are_read(tmp_path):
    path = tmp_path / "some-idx2-int"
    path.write_bytes(int_bytes([[1, -2], [2**31 - 1, 0]]))
    array = read_idx(path)
    assert array.tolist() == [[1, -2], [2**31 - 1, 0]]
    assert array.dtype == np.int32
    assert array.dtype.isnative


def test_real_files_have_the_published_form(mnist_folder):
    found = find_idx_files(mnist_folder)
    labels = read_idx(found[TRAIN_LABELS])
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # How often each digit occurs in the training and in the test set is published.
    assert np.bincount(labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(read_idx(found[TEST_LABELS])).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    images = read_idx(found[TEST_IMAGES])
    assert images.shape == (10_000, 28, 28)
    assert images.max() == 255
    assert round(float(images.mean()) / 255, 4) == 0.1325
