"""Tiles and scaling, against the definition worked out one tile at a time."""

import numpy as np
import pytest
from PIL import Image

from deeptutorial import scale_to_unit_interval, tile_raster_images
from deeptutorial.images import split_channels, visible


def tiles_one_by_one(rows, img_shape, tile_shape, spacing, scaled, pixels):
    """Place the tiles one at a time, each scaled by itself, as the tutorial defines the picture."""
    (h, w), (n_down, n_across), (gap_y, gap_x) = img_shape, tile_shape, spacing
    size = (h + gap_y) * n_down - gap_y, (w + gap_x) * n_across - gap_x
    canvas = np.zeros(size, dtype="uint8" if pixels else rows.dtype)
    for k in range(min(len(rows), n_down * n_across)):
        tile = rows[k].reshape(h, w)
        if scaled:
            tile = tile - tile.min()
            tile = tile * (1.0 / (tile.max() + 1e-8))
        top, left = (k // n_across) * (h + gap_y), (k % n_across) * (w + gap_x)
        canvas[top : top + h, left : left + w] = tile * (255 if pixels else 1)
    return canvas


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("spacing", [(0, 0), (1, 1), (2, 5)])
@pytest.mark.parametrize("n_rows", [0, 1, 11, 12, 30])
def test_every_byte_is_as_defined(dtype, scaled, pixels, spacing, n_rows):
    rows = np.random.default_rng(n_rows).random((n_rows, 35)).astype(dtype)
    if scaled:
        rows = rows * 7 - 3
    got = tile_raster_images(rows, (5, 7), (3, 4), spacing, scaled, pixels)
    expected = tiles_one_by_one(rows, (5, 7), (3, 4), spacing, scaled, pixels)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_size_is_the_tutorials():
    picture = tile_raster_images(np.zeros((100, 784)), (28, 28), (10, 10), (1, 1))
    assert picture.shape == (289, 289)


def test_a_tile_without_contrast_is_black():
    assert not tile_raster_images(np.full((4, 9), 3.0), (3, 3), (2, 2)).any()


def test_rows_are_left_as_they_are():
    rows = np.random.default_rng(0).random((4, 9))
    before = rows.copy()
    tile_raster_images(rows, (3, 3), (2, 2))
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(("pixels", "opaque"), [(True, 255), (False, 1)])
def test_channels(pixels, opaque):
    rng = np.random.default_rng(1)
    red, blue = rng.random((4, 6)), rng.random((4, 6))
    got = tile_raster_images((red, None, blue, None), (2, 3), (2, 2), (1, 0), True, pixels)
    assert got.shape == (5, 6, 4)
    for position, rows in ((0, red), (2, blue)):
        expected = tiles_one_by_one(rows, (2, 3), (2, 2), (1, 0), True, pixels)
        np.testing.assert_array_equal(got[:, :, position], expected)
    assert not got[:, :, 1].any()
    assert (got[:, :, 3] == opaque).all()
    assert got.dtype == ("uint8" if pixels else "float64")


def test_channels_of_float32_stay_float32():
    channel = np.zeros((1, 4), dtype="float32")
    got = tile_raster_images((channel, channel, channel, None), (2, 2), (1, 1), (0, 0), True, False)
    assert got.dtype == "float32"


def test_colour_filters_come_out_in_their_colours():
    """A picture that is red on the left and blue on the right is tiled as such."""
    picture = np.zeros((2, 4, 3))
    picture[:, :2, 0] = 1
    picture[:, 2:, 2] = 1
    tiled = tile_raster_images(split_channels(picture.reshape(1, -1), (2, 4, 3)), (2, 4), (1, 1))
    pixels = np.asarray(Image.fromarray(tiled).convert("RGB"))
    np.testing.assert_array_equal(pixels, 254 * picture)  # 255 / (1 + 1e-8), cut off


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 9)), (3, 3, 1), (1, 1)), r"img_shape.*\(3, 3, 1\)"),
        ((np.zeros((2, 9)), (3, 3), (1,)), r"tile_shape.*\(1,\)"),
        ((np.zeros((2, 9)), (3, 3), (1, 1), (1,)), r"tile_spacing.*\(1,\)"),
        ((np.zeros((2, 9)), (3, 4), (1, 1)), r"3 x 4 = 12.*\(2, 9\)"),
        (((np.zeros((2, 9)), None, None), (3, 3), (1, 1)), "four channels.*got 3"),
    ],
)
def test_refusals_name_the_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        tile_raster_images(*arguments)


def test_scale_to_unit_interval():
    values = np.array([[-2.0, 0.0], [1.0, 6.0]])
    scaled = scale_to_unit_interval(values)
    np.testing.assert_allclose(scaled, [[0, 0.25], [0.375, 1]], rtol=1e-8)
    assert values[0, 0] == -2
    np.testing.assert_array_equal(scale_to_unit_interval(np.full(3, 5.0)), 0)
    assert scale_to_unit_interval(values, eps=8)[1, 1] == 0.5


def test_names_of_the_tutorial_module():
    import utils

    assert utils.tile_raster_images is tile_raster_images
    assert utils.scale_to_unit_interval is scale_to_unit_interval


def test_what_is_to_be_seen_of_values_of_any_range():
    values = np.array([[-3.0, 1.0], [5.0, 0.5]])
    np.testing.assert_allclose(visible(values, values), (values + 3) / 8)
    np.testing.assert_allclose(visible(np.array([-9.0, 5.0]), values), [0, 1])
    inside = np.array([[0.25, 0.5]])
    assert visible(inside, inside) is inside
