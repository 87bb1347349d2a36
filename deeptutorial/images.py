"""Filters and samples as pictures: the tutorial's two plotting helpers."""

from typing import TypeGuard

import numpy as np

__all__ = [
    "is_image",
    "scale_to_unit_interval",
    "split_channels",
    "tile_raster_images",
    "visible",
]


def is_image(image_shape: tuple[int, ...] | None) -> TypeGuard[tuple[int, ...]]:
    """Tell whether examples of a shape are pictures; values in a single row are none.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, 3), or None where it is not known
    """
    return image_shape is not None and image_shape[0] > 1


def scale_to_unit_interval(ndar: np.ndarray, eps: float = 1e-8) -> np.ndarray:
    """Stretch the values of an array over the unit interval.

    Parameters
    ----------
    ndar : ndarray of float
        Any shape. It is left as it is; a new array is returned.
    eps : float
        Keeps a constant array from being divided by zero.

    Returns
    -------
    ndarray
        Same shape and dtype, minimum 0, maximum (just about) 1.
    """
    shifted = ndar - ndar.min()
    return shifted * (1.0 / (shifted.max() + eps))


def visible(X: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Bring values to [0, 1], to be looked at: as they are where all of a data set lie there.

    Parameters
    ----------
    X : ndarray
        What is to be shown.
    values : ndarray
        The data set that it belongs to: its least and its largest value become black and white,
        unless these are within [0, 1].

    Returns
    -------
    ndarray
        Of the shape of `X`.
    """
    low, high = min(0, values.min()), max(1, values.max())
    return X if (low, high) == (0, 1) else np.clip((X - low) / (high - low), 0, 1)


def tile_raster_images(
    X: np.ndarray | tuple[np.ndarray | None, ...],
    img_shape: tuple[int, int],
    tile_shape: tuple[int, int],
    tile_spacing: tuple[int, int] = (0, 0),
    scale_rows_to_unit_interval: bool = True,
    output_pixel_vals: bool = True,
) -> np.ndarray:
    """Lay out flattened pictures as the tiles of one large picture.

    Made for looking at rows that each are a picture: samples of a data set, or the filters of a
    dA, which are the columns of its weight matrix (``W.T`` has them as rows).

    Parameters
    ----------
    X : ndarray of shape (n, height * width), or a tuple of four such arrays or None
        One picture a row. A tuple holds the channels red, green, blue and alpha; a channel that is
        None is filled with its default (0 for a colour, opaque for alpha).
    img_shape : (height, width)
        Shape of one picture, in pixels.
    tile_shape : (rows, columns)
        How many tiles there are. Rows of `X` beyond ``rows * columns`` are left out; tiles for
        which `X` has no row stay 0.
    tile_spacing : (vertical, horizontal)
        Pixels of background between neighbouring tiles.
    scale_rows_to_unit_interval : bool
        Stretch each tile over [0, 1] by itself, as `scale_to_unit_interval` does.
    output_pixel_vals : bool
        True gives pixels, uint8 in [0, 255]; False gives the values in the dtype of `X`.

    Returns
    -------
    ndarray
        Shape (total height, total width), or (total height, total width, 4) for a tuple; a
        uint8 array can be handed to ``PIL.Image.fromarray``.

    Raises
    ------
    ValueError
        For a shape that does not have two entries, a tuple that has not four channels, or rows
        that do not hold ``height * width`` values.
    """
    shapes = {"img_shape": img_shape, "tile_shape": tile_shape, "tile_spacing": tile_spacing}
    for name, shape in shapes.items():
        if len(shape) != 2:
            raise ValueError(f"{name} must have two entries, (vertical, horizontal), got {shape}")

    if isinstance(X, tuple):
        return _tile_channels(
            X, img_shape, tile_shape, tile_spacing, scale_rows_to_unit_interval, output_pixel_vals
        )

    (height, width), (rows, columns), (gap_y, gap_x) = img_shape, tile_shape, tile_spacing
    shown = X[: rows * columns]
    if shown.size != len(shown) * height * width:
        raise ValueError(
            f"each row of X must hold {height} x {width} = {height * width} values "
            f"(img_shape={tuple(img_shape)}), but X has shape {X.shape}"
        )
    tiles = shown.reshape(len(shown), height, width)
    if scale_rows_to_unit_interval and len(tiles):
        tiles = tiles - tiles.min(axis=(1, 2), keepdims=True)
        tiles *= 1.0 / (tiles.max(axis=(1, 2), keepdims=True) + 1e-8)
    if output_pixel_vals:
        tiles = tiles * 255

    # A field for every tile with its gap below and to the right; the last gaps are cut off.
    out_dtype = np.uint8 if output_pixel_vals else X.dtype
    fields = np.zeros((rows * columns, height + gap_y, width + gap_x), dtype=out_dtype)
    fields[: len(tiles), :height, :width] = tiles
    canvas = (
        fields.reshape(rows, columns, height + gap_y, width + gap_x)
        .swapaxes(1, 2)
        .reshape(rows * (height + gap_y), columns * (width + gap_x))
    )
    return canvas[: canvas.shape[0] - gap_y, : canvas.shape[1] - gap_x]


def _tile_channels(
    channels: tuple[np.ndarray | None, ...],
    img_shape: tuple[int, int],
    tile_shape: tuple[int, int],
    tile_spacing: tuple[int, int],
    scale_rows_to_unit_interval: bool,
    output_pixel_vals: bool,
) -> np.ndarray:
    if len(channels) != 4:
        raise ValueError(
            f"a tuple X must hold four channels (red, green, blue, alpha), got {len(channels)}"
        )
    height, width = (
        (side + gap) * count - gap
        for side, count, gap in zip(img_shape, tile_shape, tile_spacing, strict=True)
    )
    given = [np.uint8] if output_pixel_vals else [c.dtype for c in channels if c is not None]
    canvas = np.zeros((height, width, 4), dtype=np.result_type(*given) if given else np.float64)
    canvas[:, :, 3] = 255 if output_pixel_vals else 1
    for position, channel in enumerate(channels):
        if channel is not None:
            canvas[:, :, position] = tile_raster_images(
                channel,
                img_shape,
                tile_shape,
                tile_spacing,
                scale_rows_to_unit_interval,
                output_pixel_vals,
            )
    return canvas


def split_channels(
    X: np.ndarray, image_shape: tuple[int, ...]
) -> np.ndarray | tuple[np.ndarray | None, ...]:
    """Bring flattened pictures into the form that `tile_raster_images` takes.

    Parameters
    ----------
    X : ndarray of shape (n, height * width) or (n, height * width * 3)
        One flattened picture a row; colour pictures hold red, green and blue of each pixel side
        by side.
    image_shape : (height, width) or (height, width, 3)
        Shape of one picture before it was flattened.

    Returns
    -------
    ndarray or tuple
        `X` itself for grey pictures; ``(red, green, blue, None)`` for colour.
    """
    if len(image_shape) == 2:
        return X
    return (X[:, 0::3], X[:, 1::3], X[:, 2::3], None)
