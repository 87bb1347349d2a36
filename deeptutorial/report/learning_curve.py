"""Errors over epochs as a line chart, drawn with Pillow alone."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from deeptutorial.report.axes import round_ticks, value_axis

__all__ = ["draw_learning_curve"]

WIDTH, HEIGHT = 800, 480
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
SCALE = 2  # drawn twice as large and brought down, which smooths the lines
COLOURS = ("#1f5fa8", "#c8553d", "#3b8252", "#7b4fa0")
INK, FAINT = "#333333", "#e3e3e3"


def draw_learning_curve(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    title: str = "",
    x_label: str = "epoch",
    y_label: str = "error in %",
) -> Image.Image:
    """Draw curves into one pair of axes, the vertical one logarithmic where that shows more.

    Parameters
    ----------
    curves : mapping from a name to a sequence of (x, y)
        Points of each curve, from left to right. A curve without points is left out.
    title, x_label, y_label : str

    Returns
    -------
    PIL.Image.Image
    """
    curves = {name: points for name, points in curves.items() if len(points)}
    everything = [point for points in curves.values() for point in points]
    highest_x = max((x for x, _ in everything), default=1)
    lowest_x = min((x for x, _ in everything), default=0)
    x_ticks = round_ticks(lowest_x, max(highest_x, lowest_x + 1), whole=True)
    y_ticks, y_place = value_axis([y for _, y in everything])

    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
    canvas = ImageDraw.Draw(picture)
    font, title_font = (ImageFont.load_default(size * SCALE) for size in (13, 15))

    def place(x: float, y: float) -> tuple[float, float]:
        along = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        return (
            SCALE * (LEFT + along * (WIDTH - LEFT - RIGHT)),
            SCALE * (HEIGHT - BOTTOM - y_place(y) * (HEIGHT - TOP - BOTTOM)),
        )

    for y in y_ticks:
        ends = [place(x_ticks[0], y), place(x_ticks[-1], y)]
        canvas.line(ends, fill=FAINT, width=SCALE)
        canvas.text((ends[0][0] - 8 * SCALE, ends[0][1]), f"{y:g}", INK, font, anchor="rm")
    for x in x_ticks:
        x_px, y_px = place(x, y_ticks[0])
        canvas.line([(x_px, y_px), (x_px, y_px + 4 * SCALE)], fill=INK, width=SCALE)
        canvas.text((x_px, y_px + 8 * SCALE), f"{x:g}", INK, font, anchor="mt")
    canvas.line([place(x_ticks[0], y_ticks[0]), place(x_ticks[-1], y_ticks[0])], INK, SCALE)
    canvas.text((LEFT * SCALE, 14 * SCALE), title, INK, title_font, anchor="lt")
    canvas.text((LEFT * SCALE, (TOP - 6) * SCALE), y_label, INK, font, anchor="lb")
    middle = SCALE * (LEFT + WIDTH - RIGHT) / 2
    canvas.text((middle, (HEIGHT - 12) * SCALE), x_label, INK, font, anchor="mb")

    right = float(SCALE * (WIDTH - RIGHT))
    for colour, (name, points) in zip(_colours(len(curves)), curves.items(), strict=True):
        pixels = [place(x, y) for x, y in points]
        if len(pixels) > 1:
            canvas.line(pixels, fill=colour, width=2 * SCALE, joint="curve")
        if len(pixels) <= 60:
            for x_px, y_px in pixels:
                r = 3 * SCALE
                canvas.ellipse([(x_px - r, y_px - r), (x_px + r, y_px + r)], fill=colour)
        right -= canvas.textlength(name, font)
        canvas.text((right, (TOP - 6) * SCALE), name, colour, font, anchor="lb")
        right -= 20 * SCALE
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]
