"""Small pictures for a page: one pixel a pixel, enlarged by the browser, nothing between tiles."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from deeptutorial.images import split_channels, tile_raster_images

__all__ = ["AT_MOST_FILTERS", "filters_html", "tiles_html"]

AT_MOST_FILTERS, FILTER_COLUMNS = 100, 10


def tiles_html(
    X: np.ndarray,
    image_shape: tuple[int, ...],
    columns: int,
    alt: str,
    gap: int = 1,
    stretch: bool = False,
) -> str:
    """Lay out flattened pictures as tiles of an ``<img>`` that holds its own data.

    Parameters
    ----------
    X : ndarray of shape (n, height * width) or (n, height * width * 3)
        One picture a row, in [0, 1] unless they are stretched.
    image_shape : (height, width) or (height, width, 3)
    columns : int
        Tiles in a row, at most.
    alt : str
        What is to be seen, in words.
    gap : int
        Transparent pixels between the tiles.
    stretch : bool
        Stretch each tile over the whole range from black to white by itself.
    """
    height, width = image_shape[:2]
    columns = min(columns, len(X))
    rows = -(-len(X) // columns)
    X = np.asarray(X if stretch else np.clip(X, 0, 1), dtype="float32")
    tiles = tile_raster_images(
        split_channels(X, image_shape),
        (height, width),
        (rows, columns),
        (gap, gap),
        scale_rows_to_unit_interval=stretch,
    )
    down, across = np.arange(tiles.shape[0]), np.arange(tiles.shape[1])
    covered = np.outer(down % (height + gap) < height, across % (width + gap) < width)
    number = np.add.outer(down // (height + gap) * columns, across // (width + gap))
    picture = Image.fromarray(tiles)
    picture.putalpha(Image.fromarray((covered & (number < len(X))).astype("uint8") * 255))

    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return (
        f'<img alt="{escape(alt)}" width="{picture.width}" height="{picture.height}" '
        f'src="data:image/png;base64,{data}">'
    )


def filters_html(W: np.ndarray, units: Sequence[int], image_shape: tuple[int, ...]) -> str:
    """Show the weights of the first hundred of some units, each stretched to black and white.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    units : sequence of int
    image_shape : (height, width) or (height, width, 3)
    """
    shown = W.T[list(units)[:AT_MOST_FILTERS]]
    return tiles_html(shown, image_shape, FILTER_COLUMNS, "filters", stretch=True)
