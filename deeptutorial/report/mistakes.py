"""The examples that a classifier gets wrong, as one picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deeptutorial.images import is_image, split_channels, tile_raster_images, visible

__all__ = ["draw_mistakes"]

COLUMNS = 16
AT_MOST = 256
CAPTION, HEADING, MARGIN = 18, 36, 12
NUMBER = (16, 56)
"""Height and width of a number in the place of a picture."""

INK, WRONG = "#333333", "#c8553d"


def draw_mistakes(
    X: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    image_shape: tuple[int, ...] | None,
) -> Image.Image:
    """Draw the misclassified examples, each with what it is and, in red, what it was taken for.

    Those that the classifier was most sure of come first; at most 256 are shown. What is no picture
    has its number in the data set.

    Parameters
    ----------
    X : ndarray of shape (n, height * width) or (n, height * width * 3)
        Flattened pictures, one a row; where they are not in [0, 1], the least value is black.
    labels : ndarray of int, shape (n,)
        What they are.
    probabilities : ndarray of shape (n, classes)
        What the classifier says.
    image_shape : (height, width) or (height, width, 3); (1, values) or None for no picture

    Returns
    -------
    PIL.Image.Image
    """
    taken_for = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(taken_for != labels)
    sure = np.argsort(-probabilities[wrong, taken_for[wrong]], kind="stable")
    shown = wrong[sure][:AT_MOST]

    height, width = image_shape[:2] if is_image(image_shape) else NUMBER
    scale = max(1, round(56 / max(height, width)))
    rows = -(-len(shown) // COLUMNS)
    gap = (CAPTION + 6, 8)
    picture_size = (
        2 * MARGIN + COLUMNS * (width * scale + gap[1]) - gap[1],
        HEADING + MARGIN + rows * (height * scale + gap[0]),
    )
    picture = Image.new("RGB", picture_size, "white")
    canvas = ImageDraw.Draw(picture)
    heading = f"{len(wrong)} of {len(X)} taken for another"
    if len(shown) < len(wrong):
        heading += f"; the {len(shown)} it was most sure of"
    heading_font, font = ImageFont.load_default(15), ImageFont.load_default(14)
    canvas.text((MARGIN, HEADING // 2), heading, INK, heading_font, anchor="lm")

    for number, example in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        x = MARGIN + column * (width * scale + gap[1])
        y = HEADING + row * (height * scale + gap[0])
        if is_image(image_shape):
            tile = tile_raster_images(
                split_channels(visible(X[example : example + 1], X), image_shape),
                (height, width),
                (1, 1),
                scale_rows_to_unit_interval=False,
            )
            enlarged = Image.fromarray(tile).convert("RGB")
            picture.paste(
                enlarged.resize((width * scale, height * scale), Image.Resampling.NEAREST), (x, y)
            )
        else:
            place = (x + width / 2, y + height // 2)
            canvas.text(place, f"no. {example}", INK, font, anchor="mm")
        middle, below = x + width * scale / 2, y + height * scale + CAPTION // 2 + 1
        canvas.text((middle - 4, below), str(labels[example]), INK, font, anchor="rm")
        canvas.text((middle + 4, below), str(taken_for[example]), WRONG, font, anchor="lm")
    return picture
