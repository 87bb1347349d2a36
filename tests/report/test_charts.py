"""Charts as SVG."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from deeptutorial.report.charts import NARROW, bar_chart, histogram, line_chart


def drawings(html):
    root = ElementTree.fromstring(html)
    return list(root.iter("svg"))


def inside(svg):
    """Assert that all coordinates lie in the picture."""
    _, _, width, height = map(float, svg.get("viewBox").split())
    for element in svg.iter():
        for names, limit in ((("x", "x1", "x2", "cx"), width), (("y", "y1", "y2", "cy"), height)):
            for name in names:
                assert -0.1 <= float(element.get(name, 0)) <= limit + 0.1


@pytest.mark.parametrize(
    "points",
    [
        *([(0, 3.0)], [(1, 0.0), (2, 0.0)], [(0.5, 90.0), (1000, 0.01)]),
        *([(k, k) for k in range(300)], [(0, 1e-9), (1, 1e12)], [(0, 1e-310), (1, 1e299)]),
        *([(0, None)], [(0, None), (1, 3.0), (2, None), (3, 4.0)]),
    ],
)
def test_lines_stay_in_their_picture(points):
    wide, narrow = drawings(line_chart({"a": points, "b & <c>": points[:1]}, "epoch", "cost"))
    for svg in (wide, narrow):
        inside(svg)
        for polyline in svg.iter("polyline"):
            _, _, width, height = map(float, svg.get("viewBox").split())
            for pair in polyline.get("points").split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_a_falling_line_falls():
    (svg,) = drawings(line_chart({"a": [(0, 9), (1, 5), (2, 3)]}, "", "", width=NARROW))
    heights = [float(circle.get("cy")) for circle in svg.iter("circle")]
    assert heights == sorted(heights)  # downwards is larger


def test_bars_are_as_high_as_their_values():
    html = bar_chart({"a": [10, 20]}, {"a": [5, 40]}, ["one", "two"], "class", "cost")
    for svg in drawings(html):
        inside(svg)
        first, second = (float(bar.get("height")) for bar in svg.iter("rect"))
        assert second == pytest.approx(2 * first, abs=0.2)
        marks = [float(m.get("y1")) for m in svg.iter("line") if m.get("class") == "mark"]
        tops = [float(bar.get("y")) for bar in svg.iter("rect")]
        assert marks[0] > tops[0]
        assert marks[1] < tops[1]


def test_a_histogram_has_a_bar_for_each_share():
    (svg,) = drawings(histogram([0.5, 0, 0.25, 0.25], 2, "output", "share"))
    inside(svg)
    heights = [float(bar.get("height")) for bar in svg.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[2], abs=0.2)
    assert heights[1] == 0
    assert all("series-2" in bar.get("class") for bar in svg.iter("rect"))


def test_what_is_written_is_escaped():
    assert not re.search(r"<c>", line_chart({"b & <c>": [(0, 1)]}, "x", "y"))
