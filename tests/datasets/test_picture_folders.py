"""Folders of pictures: parts, classes, links, pages, depths, and what is left out or refused."""

import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deeptutorial.datasets import DatasetError, load_data, read_dataset
from deeptutorial.datasets.arrays import Dataset, Examples
from deeptutorial.datasets.picture_folders import read_picture_file, read_picture_folder
from deeptutorial.datasets.pictures import (
    DamagedPictureError,
    find_pictures,
    page_numbers,
    read_picture,
)


def save(path, value, shape=(2, 3)):
    """Save a grey picture of one value, or of given ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = np.asarray(value, np.uint8)
    Image.fromarray(value if value.ndim else np.full(shape, value, np.uint8)).save(path)


def marks(images):
    """Return the first pixel of each, which is its mark."""
    return (np.asarray(images).reshape(len(images), -1)[:, 0] * 256).astype(int).tolist()


# --- parts


def image_folder(folder, train="train", valid="val", test="test", n_train=6):
    """Write pictures as torchvision's ImageFolder has them; the mark tells part and class."""
    for first, part, n in ((0, train, n_train), (100, valid, 3), (200, test, 2)):
        for kind, class_name in enumerate(("10", "9")) if part else ():
            for i in range(n):
                save(folder / part / class_name / f"{i}.png", first + 20 * kind + i)
    return folder


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train", "val", "test"),
        ("Training", "VALIDATION", "Testing"),
        ("TRAIN", "valid", "test"),
    ],
)
def test_folders_are_the_parts_that_they_say_they_are(tmp_path, train, valid, test):
    dataset = read_picture_folder(image_folder(tmp_path, train, valid, test))
    assert isinstance(dataset, Dataset)
    assert dataset.class_names == ("9", "10")  # in the order that people have
    assert sorted(marks(dataset.train[0])) == [*range(6), *range(20, 26)]
    assert marks(dataset.valid[0]) == [100, 101, 102, 120, 121, 122]
    assert marks(dataset.test[0]) == [200, 201, 220, 221]
    assert dataset.test[1].tolist() == [1, 1, 0, 0]
    for mark, label in zip(marks(dataset.train[0]), dataset.train[1], strict=True):
        assert label == (mark < 20)
    assert marks(dataset.train[0]) != sorted(marks(dataset.train[0]))
    assert dataset.image_shape == (2, 3)


def test_parts_within_a_folder_of_their_own(tmp_path):
    image_folder(tmp_path / "set" / "of pictures")
    dataset = read_picture_folder(tmp_path)
    assert marks(dataset.test[0]) == [200, 201, 220, 221]
    assert dataset.class_names == ("9", "10")


@pytest.mark.parametrize("missing", ["valid", "test"])
def test_missing_part_is_a_sixth_of_the_training_set(tmp_path, missing):
    dataset = read_picture_folder(image_folder(tmp_path, **{missing: ""}))
    taken = getattr(dataset, missing)
    assert len(taken[1]) == 2
    assert sorted(marks(dataset.train[0]) + marks(taken[0])) == [*range(6), *range(20, 26)]


def test_parts_without_classes_have_no_labels(tmp_path):
    for i, part in enumerate(("train", "val", "test")):
        for j in range(3):
            save(tmp_path / part / f"{j}.png", 10 * i + j)
    dataset = read_picture_folder(tmp_path)
    assert marks(dataset.test[0]) == [20, 21, 22]
    assert set(dataset.test[1].tolist()) == {-1}
    assert dataset.class_names == ()


def test_test_set_may_have_no_classes(tmp_path):
    image_folder(tmp_path, test="")
    for i in range(3):
        save(tmp_path / "test" / f"{i}.png", 200 + i)
    dataset = read_picture_folder(tmp_path)
    assert dataset.test[1].tolist() == [-1] * 3
    assert set(dataset.train[1].tolist()) == {0, 1}


@pytest.mark.parametrize("name", ["more", "."])
def test_pictures_beside_the_parts_are_refused(tmp_path, refusal, name):
    save(image_folder(tmp_path) / name / "x.png", 7)
    said = "the folder itself" if name == "." else "more"
    refusal(read_picture_folder, tmp_path, f"pictures in {said}, beside", "test, train, val")


def test_two_folders_for_one_part_are_refused(tmp_path, refusal):
    image_folder(tmp_path, valid="training")
    refusal(read_picture_folder, tmp_path, "test, train, training")


def test_parts_without_a_training_set_are_refused(tmp_path, refusal):
    refusal(read_picture_folder, image_folder(tmp_path, train=""), "one for training")


def test_class_that_is_not_in_the_training_set_is_named(tmp_path, refusal):
    save(image_folder(tmp_path) / "val" / "8" / "x.png", 7)
    refusal(read_picture_folder, tmp_path, "validation set: the class 8 has no picture")


def test_a_class_can_be_called_like_a_part(tmp_path):
    for i, name in enumerate(("train", "car", "ship")):
        save(tmp_path / name / "a.png", i)
    examples = read_picture_folder(tmp_path)
    assert examples.class_names == ("car", "ship", "train")


# --- classes


def test_classes_are_numbered_in_natural_order(tmp_path):
    for i in (1, 10, 2, 12):
        save(tmp_path / f"n{i}" / "a.png", i)
    examples = read_picture_folder(tmp_path)
    assert isinstance(examples, Examples)
    assert examples.class_names == ("n1", "n2", "n10", "n12")
    assert [examples.class_names[label] for label in examples.labels] == [
        f"n{mark}" for mark in marks(examples.images)
    ]


def test_folders_within_classes_are_no_classes(tmp_path):
    for i, name in enumerate(("cats/2021", "cats/2022", "dogs", "dogs/old")):
        save(tmp_path / "all" / name / "a.png", i)
    examples = read_picture_folder(tmp_path)
    assert examples.class_names == ("cats", "dogs")
    assert dict(zip(marks(examples.images), examples.labels.tolist(), strict=True)) == {
        0: 0, 1: 0, 2: 1, 3: 1,
    }  # fmt: skip


def test_pictures_outside_the_classes_have_no_label(tmp_path):
    for i, name in enumerate(("A", "B", ".")):
        save(tmp_path / name / "a.png", i)
    examples = read_picture_folder(tmp_path)
    assert dict(zip(marks(examples.images), examples.labels.tolist(), strict=True)) == {
        0: 0, 1: 1, 2: -1,
    }  # fmt: skip


def test_pictures_are_told_apart_by_their_names(tmp_path):
    for name in ("b/x.png", "a/x.png", "a/y.png"):
        save(tmp_path / name, 1)
    assert list(read_picture_folder(tmp_path).identifiers) == [
        str(Path(name)) for name in ("a/x.png", "a/y.png", "b/x.png")
    ]


# --- links, and folders that cannot be read


def linked(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no symbolic links here")


def test_links_are_followed(tmp_path):
    for i, name in enumerate("AB"):
        save(tmp_path / "elsewhere" / name / "a.png", i)
    (tmp_path / "mine").mkdir()
    linked(tmp_path / "mine" / "A", tmp_path / "elsewhere" / "A")
    linked(tmp_path / "mine" / "B", Path("..") / "elsewhere" / "B")
    linked(tmp_path / "mine" / "c.png", tmp_path / "elsewhere" / "A" / "a.png")
    examples = read_picture_folder(tmp_path / "mine")
    assert examples.class_names == ("A", "B")
    assert sorted(marks(examples.images)) == [0, 0, 1]


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_link_that_leads_back_is_refused(tmp_path, refusal, target):
    folder = tmp_path / "a" / "b"
    save(folder / "x.png", 1)
    linked(folder / "loop", target)
    read = (lambda _: read_picture_folder(tmp_path), folder / "loop")
    refusal(*(read if target == "." else (read[0], tmp_path)), "leads back")


def test_many_ways_to_few_folders_are_refused(tmp_path, refusal, monkeypatch):
    monkeypatch.setattr("deeptutorial.datasets.folders.MOST_FOLDERS", 1000)
    for i in range(20):
        (tmp_path / str(i)).mkdir()
        for name in "xy":
            linked(tmp_path / str(i) / name, tmp_path / str(i + 1))
    save(tmp_path / "20" / "a.png", 1)
    refusal(read_picture_folder, tmp_path, "more than 1000 folders")


def test_links_to_nowhere_are_named(tmp_path, refusal):
    save(tmp_path / "a.png", 1)
    linked(tmp_path / "b.png", tmp_path / "nowhere.png")
    refusal(lambda _: read_picture_folder(tmp_path), tmp_path / "b.png", "cannot be read")
    (tmp_path / "b.png").unlink()
    linked(tmp_path / "B", tmp_path / "nowhere")
    refusal(lambda _: read_picture_folder(tmp_path), tmp_path / "B", "leads nowhere")


def test_folder_that_may_not_be_read_is_named(tmp_path, refusal, monkeypatch):
    for name in "ABC":
        save(tmp_path / name / "a.png", 1)
    scandir = os.scandir

    def forbidden(path):
        if Path(path).name == "B":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    for read in (find_pictures, read_picture_folder):
        refusal(lambda _, read=read: read(tmp_path), tmp_path / "B", "Permission denied")


# --- upright, pages, depths


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_put_upright(tmp_path, suffix, orientation):
    """As the standard says: what lies where the first row and the first column are."""
    shown = np.zeros((16, 24), np.uint8)
    shown[:8, :8] = 250  # top left
    shown[:8, 16:] = 120  # top right
    stored = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.T,
        6: shown.T[::-1],
        7: shown.T[::-1, ::-1],
        8: shown.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    lossless = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, quality=100, **lossless)
    read = read_picture(path)
    read = read if read.ndim == 2 else read[..., 0]
    assert np.abs(read * 256 - shown).max() <= 3


def test_turned_picture_of_16_bits(tmp_path):
    values = np.array([[1, 2, 3], [4, 5, 60000]], np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png") * 65536, values[::-1].T)


def stack(path, pages, **more):
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(path, save_all=True, append_images=others, **more)


def test_pages_of_a_tiff_are_pictures(tmp_path):
    for name, first in (("a", 0), ("b", 100)):
        stack(tmp_path / f"{name}.tif", [np.full((2, 3), first + i, np.uint8) for i in range(4)])
    save(tmp_path / "c.png", 200)
    examples = read_picture_folder(tmp_path)
    assert marks(examples.images) == [0, 1, 2, 3, 100, 101, 102, 103, 200]
    assert list(examples.identifiers) == [
        *(f"{name}.tif, page {i}" for name in "ab" for i in (1, 2, 3, 4)),
        "c.png",
    ]


def test_each_page_can_be_read_by_itself(tmp_path, refusal):
    path = tmp_path / "a.tif"
    stack(path, [np.full((2, 3), i, np.uint8) for i in range(4)])
    assert page_numbers(path) == [0, 1, 2, 3]
    assert [marks(read_picture(path, page=i)[None]) for i in range(4)] == [[0], [1], [2], [3]]
    refusal(lambda path: read_picture(path, page=4), path, "cannot be read as a picture")
    save(tmp_path / "a.png", 1)
    assert page_numbers(tmp_path / "a.png") == [0]
    (tmp_path / "b.png").touch()
    with pytest.raises(DamagedPictureError, match=r"b\.png: cannot be read as a picture"):
        page_numbers(tmp_path / "b.png")


@pytest.mark.parametrize("n", [3, 14])
def test_one_file_of_pages_is_a_data_set(tmp_path, n):
    pages = [np.full((2, 3), i, np.uint8) for i in range(n)]
    stack(tmp_path / "stack.tif", pages)
    examples = read_picture_file(tmp_path / "stack.tif")
    assert marks(examples.images) == list(range(n))
    assert list(examples.identifiers) == [f"page {i + 1}" for i in range(n)]
    assert len(read_dataset(tmp_path / "stack.tif").train[1]) == n - 2 * max(1, n // 7)


def test_previews_are_no_pages(tmp_path):
    full, preview = np.full((4, 6), 9, np.uint8), np.full((2, 3), 9, np.uint8)
    path = tmp_path / "a.tif"
    with Image.fromarray(full) as first:
        small = Image.fromarray(preview)
        small.encoderinfo = {"tiffinfo": {254: 1}}
        first.save(path, save_all=True, append_images=[small, Image.fromarray(full)])
    assert read_picture_file(path).images.shape == (2, 4, 6)


def test_page_of_another_size_is_named(tmp_path, refusal):
    path = tmp_path / "a.tif"
    stack(path, [np.zeros((2, 3), np.uint8)] * 2 + [np.zeros((3, 2), np.uint8)])
    refusal(read_picture_file, path, "page 3: 2x3 pixels", "resize")


def test_single_picture_is_no_data_set(tmp_path, refusal):
    save(tmp_path / "a.png", 1)
    refusal(read_dataset, tmp_path / "a.png", "a single picture", "name a folder of pictures")


@pytest.mark.parametrize("largest", [1023, 4095, 16383])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_fewer_bits_than_the_file_has_are_not_taken_for_black(tmp_path, refusal, largest, suffix):
    for i in range(3):
        values = np.array([[0, largest // 2 + 1, largest]], np.uint16)
        Image.fromarray(values).save(tmp_path / f"{i}{suffix}")
    refusal(read_dataset, tmp_path, f"go up to {largest} only", "--scale max")
    dataset = read_dataset(tmp_path, "max")
    np.testing.assert_allclose(dataset.train[0], [[0, (largest // 2 + 1) / largest, 1]], rtol=1e-6)


def test_one_bright_pixel_tells_that_all_bits_are_used(tmp_path):
    for i, largest in enumerate((100, 4095, 40_000)):
        Image.fromarray(np.array([[0, largest]], np.uint16)).save(tmp_path / f"{i}.png")
    brightest = sorted(read_picture_folder(tmp_path).images[:, 0, 1] * 65536)
    assert brightest == [100, 4095, 40_000]
    assert not read_picture_folder(tmp_path).doubt


def test_depth_is_told_before_averaging(tmp_path):
    values = np.zeros((8, 8), np.uint16)
    values[3, 3] = 60_000
    for i in range(3):
        Image.fromarray(values).save(tmp_path / f"{i}.png")
    assert not read_picture_folder(tmp_path, resize=(1, 1)).doubt


def test_fewer_bits_beside_8_are_refused(tmp_path, refusal):
    save(tmp_path / "a.png", 255, (1, 2))
    Image.fromarray(np.array([[0, 4095]], np.uint16)).save(tmp_path / "b.png")
    refusal(read_picture_folder, tmp_path, "up to 4095 of 65535", "bring all to 8 bits")


def test_black_pictures_of_16_bits_are_black(tmp_path):
    for i in range(3):
        Image.fromarray(np.zeros((1, 2), np.uint16)).save(tmp_path / f"{i}.png")
    assert read_dataset(tmp_path).train[0].tolist() == [[0, 0]]


# --- as asked: size, grey, damage


def triangles(n, m):
    """Return weights that take n values to m: triangles as wide as two of the larger steps."""
    step = n / m
    distance = np.abs((np.arange(m)[:, None] + 0.5) * step - (np.arange(n) + 0.5)) / max(step, 1)
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (30, 45), (7, 40)])
@pytest.mark.parametrize("n_colours", [1, 3])
def test_resizing_averages(tmp_path, shape, n_colours):
    values = np.random.default_rng(0).integers(0, 256, (20, 30, n_colours), np.uint8).squeeze()
    Image.fromarray(values).save(tmp_path / "a.png")
    down, across = triangles(20, shape[0]), triangles(30, shape[1])
    expected = np.einsum("iy,jx,yx...->ij...", down, across, values / 256)
    resized = read_picture(tmp_path / "a.png", resize=shape)
    np.testing.assert_allclose(resized, expected, atol=1e-5)


def test_pictures_of_all_sizes_and_kinds_come_to_one(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (30, 20), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(rng.integers(0, 256, (10, 40, 3), np.uint8)).save(tmp_path / "b.png")
    Image.fromarray(rng.integers(0, 65536, (9, 9)).astype(np.uint16)).save(tmp_path / "c.png")
    Image.fromarray(rng.random((5, 6), np.float32)).save(tmp_path / "d.tif")
    Image.fromarray(rng.random((7, 8)) > 0.5).save(tmp_path / "e.png")
    assert read_picture_folder(tmp_path, resize=(7, 9)).images.shape == (5, 7, 9, 3)
    grey = read_picture_folder(tmp_path, resize=(7, 9), grey=True)
    assert grey.images.shape == (5, 7, 9)
    assert grey.images.dtype == np.float32


def test_enlarging_stays_within_the_values(tmp_path):
    save(tmp_path / "a.png", np.array([[0, 255], [255, 0]]))
    large = read_picture(tmp_path / "a.png", resize=(9, 9))
    assert (large[0, 0], large[0, -1], large[-1, 0]) == (0, 255 / 256, 255 / 256)
    assert large.min() == 0
    assert large.max() == 255 / 256


def test_grey_is_how_bright_the_colours_are(tmp_path):
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    grey = read_picture(tmp_path / "a.png", grey=True)
    np.testing.assert_allclose(grey * 256, [[0.299 * 255, 0.587 * 255, 0.114 * 255, 9]], rtol=1e-6)


@pytest.mark.parametrize("size", [(0, 3), (3,), (2.5, 3), (3, 4, 5), "3x"])
def test_what_is_no_size_is_refused(tmp_path, size):
    save(tmp_path / "a.png", 1)
    with pytest.raises(ValueError, match="resize must be"):
        read_picture_folder(tmp_path, resize=size)


def test_load_data_takes_what_is_said_of_pictures(tmp_path, refusal):
    for i in range(7):
        Image.new("RGB", (20 + i, 30), (i, i, 200)).save(tmp_path / f"{i}.png")
    refusal(lambda _: load_data(tmp_path), tmp_path / "1.png", "--resize 20x30", "(30, 20)")
    (tmp_path / "empty.png").touch()
    refusal(lambda _: load_data(tmp_path, resize=(3, 2)), tmp_path / "empty.png", "--skip-damaged")
    train_set_x, _ = load_data(tmp_path, resize=(3, 2), grey=True, skip_damaged=True)[0]
    assert train_set_x.tag.image_shape == (3, 2)
    assert train_set_x.get_value().shape == (5, 6)
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 2)))
    refusal(lambda path: load_data(path, grey=True), tmp_path / "x.npz", "`grey` means nothing")
    with pytest.raises(TypeError, match="'gray'"):
        load_data(tmp_path, gray=True)


def damaged_folder(folder):
    for i in range(5):
        save(folder / f"{i}.png", np.arange(i, i + 6).reshape(2, 3))
    whole = (folder / "0.png").read_bytes()
    (folder / "cut off.png").write_bytes(whole[: len(whole) - 30])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    return folder


def test_damaged_pictures_are_refused_or_left_out_and_listed(tmp_path, refusal, capfd):
    folder = damaged_folder(tmp_path)
    refusal(read_picture_folder, folder, "cannot be read as a picture")
    assert capfd.readouterr().err == ""
    examples = read_picture_folder(folder, skip_damaged=True)
    assert marks(examples.images) == [0, 1, 2, 3, 4]
    first, *listed = capfd.readouterr().err.splitlines()
    assert first == "3 picture(s) left out:"
    for name, line in zip(("cut off.png", "empty.png", "text.png"), sorted(listed), strict=True):
        assert str(folder / name) in line


def test_nothing_whole_is_refused(tmp_path, refusal):
    (tmp_path / "empty.png").touch()
    refusal(
        lambda folder: read_picture_folder(folder, skip_damaged=True), tmp_path, "none of its 1"
    )


def test_a_fault_of_the_machine_is_no_damage(tmp_path, monkeypatch):
    for i in range(3):
        save(tmp_path / f"{i}.png", i)
    for error in (OSError(5, "Input/output error"), PermissionError(13, "Permission denied")):

        def fail(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Image, "open", fail)
            with pytest.raises(DatasetError, match=error.strerror) as caught:
                read_picture_folder(tmp_path, skip_damaged=True)
            assert "as a picture" not in str(caught.value)

    for error in (MemoryError(), OSError("out of memory when reading image file")):

        def exhausted(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Image, "open", exhausted)
            with pytest.raises(MemoryError):
                read_picture_folder(tmp_path, skip_damaged=True)


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png", ".gif", ".webp"])
def test_altered_pictures_are_read_or_refused(tmp_path, suffix):
    rng = np.random.default_rng(0)
    page = rng.integers(0, 256, (8, 12), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".tif":
        stack(whole, [page, page, page], exif=exif)
    else:
        Image.fromarray(page).save(whole, exif=exif)
    content = whole.read_bytes()
    whole.unlink()
    path, outcomes = tmp_path / f"a{suffix}", set()
    for _ in range(60):
        altered = bytearray(content)
        for position in rng.integers(0, min(len(content), 400), rng.integers(1, 4)):
            altered[position] = rng.integers(0, 256)
        path.write_bytes(altered)
        try:
            images = read_picture_folder(tmp_path).images
            assert np.isfinite(images).all()
            outcomes.add("read")
        except DatasetError as error:
            outcomes.add("refused" if str(tmp_path) in str(error) else f"without a name: {error}")
    assert outcomes <= {"read", "refused"}


# --- memory


def bomb(path, side=9000):
    """Write a black PNG of one bit a pixel: a few kilobytes that want a hundred megabytes."""
    row = bytes(1 + side // 8)

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(row * side, 9))
        + chunk(b"IEND", b"")
    )


def test_pixels_are_counted_before_any_is_decoded(tmp_path, refusal):
    bomb(tmp_path / "0.png")
    for i in range(1, 20):
        (tmp_path / f"{i}.png").write_bytes((tmp_path / "0.png").read_bytes())
    tracemalloc.start()
    try:
        refusal(read_picture_folder, tmp_path, "as large when unpacked")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_large_pictures_can_be_made_small(tmp_path):
    for i in range(3):
        bomb(tmp_path / f"{i}.png", 2000)
    tracemalloc.start()
    try:
        assert read_picture_folder(tmp_path, resize=(8, 8)).images.shape == (3, 8, 8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 2**20
