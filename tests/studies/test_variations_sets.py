"""The sets of the study of variations: what their recipes say is so, checked another way."""

import numpy as np
import pytest
from scipy import ndimage, stats
from scipy.spatial import Delaunay

pytest.importorskip("sklearn")

from studies.variations import backgrounds, sets, shapes

SIZES = (200, 50, 150)


@pytest.fixture(scope="module")
def digits():
    """Return 500 pictures of a bar that stands upright, as bytes, and labels of ten classes."""
    images = np.zeros((500, 28, 28), dtype="uint8")
    images[:, 6:22, 12:16] = 200
    images[:, 6:10, 12:16] = 255  # its upper end
    return images, np.arange(500) % 10


@pytest.fixture(scope="module")
def made(digits):
    return {name: sets.make_set(name, digits, SIZES) for name in sets.NAMES}


@pytest.mark.parametrize("name", sets.NAMES)
def test_shapes_ranges_and_classes(name, made):
    data = made[name]
    assert data.images.shape == (400, 784)
    assert data.images.dtype == np.uint8
    parts = data.parts()
    assert [x.shape for x, _ in parts] == [(size, 784) for size in SIZES]
    assert [len(y) for _, y in parts] == list(SIZES)
    everything = np.concatenate([x for x, _ in parts])
    assert everything.dtype == np.float32
    assert (everything.min(), everything.max()) == (0, 1)
    np.testing.assert_array_equal(np.rint(everything * 255), data.images)
    classes, counts = np.unique(data.labels, return_counts=True)
    assert classes.tolist() == (list(range(10)) if name in sets.NAMES[:5] else [0, 1])
    assert stats.chisquare(counts).pvalue > 1e-3  # none is rarer than chance has it
    if name != "basic":  # the bars are all alike
        assert len(np.unique(data.images, axis=0)) > 300


def test_the_same_seed_makes_the_same_set_whichever_others_are_made(digits, made):
    for name in ("bg-img-rot", "rect", "convex"):
        again = sets.make_set(name, digits, SIZES)
        np.testing.assert_array_equal(again.images, made[name].images)
        np.testing.assert_array_equal(again.labels, made[name].labels)
    assert not np.array_equal(sets.make_set("rect", digits, SIZES, 2).images, made["rect"].images)


def test_no_digit_is_there_twice():
    counted = np.repeat(np.arange(250, dtype="uint8"), 784).reshape(-1, 28, 28)
    data = sets.make_set("basic", (counted, np.zeros(250, dtype=int)), (100, 50, 100))
    assert sorted(data.images[:, 0]) == list(range(250))


def test_angles_are_uniform_in_the_circle(digits, made):
    """The direction from the bar's middle to its bright end, by centres of mass."""
    images = made["rot"].images.reshape(-1, 28, 28).astype(float)
    of_bar = np.array([ndimage.center_of_mass(image > 60) for image in images])
    of_end = np.array([ndimage.center_of_mass(image) for image in images])
    down, right = (of_end - of_bar).T
    angles = np.arctan2(-right, -down) % (2 * np.pi)  # anticlockwise from upright
    assert stats.kstest(angles, stats.uniform(0, 2 * np.pi).cdf).pvalue > 1e-3
    turned = sets.rotated(digits[0][:4], np.array([0.0, 90.0, 180.0, 270.0]))
    for k, image in enumerate(turned):
        assert np.abs(image.astype(int) - np.rot90(digits[0][0], k).astype(int)).max() <= 1


def test_noise_is_uniform_and_behind_the_digit(made):
    images, basic = made["bg-rand"].images, made["basic"].images
    behind = images[basic == 0]
    assert stats.chisquare(np.bincount(behind, minlength=256)).pvalue > 1e-3
    assert (images >= basic).all()
    rows = images.reshape(-1, 28, 28)[:, :5].astype(float)  # no bar there
    assert abs(np.corrcoef(rows[:, :, 1:].ravel(), rows[:, :, :-1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("name", "front"), [("bg-img", "basic"), ("bg-img-rot", None)])
def test_photographs_stand_behind(name, front, made):
    images = made[name].images.reshape(-1, 28, 28)
    photographs = backgrounds.grey_photographs()
    if front is not None:
        assert (images >= made[front].images.reshape(-1, 28, 28)).all()
    for image in images[:5]:  # the five columns at the left, where no bar is, in one of the two
        strip = image[:, :3] if name == "bg-img" else image[:3, :3]
        assert sum(_places(strip, photograph) for photograph in photographs) >= 1


def _places(piece, photograph):
    windows = np.lib.stride_tricks.sliding_window_view(photograph, piece.shape)
    alike = np.argwhere((windows[:, :, 0, :3] == piece[0, :3]).all(axis=-1))
    return sum(np.array_equal(windows[row, column], piece) for row, column in alike)


def test_photographs_have_texture():
    pieces = backgrounds.pieces_of_photographs(300, np.random.default_rng(0))
    assert (pieces.reshape(300, -1).std(axis=1) >= backgrounds.LEAST_DEVIATION).all()
    for photograph in backgrounds.grey_photographs():
        assert sum(_places(piece, photograph) > 0 for piece in pieces[:9]) > 0


def borders_of(image):
    """Return top, left, bottom and right of what is white."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return rows[0], columns[0], rows[-1], columns[-1]


def test_rectangles_are_borders(made):
    data = made["rect"]
    for image, label in zip(data.images.reshape(-1, 28, 28), data.labels, strict=True):
        assert set(np.unique(image)) == {0, 255}
        top, left, bottom, right = borders_of(image)
        expected = np.zeros((28, 28), dtype="uint8")
        expected[top, left : right + 1] = expected[bottom, left : right + 1] = 255
        expected[top : bottom + 1, left] = expected[top : bottom + 1, right] = 255
        np.testing.assert_array_equal(image, expected)
        height, width = bottom - top + 1, right - left + 1
        assert abs(height - width) >= 3
        assert label == (height > width)


@pytest.mark.parametrize(
    ("least_side", "least_difference", "areas"), [(1, 3, (0, 1)), (10, 5, (0.25, 0.75))]
)
def test_rectangles_are_uniform_among_those_that_are_allowed(least_side, least_difference, areas):
    rng = np.random.default_rng(0)
    places = shapes.rectangles(60_000, rng, least_side, least_difference, areas)
    allowed = [
        (height, width)
        for height in range(least_side, 29)
        for width in range(least_side, 29)
        if abs(height - width) >= least_difference and areas[0] <= height * width / 784 <= areas[1]
    ]
    sides, counts = np.unique(places[:, 2:], axis=0, return_counts=True)
    assert sides.tolist() == [list(pair) for pair in sorted(allowed)]
    assert stats.chisquare(counts).pvalue > 1e-3
    small = places[(places[:, 2:] == allowed[0]).all(axis=1)]
    for corner, side in zip(small[:, :2].T, allowed[0], strict=True):
        counts = np.bincount(corner, minlength=29 - side)
        assert len(counts) == 29 - side  # it fits
        assert stats.chisquare(counts).pvalue > 1e-3


def test_rectangles_of_photographs(made):
    """Front and back are pieces of photographs: neighbours are alike but across the border."""
    images = made["rect-img"].images.reshape(-1, 28, 28).astype(float)
    rng = np.random.default_rng([1, sets.NAMES.index("rect-img")])
    places = shapes.rectangles(400, rng, 10, 5, (0.25, 0.75))
    np.testing.assert_array_equal(made["rect-img"].labels, places[:, 2] > places[:, 3])
    within, across = [], []
    for image, (top, left, height, _) in zip(images, places, strict=True):
        if 0 < left < 27:
            rows = slice(top, top + height)
            across.append(np.abs(image[rows, left] - image[rows, left - 1]).mean())
            within.append(np.abs(image[rows, left] - image[rows, left + 1]).mean())
    assert np.mean(across) > 2 * np.mean(within)


def test_convex_by_triangles(made):
    """The pixels in the triangles of a region's pixels (Delaunay) are the region, or are not."""
    data = made["convex"]
    grid = np.argwhere(np.ones((28, 28), dtype=bool))
    seen = {0: 0, 1: 0}
    for image, label in zip(data.images.reshape(-1, 28, 28), data.labels, strict=True):
        white = np.argwhere(image == 255)
        if len(np.unique(white[:, 0])) > 1 and len(np.unique(white[:, 1])) > 1 and seen[label] < 15:
            inside = (Delaunay(white).find_simplex(grid) >= 0).sum()
            assert (inside == len(white)) == bool(label)
            seen[label] += 1
    assert seen == {0: 15, 1: 15}


def test_both_classes_are_as_white_and_none_is_small():
    regions, labels = shapes.convex_shapes(2500, np.random.default_rng(0))
    sizes = regions.sum(axis=(1, 2))
    means = [sizes[labels == label].mean() for label in (0, 1)]
    assert means[0] == pytest.approx(means[1], rel=0.05)
    assert sizes[labels == 1].min() >= 19
    assert sizes[labels == 0].min() >= 10


@pytest.mark.parametrize(
    ("rows", "convex"),
    [
        (["#"], True),
        (["###"], True),
        (["# #"], False),
        (["#", " ", "#"], False),
        (["#  ", " # ", "  #"], True),
        (["#  ", "   ", "  #"], False),
        (["#  ", "  #"], True),  # nothing of the grid lies between
        (["###", "# #", "###"], False),
        (["###", "###", " ##"], True),
        (["## ", " ##", "## "], False),
        ([" # ", "###", " # "], True),
        (["# ##", "####"], False),
    ],
)
def test_small_regions(rows, convex):
    region = np.zeros((28, 28), dtype=bool)
    for k, row in enumerate(rows):
        region[4 + k, 7 : 7 + len(row)] = [mark == "#" for mark in row]
    assert shapes.is_convex(region) is convex
    assert shapes.is_convex(region.T) is convex


def test_mnist_has_enough(mnist_folder, monkeypatch):
    monkeypatch.setenv("DEEPTUTORIAL_DATA", str(mnist_folder))
    images, labels, source = sets.read_digits("mnist")
    assert (images.shape, images.dtype, source) == ((70_000, 28, 28), np.uint8, "MNIST")
    assert (images.min(), images.max()) == (0, 255)
    assert np.bincount(labels).tolist()[:2] == [6903, 7877]
    assert len(images) >= sum(sets.SIZES)
