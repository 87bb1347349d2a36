"""Charts as inline SVG: their colours are the page's, so they follow its light and dark.

Text in an SVG shrinks with it. Each chart is therefore drawn twice, for a wide and for a narrow
page, and the style sheet shows the one that fits.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from deeptutorial.report.axes import round_ticks, value_axis

__all__ = ["NARROW", "bar_chart", "histogram", "line_chart", "series_class"]

WIDE, NARROW = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 28, 44
N_COLOURS = 4

Point = tuple[float, float | None]


def series_class(place: int) -> str:
    """Return the style sheet's class for the colour of a series."""
    return f"series-{place % N_COLOURS}"


def line_chart(
    curves: Mapping[str, Sequence[Point]],
    x_label: str,
    y_label: str,
    width: int = WIDE,
    first_colour: int = 0,
) -> str:
    """Draw curves into one pair of axes, the vertical one logarithmic where that shows more.

    Parameters
    ----------
    curves : mapping from a name to a sequence of (x, y)
        Points of each curve, from left to right; None in the place of y is left out.
    x_label, y_label : str
    width : int
        Of the wide one, in pixels; with `NARROW` there is no other, and no legend either.
    first_colour : int
        Of the first curve.

    Returns
    -------
    str
        HTML.
    """
    known = {name: [(x, y) for x, y in curve if y is not None] for name, curve in curves.items()}
    points = [point for curve in known.values() for point in curve]
    xs = [x for x, _ in points]
    low, high = min(xs, default=0), max(xs, default=1)
    y_ticks, y_place = value_axis([y for _, y in points])

    def draw(frame: _Frame) -> list[str]:
        x_ticks = round_ticks(low, max(high, low + 1), whole=True, about=frame.width // 80)
        parts = frame.axes(x_ticks, [f"{x:g}" for x in x_ticks], y_ticks, y_place)
        for place, (name, curve) in enumerate(known.items(), first_colour):
            pixels = [(frame.across(x, x_ticks), frame.up(y_place(y))) for x, y in curve]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
            parts.append(f'<polyline class="curve {series_class(place)}" points="{path}"/>')
            if len(curve) <= 60:
                parts += [
                    f'<circle class="dot {series_class(place)}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
                    f"<title>{escape(name)}, {escape(x_label)} {at:g}: {value:.4g}</title></circle>"
                    for (x, y), (at, value) in zip(pixels, curve, strict=True)
                ]
        return parts

    return _both_widths(draw, 280, x_label, y_label, width, list(curves))


def bar_chart(
    bars: Mapping[str, Sequence[float]],
    marks: Mapping[str, Sequence[float]],
    names: Sequence[str],
    x_label: str,
    y_label: str,
) -> str:
    """Draw groups of bars, each with a mark at a second value.

    Parameters
    ----------
    bars, marks : mapping from the name of a series to its values
        Not negative; one value for each of `names`.
    names : sequence of str
        What is written below each group.
    x_label, y_label : str
    """
    highest = max(max(values) for values in (*bars.values(), *marks.values()))
    y_ticks = round_ticks(0, highest if highest > 0 else 1)

    def draw(frame: _Frame) -> list[str]:
        group = frame.inner / len(names)
        bar = min(26.0, 0.72 * group / len(bars))
        middles = [frame.left + (i + 0.5) * group for i in range(len(names))]
        parts = frame.axes([], [], y_ticks, lambda y: y / y_ticks[-1])
        for middle, name in zip(middles, names, strict=True):
            parts.append(frame.below(middle, name))
        for place, (series, values) in enumerate(bars.items()):
            for i, value in enumerate(values):
                left = middles[i] + (place - len(bars) / 2) * bar
                top, mark = (frame.up(v / y_ticks[-1]) for v in (value, marks[series][i]))
                parts.append(
                    f'<rect class="bar {series_class(place)}" x="{left + 0.5:.1f}" y="{top:.1f}" '
                    f'width="{bar - 1:.1f}" height="{frame.bottom - top:.1f}">'
                    f"<title>{escape(names[i])}, {escape(series)}: {value:.4g}</title></rect>"
                    f'<line class="mark" x1="{left:.1f}" x2="{left + bar:.1f}" y1="{mark:.1f}" '
                    f'y2="{mark:.1f}"><title>{marks[series][i]:.4g}</title></line>'
                )
        return parts

    return _both_widths(draw, 280, x_label, y_label, legend=list(bars))


def histogram(shares: Sequence[float], place: int, x_label: str, y_label: str) -> str:
    """Draw the shares of equal bins over the unit interval.

    Parameters
    ----------
    shares : sequence of float, not negative
    place : int
        Which series' colour to take.
    x_label, y_label : str
    """
    percent = np.asarray(shares) * 100
    y_ticks = round_ticks(0, max(float(percent.max()), 1e-9))
    x_ticks = [0.0, 0.25, 0.5, 0.75, 1.0]

    def draw(frame: _Frame) -> list[str]:
        parts = frame.axes(x_ticks, [f"{x:g}" for x in x_ticks], y_ticks, lambda y: y / y_ticks[-1])
        bar = frame.inner / len(percent)
        for i, share in enumerate(percent):
            top = frame.up(share / y_ticks[-1])
            parts.append(
                f'<rect class="bar {series_class(place)}" x="{frame.left + i * bar:.1f}" '
                f'y="{top:.1f}" width="{bar - 0.6:.1f}" height="{frame.bottom - top:.1f}">'
                f"<title>{i / len(percent):g} to {(i + 1) / len(percent):g}: {share:.3g} %</title>"
                "</rect>"
            )
        return parts

    # It stands beside others of its kind: narrow on a wide page too.
    return _both_widths(draw, 190, x_label, y_label, wide=NARROW)


class _Frame:
    """Pixel positions within one drawing."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.left, self.right, self.top = LEFT, width - RIGHT, TOP
        self.bottom = height - BOTTOM
        self.inner = self.right - self.left

    def across(self, x: float, ticks: Sequence[float]) -> float:
        return self.left + (x - ticks[0]) / (ticks[-1] - ticks[0]) * self.inner

    def up(self, share: float) -> float:
        return self.bottom - share * (self.bottom - self.top)

    def below(self, x: float, text: str) -> str:
        return (
            f'<text class="tick" x="{x:.1f}" y="{self.bottom + 17}" text-anchor="middle">'
            f"{escape(text)}</text>"
        )

    def axes(
        self,
        x_ticks: Sequence[float],
        x_names: Sequence[str],
        y_ticks: Sequence[float],
        y_place: Callable[[float], float],
    ) -> list[str]:
        parts = []
        for y in y_ticks:
            at = self.up(y_place(y))
            parts.append(
                f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{at:.1f}" '
                f'y2="{at:.1f}"/><text class="tick" x="{self.left - 7}" y="{at + 4:.1f}" '
                f'text-anchor="end">{y:g}</text>'
            )
        parts += [
            self.below(self.across(x, x_ticks), name)
            for x, name in zip(x_ticks, x_names, strict=True)
        ]
        parts.append(
            f'<line class="axis" x1="{self.left}" x2="{self.right}" y1="{self.bottom}" '
            f'y2="{self.bottom}"/>'
        )
        return parts


def _both_widths(
    draw: Callable[[_Frame], list[str]],
    height: int,
    x_label: str,
    y_label: str,
    wide: int = WIDE,
    legend: Sequence[str] = (),
) -> str:
    drawings = []
    legend = legend if wide != NARROW else ()
    for kind, width in (("wide", wide), ("narrow", NARROW)):
        if kind == "narrow" and wide == NARROW:
            continue
        frame = _Frame(width, height)
        which = f' class="{kind}"' if wide != NARROW else ""
        drawings.append(
            f'<svg{which} viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="{escape(y_label)} by {escape(x_label)}">'
            f'<text class="label" x="2" y="14">{escape(y_label)}</text>'
            f'<text class="label" x="{frame.right}" y="{height - 6}" text-anchor="end">'
            f"{escape(x_label)}</text>" + "".join(draw(frame)) + "</svg>"
        )
    keys = "".join(
        f'<span class="key"><i class="{series_class(place)}"></i>{escape(name)}</span>'
        for place, name in enumerate(legend)
    )
    return '<div class="chart">' + (f"<p>{keys}</p>" if keys else "") + "".join(drawings) + "</div>"
