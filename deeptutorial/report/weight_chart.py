"""The heaviest inputs of hidden units by name, drawn as a picture."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deeptutorial.files import replacing, save_png
from deeptutorial.report.high_weights import (
    BEYOND,
    deviations,
    heaviest,
    high_weights_table,
    input_names,
)

__all__ = ["draw_high_weights", "save_high_weights"]

N_INPUTS = 8
"""Of a unit, at most."""

INK, FAINT, LINE = "#22262a", "#6a7178", "#d5d7d4"
POSITIVE, NEGATIVE = "#2166ac", "#c8502d"

WIDTH, NAMES, BARS, ROW, TITLE, GAP, MARGIN, HEADING = 208, 96, 104, 15, 20, 16, 18, 34


def draw_high_weights(
    W: np.ndarray, columns: Sequence[str] = (), rows: int = 10, across: int = 10
) -> Image.Image:
    """Draw a panel for each of the first units: its heaviest inputs, the heaviest first.

    A bar shows how far a weight is from the mean of its unit's, in their standard deviations, to
    the right above it and to the left below. All bars have one scale; what is within the two
    thin lines is within two deviations.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    columns : sequence of str
        What the inputs are called; where they have no names, they are numbered.
    rows, across : int
        Panels, at most.
    """
    n_visible, n_hidden = W.shape
    shown = min(n_hidden, rows * across)
    across = min(across, shown)
    rows = -(-shown // across)
    names, from_mean = input_names(columns, n_visible), deviations(W[:, :shown])
    height = TITLE + min(N_INPUTS, n_visible) * ROW
    picture = Image.new(
        "RGB",
        (
            2 * MARGIN + across * (WIDTH + GAP) - GAP,
            HEADING + MARGIN + rows * (height + GAP) - GAP,
        ),
        "white",
    )
    canvas = ImageDraw.Draw(picture)
    small, large = ImageFont.load_default(11), ImageFont.load_default(13)
    canvas.text(
        (MARGIN, HEADING // 2),
        "heaviest inputs, in standard deviations"
        + (f"; {shown} of {n_hidden} units" if shown < n_hidden else ""),
        FAINT,
        large,
        anchor="lm",
    )
    scale = BARS / 2 / max(BEYOND, float(np.abs(from_mean).max()))
    for unit in range(shown):
        row, column = divmod(unit, across)
        x, y = MARGIN + column * (WIDTH + GAP), HEADING + row * (height + GAP)
        canvas.text((x, y + TITLE // 2), f"unit {unit}", INK, large, anchor="lm")
        of_unit = from_mean[:, unit]
        inputs = heaviest(of_unit, N_INPUTS)
        middle = x + NAMES + BARS // 2
        for at in (-BEYOND, 0, BEYOND):
            line = middle + round(at * scale)
            canvas.line((line, y + TITLE, line, y + height - 2), LINE)
        for i, place in zip(inputs, range(y + TITLE, y + height, ROW), strict=True):
            name = _fitting(names[i], small, NAMES - 8)
            canvas.text((x + NAMES - 6, place + ROW // 2), name, INK, small, anchor="rm")
            ends = sorted((middle, middle + round(of_unit[i] * scale)))
            colour = POSITIVE if of_unit[i] > 0 else NEGATIVE
            canvas.rectangle((ends[0], place + 3, ends[1], place + ROW - 3), colour)
    return picture


def save_high_weights(W: np.ndarray, columns: Sequence[str], path: str | os.PathLike) -> None:
    """Write the chart of the first hundred units as PNG, and beside it the table of all as TSV.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    columns : sequence of str
        What the inputs are called, if they have names.
    path : str or path
        Of the chart; the table has the same name, with the suffix ``.tsv``.
    """
    path = Path(path)
    save_png(draw_high_weights(W, columns), path)
    with replacing(path.with_name(f"{path.name.removesuffix('.png')}.tsv")) as temporary:
        # A name of an input need not be text.
        table = high_weights_table(W, columns)
        temporary.write_text(table, encoding="utf-8", errors="backslashreplace")


def _fitting(name: str, font, width: int) -> str:
    """Shorten a name that is too long for its place."""
    name = "".join(c if c.isprintable() else "?" for c in name[:100])
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(f"{name}…") > width:
        name = name[:-1]
    return f"{name}…"
