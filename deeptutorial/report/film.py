"""A film of how filters came about: a PNG that moves, the cost below the filters."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageSequence

from deeptutorial.files import replacing
from deeptutorial.report.axes import value_axis
from deeptutorial.report.page import figure, section, side_by_side
from deeptutorial.report.trained import Training
from deeptutorial.training.film import Film, Moment, palette

__all__ = ["described_film", "film_png", "films_section", "save_film"]

WIDTH = 400
"""Pixels, at least, where each pixel of a filter is some pixels wide."""
STRIP, FINE = 92, 3
"""Height of the strip with the cost, and how much finer it is drawn."""
SECONDS, SHORTEST, LONGEST, HELD = 8000, 80, 500, 2500
"""Milliseconds: of the film, of a frame at least and at most, and of the last one."""

INK, FAINT = 230, 110
"""Greys on black, in a light page as in a dark one."""


def film_png(film: Film, image_shape: tuple[int, ...]) -> bytes:
    """Draw a film as an animated PNG, which shows its first frame where nothing moves.

    A frame has the filters on top, each pixel of them several wide, and below the curve of the
    cost, with a mark at where the frame is.

    Parameters
    ----------
    film : Film
    image_shape : (height, width) or (height, width, 3)

    Returns
    -------
    bytes
        Of a file; half a byte a pixel of a grey filter before it is packed, a byte of a coloured
        one.
    """
    frames = _frames(film.moments(), image_shape)
    duration = min(LONGEST, max(SHORTEST, SECONDS // len(frames)))
    durations = [duration] * (len(frames) - 1) + [HELD]
    file = io.BytesIO()
    frames[0].save(
        file,
        "PNG",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    return file.getvalue()


def save_film(folder: str | os.PathLike, name: str, training: Training) -> bytes:
    """Write a training's film, if there is one, to a file of its own; return what is in it."""
    if training.film is None:
        return b""
    png = film_png(training.film, training.model.image_shape)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / name) as temporary:
        temporary.write_bytes(png)
    return png


def described_film(training: Training) -> dict:
    """Return what `report.json` tells of the frames of a training's film."""
    moments = training.film.moments() if training.film else []
    return {
        "minibatches": [moment.minibatch for moment in moments],
        "costs": [moment.cost for moment in moments],
    }


def films_section(films: Mapping[str, bytes], described: Sequence[dict]) -> str:
    """Show films beside each other; nothing where there are none.

    Parameters
    ----------
    films : mapping from what was trained, in words, to what `save_film` returned
    described : sequence of dict
        What `described_film` returned for each.
    """
    if not any(films.values()):
        return ""
    n_frames = max(len(film["minibatches"]) for film in described)
    return section(
        "Learning as it happens",
        f"The filters of the first hidden units at {n_frames} moments of the training, in few "
        "shades, each stretched from black to white by itself. The curve below them is the mean "
        "cost of the minibatches since the moment before.",
        side_by_side(
            *(
                figure(_film(png, name), name, place)
                for place, (name, png) in enumerate(films.items())
                if png
            )
        ),
    )


def _film(png: bytes, name: str) -> str:
    """Show a film that can be put away; its last frame, where the reader wants nothing to move."""
    with Image.open(io.BytesIO(png)) as picture:
        width, height = picture.size
        *_, last = ImageSequence.Iterator(picture)
        still = io.BytesIO()
        last.copy().save(still, "PNG", optimize=True)
    alt = f"filters of {name}, from the first minibatch to the last"
    return (
        "<details open><summary>the film</summary><picture>"
        f'<source media="(prefers-reduced-motion: reduce)" srcset="{_data(still.getvalue())}">'
        f'<img class="film" alt="{escape(alt)}" width="{width}" height="{height}" '
        f'src="{_data(png)}"></picture></details>'
    )


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _frames(moments: list[Moment], image_shape: tuple[int, ...]) -> list[Image.Image]:
    colours = palette(image_shape)
    width = moments[0].picture.shape[1]
    scale = max(1, -(-WIDTH // width))
    of_grey = _nearest_greys(colours)
    frames = []
    for moment in moments:
        filters = moment.picture.repeat(scale, axis=0).repeat(scale, axis=1)
        strip = of_grey[_strip(moments, moment, scale * width)]
        frame = Image.fromarray(np.concatenate([filters, strip]), "P")
        frame.putpalette(colours.tobytes())
        frames.append(frame)
    return frames


def _nearest_greys(colours: np.ndarray) -> np.ndarray:
    """Return which of some colours is nearest to each grey from 0 to 255."""
    far = np.abs(colours.astype(int)[:, None] - np.arange(256)[None, :, None]).sum(axis=2)
    return far.argmin(axis=0).astype("uint8")


def _strip(moments: list[Moment], now: Moment, width: int) -> np.ndarray:
    """Draw the curve of the cost, with a mark at a moment, in greys."""
    drawing = Image.new("L", (width * FINE, STRIP * FINE))
    canvas, font = ImageDraw.Draw(drawing), ImageFont.load_default(12 * FINE)
    known = [(one.minibatch, one.cost) for one in moments if one.cost is not None]
    ticks, place = value_axis([cost for _, cost in known])
    left, right, top, bottom = (FINE * at for at in (40, width - 10, 30, STRIP - 10))

    def at(minibatch: int, cost: float) -> tuple[float, float]:
        share = minibatch / max(1, moments[-1].minibatch)
        return left + share * (right - left), bottom - place(cost) * (bottom - top)

    said = f"minibatch {now.minibatch:,}"
    cost = "untrained" if now.cost is None else f"cost {now.cost:.2f}"
    canvas.text((6 * FINE, 12 * FINE), said, INK, font, anchor="lm")
    canvas.text(((width - 8) * FINE, 12 * FINE), cost, INK, font, anchor="rm")
    for tick in (ticks[0], ticks[-1]):
        y = bottom - place(tick) * (bottom - top)
        canvas.text((left - 6 * FINE, y), f"{tick:g}", FAINT, font, anchor="rm")
        canvas.line((left, y, right, y), 50, FINE)
    curve = [at(*point) for point in known]
    over = [
        point
        for point, (minibatch, _) in zip(curve, known, strict=True)
        if minibatch <= now.minibatch
    ]
    for points, grey in ((curve, FAINT), (over, INK)):
        if len(points) > 1:
            canvas.line(points, grey, 2 * FINE, joint="curve")
    if over:
        (x, y), r = over[-1], 4 * FINE
        canvas.ellipse((x - r, y - r, x + r, y + r), INK)
    return np.asarray(drawing.reduce(FINE))
