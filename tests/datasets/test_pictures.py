"""A user's own pictures: folders of image files, and arrays in an .npz."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from deeptutorial.datasets import read_dataset, unpacking
from deeptutorial.datasets.npz import read_npz
from deeptutorial.datasets.pictures import find_pictures, read_picture

GREY = np.array([[0, 1, 2], [128, 254, 255]], np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


def test_pictures_are_counted_by_their_values(tmp_path, refusal, monkeypatch):
    """A white page of one bit a pixel is small, and a folder of them may be gigabytes."""
    for i in range(9):
        Image.new("1", (3000, 3000)).save(tmp_path / f"{i}.png")
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    monkeypatch.setattr(unpacking, "FREELY", 4 * 3000 * 3000)
    assert 100 * size < 4 * 3000 * 3000
    refusal(read_dataset, tmp_path, "100 times as large when unpacked")
    for path in sorted(tmp_path.iterdir())[4:]:
        path.unlink()
    assert len(read_dataset(tmp_path).train[0]) == 2


def pgm(values, largest=255):
    """Write a grey picture in the plainest of formats."""
    values = np.asarray(values, ">u2" if largest > 255 else "u1")
    height, width = values.shape
    return b"P5\n%d %d\n%d\n" % (width, height, largest) + values.tobytes()


def fill(folder, n=7, shape=(2, 3), first=0):
    """Write pictures that are each of one grey value of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        (folder / f"{i:03}.pgm").write_bytes(pgm(np.full(shape, i)))
    return folder


def parts(dataset):
    return dataset.train, dataset.valid, dataset.test


def everything(dataset):
    """Return all images and labels of the three sets, sorted by their first pixel."""
    images = np.concatenate([images for images, _ in parts(dataset)])
    labels = np.concatenate([labels for _, labels in parts(dataset)])
    order = images[:, 0].argsort(kind="stable")
    return images[order], labels[order]


@pytest.fixture
def picture_of(tmp_path):
    """Return a function that reads one picture back, as it comes out of a folder of three."""

    def picture_of(content, file_name):
        folder = tmp_path / "of one picture"
        folder.mkdir()
        for i in range(3):
            path = folder / f"{i}-{file_name}"
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content.save(path)
        dataset = read_dataset(folder)
        return dataset.train[0][0].reshape(dataset.image_shape)

    return picture_of


# --- folders of pictures


@pytest.mark.parametrize(
    ("n", "sizes"), [(3, (1, 1, 1)), (7, (5, 1, 1)), (13, (11, 1, 1)), (70, (50, 10, 10))]
)
def test_pictures_are_divided(tmp_path, n, sizes):
    dataset = read_dataset(fill(tmp_path, n))
    assert tuple(len(images) for images, _ in parts(dataset)) == sizes
    images, labels = everything(dataset)
    assert (images * 256).tolist() == [[i] * 6 for i in range(n)]
    assert labels.tolist() == [-1] * n
    assert dataset.image_shape == (2, 3)
    assert images.dtype == np.float32
    assert labels.dtype == np.int32


def test_pictures_are_shuffled_always_in_the_same_way(tmp_path):
    fill(tmp_path, 70)
    first, again = read_dataset(tmp_path), read_dataset(tmp_path)
    assert np.array_equal(first.train[0], again.train[0])
    assert np.array_equal(first.test[0], again.test[0])
    order = first.train[0][:, 0].tolist()
    assert order != sorted(order)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_picture_of_floats_that_are_no_numbers_is_refused(tmp_path, refusal, wrong):
    path = tmp_path / "x.tif"
    Image.fromarray(np.array([[0.5, wrong]], np.float32)).save(path)
    refusal(read_picture, path, "NaN or infinity")
    fill(tmp_path, 3, (1, 2))
    refusal(lambda _: read_dataset(tmp_path), path, "NaN or infinity")


def test_sub_folders_are_classes(tmp_path):
    fill(tmp_path / "zebra", 5, first=100)
    fill(tmp_path / "Ångström", 4, first=200)
    fill(tmp_path / "ape", 6)
    images, labels = everything(read_dataset(tmp_path))
    assert (images[:, 0] * 256).tolist() == [*range(6), *range(100, 105), *range(200, 204)]
    assert labels.tolist() == [0] * 6 + [1] * 5 + [2] * 4


def test_one_sub_folder_is_no_class(tmp_path):
    fill(tmp_path / "all of them", 7)
    _, labels = everything(read_dataset(tmp_path))
    assert set(labels.tolist()) == {-1}


def test_suffixes_and_names(tmp_path):
    names = ["a.PGM", "b.Pgm", "ü.pgm", "c d.pgm", "数字.pgm", "e.f.pgm"]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(pgm(np.full((2, 2), i)))
    assert sorted(path.name for path in find_pictures(tmp_path)) == sorted(names)
    images, _ = everything(read_dataset(tmp_path))
    assert (images[:, 0] * 256).tolist() == list(range(6))


def test_what_is_no_picture_is_left_out(tmp_path):
    fill(tmp_path, 3)
    for name in ("notes.txt", "pgm", ".hidden.pgm", "._000.pgm", "Thumbs.db", ".DS_Store"):
        (tmp_path / name).write_bytes(b"no picture")
    fill(tmp_path / ".thumbnails", 3, first=50)
    fill(tmp_path / "sub" / ".cache" / "deep", 3, first=60)
    (tmp_path / "folder.pgm").mkdir()
    assert [path.name for path in find_pictures(tmp_path)] == ["000.pgm", "001.pgm", "002.pgm"]


def test_folder_inside_a_hidden_one_is_read(tmp_path):
    assert len(find_pictures(fill(tmp_path / ".mine" / "pictures", 3))) == 3


@pytest.mark.parametrize("file_name", ["a.png", "a.bmp", "a.tif", "a.pgm", "a.tga", "a.gif"])
def test_grey_picture(picture_of, file_name):
    assert np.array_equal(picture_of(Image.fromarray(GREY), file_name), GREY / 256)


@pytest.mark.parametrize("file_name", ["a.png", "a.bmp", "a.TIFF", "a.ppm", "a.tga"])
def test_colour_picture(picture_of, file_name):
    assert np.array_equal(picture_of(Image.fromarray(COLOUR), file_name), COLOUR / 256)


def test_jpeg_is_read_about_right(picture_of):
    smooth = Image.fromarray(np.full((8, 8), 200, np.uint8))
    assert np.abs(picture_of(smooth, "a.jpg") * 256 - 200).max() <= 2


def test_black_and_white_picture(picture_of):
    picture = picture_of(Image.fromarray(GREY > 1), "a.png")
    assert (picture * 256).tolist() == [[0, 0, 255], [255, 255, 255]]


@pytest.mark.parametrize("file_name", ["a.png", "a.tif"])
def test_grey_picture_of_16_bits(picture_of, file_name):
    values = np.array([[0, 1, 255], [256, 32768, 65535]], np.uint16)
    assert np.array_equal(picture_of(Image.fromarray(values), file_name), values / 65536)


def test_grey_picture_of_16_bits_that_pillow_gives_as_32(picture_of):
    values = np.array([[0, 1, 255], [256, 32768, 65535]])
    assert np.array_equal(picture_of(pgm(values, 65535), "a.pgm"), values / 65536)


def test_picture_of_floats_is_taken_as_it_is(picture_of):
    values = np.array([[0, 0.25, 1], [0.5, 0.75, 0.125]], np.float32)
    assert np.array_equal(picture_of(Image.fromarray(values), "a.tif"), values)


def test_opaque_alpha_is_dropped(picture_of):
    opaque = np.dstack([COLOUR, np.full_like(GREY, 255)])
    assert np.array_equal(picture_of(Image.fromarray(opaque), "a.png"), COLOUR / 256)


def test_grey_picture_with_alpha_is_grey(picture_of):
    picture = Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (3, 2), 255)])
    assert np.array_equal(picture_of(picture, "a.png"), GREY / 256)


@pytest.mark.parametrize("transparency", [None, 0, b"\x00\x80\xff"])
def test_palette_picture(picture_of, transparency):
    picture = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 128, 0, 1, 2, 3])
    content = io.BytesIO()
    picture.save(content, "png", **({} if transparency is None else {"transparency": transparency}))
    read = picture_of(content.getvalue(), "a.png") * 256
    red, green, dark = [255, 0, 0], [0, 128, 0], [1, 2, 3]
    if transparency is not None:
        red = [255, 255, 255]
    if transparency == b"\x00\x80\xff":
        green = [127, 191, 127]  # half green, half white
    expected = np.array([[red, green, dark], [dark, green, red]])
    np.testing.assert_allclose(read, expected, atol=1)


@pytest.mark.parametrize("transparency", [None, 0])
def test_grey_palette_is_grey(picture_of, transparency):
    picture = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], np.uint8)).convert("P")
    picture.putpalette([7, 7, 7, 130, 130, 130, 255, 255, 255, 1, 2, 3])
    content = io.BytesIO()
    picture.save(content, "png", **({} if transparency is None else {"transparency": transparency}))
    read = picture_of(content.getvalue(), "a.png") * 256
    first = 7 if transparency is None else 255
    assert read.tolist() == [[first, 130, 255], [255, 130, first]]


def test_picture_for_printing_is_read_as_colour(picture_of):
    inks = np.zeros((2, 3, 4), np.uint8)
    inks[0, 0] = [255, 0, 0, 0]
    inks[1, 2] = [0, 0, 0, 255]
    read = picture_of(Image.frombytes("CMYK", (3, 2), inks.tobytes()), "a.tif")
    assert (read[0, 0] * 256).tolist() == [0, 255, 255]
    assert (read[1, 2] * 256).tolist() == [0, 0, 0]
    assert (read[0, 1] * 256).tolist() == [255, 255, 255]


def test_first_picture_of_an_animation_is_taken(picture_of):
    frames = [Image.fromarray(np.roll(GREY, i)) for i in range(3)]
    content = io.BytesIO()
    frames[0].save(content, "gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(picture_of(content.getvalue(), "a.gif"), GREY / 256)


def test_grey_pictures_among_colour_become_colour(tmp_path):
    fill(tmp_path, 3)
    for i in range(10, 13):
        colour = np.full((2, 3, 3), [i, i + 100, i + 200], np.uint8)
        Image.fromarray(colour).save(tmp_path / f"{i}.png")
    dataset = read_dataset(tmp_path)
    assert dataset.image_shape == (2, 3, 3)
    images, _ = everything(dataset)
    assert (images.reshape(6, 6, 3)[:, 0] * 256).tolist() == [
        *([i, i, i] for i in range(3)),
        *([i, i + 100, i + 200] for i in range(10, 13)),
    ]


def test_empty_folder_is_refused(tmp_path, refusal):
    (tmp_path / "notes.txt").touch()
    refusal(read_dataset, tmp_path, "nor any picture")


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_pictures_are_refused(tmp_path, refusal, n):
    refusal(read_dataset, fill(tmp_path, n), f"{n} example(s)", "at least one each")


def test_pictures_of_different_size_are_refused(tmp_path, refusal):
    fill(tmp_path, 3)
    odd = tmp_path / "001 turned.pgm"
    odd.write_bytes(pgm(GREY.T))
    refusal(lambda _: read_dataset(tmp_path), odd, "2x3 pixels", "000.pgm is 3x2 pixels")


def _png(chunk_size):
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(
        content, "png"
    )
    return content.getvalue()[:chunk_size]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.png", b""),
        ("x.png", b"no picture"),
        ("x.png", _png(20)),
        ("x.png", _png(500)),
        ("x.pgm", pgm(GREY)[:-1]),
        ("x.pgm", b"P5\n3 -2\n255\n123456"),
        ("x.pgm", b"P5\n0 0\n255\n"),
        ("x.bmp", b"BM" + bytes(100)),
        ("x.gif", b"GIF89a" + bytes(20)),
        ("x.tif", b"II*\0" + struct.pack("<I", 2**31)),
        ("x.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        ("x.webp", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("x.ico", b"\0\0\1\0\1\0" + bytes(16)),
    ],
)
def test_damaged_picture_is_named(tmp_path, refusal, name, content):
    fill(tmp_path, 3)
    (tmp_path / name).write_bytes(content)
    refusal(lambda _: read_dataset(tmp_path), tmp_path / name, "cannot be read as a picture")


def test_picture_that_claims_to_be_huge_is_refused(tmp_path, refusal):
    path = tmp_path / "x.pgm"
    path.write_bytes(b"P5\n100000 100000\n255\n123456")
    refusal(lambda _: read_dataset(tmp_path), path, "too large", "10000000000 pixels")


@pytest.mark.parametrize("values", [[[0, 65536]], [[-1, 5]], [[0, 255]]])
def test_integers_that_have_no_largest_value_are_refused_unless_scaled(tmp_path, refusal, values):
    for i in range(3):
        Image.fromarray(np.array(values, np.int32)).save(tmp_path / f"{i}.tif")
    low, high = min(values[0]), max(values[0])
    refusal(read_dataset, tmp_path, f"from {low} to {high}", "--scale")
    assert read_dataset(tmp_path, "minmax").train[0].tolist() == [[0, 0]]  # constant columns
    if low == 0:
        assert read_dataset(tmp_path, "max").train[0].tolist() == [[0, 1]]


def test_picture_of_floats_out_of_range_is_refused(tmp_path, refusal):
    for i in range(3):
        Image.fromarray(np.full((2, 2), 100 + i, np.float32)).save(tmp_path / f"{i}.tif")
    refusal(read_dataset, tmp_path, "[0, 1]", "100 to 102")


# --- arrays


def npy(array):
    """Write an array as NumPy's format has it."""
    order = f"{array.dtype.str!r}, 'fortran_order': False, 'shape': {array.shape}"
    return npy_bytes("{'descr': " + order + ", }", array.tobytes())


def npy_bytes(header, content):
    header = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.fixture
def npz(tmp_path):
    """Return a function that writes an .npz, member by member."""

    def write(file_name="own.npz", compressed=False, **members):
        path = tmp_path / file_name
        kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as file:
            for name, content in members.items():
                content = content if isinstance(content, bytes) else npy(np.asarray(content))
                file.writestr(f"{name}.npy", content)
        return path

    return write


def rows(n, n_pixels=4, first=0):
    return np.repeat(np.arange(first, first + n, dtype=np.uint8), n_pixels).reshape(n, n_pixels)


@pytest.mark.parametrize("compressed", [False, True])
def test_one_array_is_divided(npz, compressed):
    path = npz(x=rows(70), y=np.arange(70) * 2, compressed=compressed)
    dataset = read_dataset(path)
    assert [len(x) for x, _ in parts(dataset)] == [50, 10, 10]
    for images, labels in parts(dataset):
        assert (images * 256).tolist() == [[label / 2] * 4 for label in labels]
    assert everything(dataset)[1].tolist() == [2 * i for i in range(70)]
    assert dataset.image_shape == (2, 2)


def test_labels_may_be_missing(npz):
    assert everything(read_dataset(npz(x=rows(7))))[1].tolist() == [-1] * 7


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [
        ((7, 9), (3, 3)),
        ((7, 10), (1, 10)),
        ((7, 2, 5), (2, 5)),
        ((7, 5, 2, 3), (5, 2, 3)),
        ((7, 5, 2, 1), (5, 2)),
    ],
)
def test_image_shape_is_that_of_the_array(npz, shape, image_shape):
    dataset = read_dataset(npz(x=np.zeros(shape, np.uint8)))
    assert dataset.image_shape == image_shape
    assert dataset.train[0].shape == (5, np.prod(shape[1:]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 1, 128, 255], "u1"), [0, 1 / 256, 0.5, 255 / 256]),
        (np.array([0, 1, 32768, 65535], "<u2"), [0, 2**-16, 0.5, 65535 / 65536]),
        (np.array([0, 1, 32768, 65535], ">u2"), [0, 2**-16, 0.5, 65535 / 65536]),
        (np.array([0, 0.125, 0.5, 1], "<f8"), [0, 0.125, 0.5, 1]),
        (np.array([0, 0.125, 0.5, 1], ">f4"), [0, 0.125, 0.5, 1]),
        (np.array([0, 0.125, 0.5, 1], "<f2"), [0, 0.125, 0.5, 1]),
        (np.array([False, True, True, False]), [0, 1, 1, 0]),
        (np.array([0, 1, 1, 0], "i8"), [0, 1, 1, 0]),
    ],
)
def test_pixels_of_many_types(npz, values, expected):
    dataset = read_dataset(npz(x=np.stack([values] * 3)))
    assert dataset.train[0].tolist() == [expected]


def test_given_division_is_kept(npz):
    dataset = read_dataset(
        npz(
            x_train=rows(3),
            y_train=[3, 4, 5],
            x_valid=rows(2, first=10),
            y_valid=[6, 7],
            x_test=rows(1, first=20),
            y_test=[8],
            other=["not looked at"],
        )
    )
    assert (dataset.train[0][:, 0] * 256).tolist() == [0, 1, 2]
    assert (dataset.valid[0][:, 0] * 256).tolist() == [10, 11]
    assert (dataset.test[0][:, 0] * 256).tolist() == [20]
    assert [labels.tolist() for _, labels in parts(dataset)] == [[3, 4, 5], [6, 7], [8]]


def test_missing_validation_set_is_the_last_sixth(npz):
    dataset = read_dataset(npz(x_train=rows(12), y_train=range(12), x_test=rows(2)))
    assert [labels.tolist() for _, labels in parts(dataset)] == [
        list(range(10)),
        [10, 11],
        [-1, -1],
    ]
    assert (dataset.valid[0][:, 0] * 256).tolist() == [10, 11]


def test_what_numpy_saves_is_read(tmp_path):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, x=np.asfortranarray(rows(7)), y=np.arange(7))
    images, labels = everything(read_dataset(path))
    assert (images * 256).tolist() == rows(7).tolist()
    assert labels.tolist() == list(range(7))


HALF = np.full((7, 4), 0.5)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a": HALF, "b": HALF}, ["expected the arrays x", "got a, b"]),
        ({}, ["expected the arrays x", "got none"]),
        ({"x_train": HALF}, ["expected the arrays x", "got x_train"]),
        ({"x_test": HALF, "y": HALF}, ["expected the arrays x", "got x_test, y"]),
        ({"x": 0.5}, ["got ()"]),
        ({"x": HALF[0]}, ["got (4,)"]),
        ({"x": np.zeros((7, 2, 2, 4))}, ["got (7, 2, 2, 4)"]),
        ({"x": np.zeros((7, 1, 2, 2, 3))}, ["got (7, 1, 2, 2, 3)"]),
        ({"x": HALF[:0]}, ["0 example(s)"]),
        ({"x": HALF[:, :0]}, ["empty", "(7, 0)"]),
        ({"x": HALF[:2]}, ["2 example(s)"]),
        ({"x": np.where(np.eye(7, 4), np.nan, HALF)}, ["NaN"]),
        ({"x": HALF * 3}, ["[0, 1]", "1.5"]),
        ({"x": HALF - 1}, ["[0, 1]", "-0.5"]),
        ({"x": HALF.astype("i4") + 9}, ["[0, 1]", "from 9 to 9"]),
        ({"x": HALF.astype("u4") + 9}, ["[0, 1]", "from 9 to 9"]),
        ({"x": HALF.astype("c8")}, ["complex64"]),
        ({"x": HALF.astype("U3")}, ["<U3"]),
        ({"x": HALF, "y": range(6)}, ["7 images", "6 labels"]),
        ({"x": HALF, "y": range(8)}, ["7 images", "8 labels"]),
        ({"x": HALF, "y": 3}, ["labels", "shape ()"]),
        ({"x": HALF, "y": HALF}, ["labels", "float64 of shape (7, 4)"]),
        ({"x": HALF, "y": np.arange(7) / 2}, ["whole numbers"]),
        ({"x": HALF, "y": [np.nan] * 7}, ["whole numbers"]),
        ({"x": HALF, "y": np.zeros(7, "c8")}, ["complex64"]),
        ({"x_train": HALF, "x_test": HALF[:, :2]}, ["(4,)", "x_test of (2,)"]),
        ({"x_train": HALF, "x_test": HALF, "x_valid": HALF[0]}, ["(4,)", "x_valid of ()"]),
        ({"x_train": HALF, "x_test": HALF[:0]}, ["test set", "empty"]),
        ({"x_train": HALF[:5], "x_test": HALF}, ["5 training example(s)"]),
        ({"x_train": HALF, "x_test": HALF, "x_valid": 2 * HALF + 1}, ["[0, 1]", "to 2"]),
        (
            {"x_train": HALF, "x_test": HALF, "x_valid": HALF, "y_valid": [1]},
            ["validation set", "7 images", "1 labels"],
        ),
        ({"x_train": HALF, "x_test": HALF, "y_test": [1]}, ["test set", "7 images", "1 labels"]),
    ],
)
def test_unusable_arrays_are_refused(npz, refusal, members, words):
    refusal(read_dataset, npz(**members), *words)


HEADER = "{{'descr': {}, 'fortran_order': False, 'shape': {}, }}"


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"no array",
        npy_bytes("nonsense", b""),
        npy_bytes(HEADER.format("'<f4'", "(7, 4)"), b"few"),
        npy_bytes(HEADER.format("'<f4'", f"({2**62},)"), b"few"),
        npy_bytes(HEADER.format("'<f4'", f"({2**40}, {2**40})"), b"few"),
        npy_bytes(HEADER.format("'<f4'", f"({2**70},)"), b"few"),
        npy_bytes(HEADER.format("'<f4'", "(-1, -7)"), b"fewer"),
        npy_bytes(HEADER.format("'nothing'", "(7, 4)"), bytes(112)),
        npy_bytes(HEADER.format("'|O'", "(1,)"), b"cos\nsystem\n."),
    ],
)
def test_damaged_member_is_refused(npz, refusal, member):
    refusal(read_dataset, npz(x=member))


def test_objects_in_an_npz_are_refused(tmp_path, refusal):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.array([1, None], dtype=object))
    refusal(read_dataset, path, "cannot be read as .npz", "an array of object")


def test_member_that_is_no_array_is_refused(tmp_path, refusal):
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "hello")
    refusal(read_dataset, path, "x")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_npz_is_refused(npz, refusal, compressed):
    path = npz(x=rows(7), y=range(7), compressed=compressed)
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 5):
        path.write_bytes(content[:length])
        refusal(read_dataset, path, "cannot be read as .npz")


def test_altered_npz_is_refused(npz, refusal):
    path = npz(x=rows(7))
    content = path.read_bytes()
    begin = content.index(b"x.npy") + 5
    for position in range(begin, content.index(b"PK\x01\x02")):
        altered = bytearray(content)
        altered[position] ^= 0x55
        path.write_bytes(altered)
        refusal(read_dataset, path, "cannot be read as .npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + bytes(100), b"hello", npy(HALF)])
def test_file_that_is_no_npz(tmp_path, refusal, content):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    refusal(read_dataset, path, "cannot be read as .npz")


def test_file_that_does_not_exist(tmp_path, refusal):
    refusal(read_npz, tmp_path / "nowhere.npz", "cannot be read as .npz", "No such file")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_white(picture_of, mode):
    """Black ink on a transparent ground, with a half-transparent edge."""
    ink = np.zeros((2, 3, 4), np.uint8)
    ink[..., 3] = [[255, 0, 0], [128, 0, 255]]
    read = picture_of(Image.fromarray(ink).convert(mode), "a.png") * 256
    assert read.ndim == (2 if mode == "LA" else 3)
    read = read.reshape(2, 3, -1)[..., 0]
    np.testing.assert_allclose(read, [[0, 255, 255], [127, 255, 0]], atol=1)
