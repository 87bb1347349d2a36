"""The learning curve as a picture."""

import numpy as np
import pytest

from deeptutorial.report import draw_learning_curve
from deeptutorial.report.learning_curve import COLOURS, HEIGHT, WIDTH


def reddish(picture):
    """Return where a pixel has the second curve's colour, roughly."""
    colour = tuple(int(COLOURS[1][i : i + 2], 16) for i in (1, 3, 5))
    return np.abs(np.asarray(picture).astype(int) - colour).max(axis=2) < 40


def test_a_falling_curve_falls():
    falling = [(epoch, 5 / epoch) for epoch in range(1, 11)]
    picture = draw_learning_curve({"one": [(1, 5), (10, 5)], "two": falling}, title="a title")
    assert picture.size == (WIDTH, HEIGHT)
    rows, columns = np.nonzero(reddish(picture)[60:])
    left, right = columns < np.quantile(columns, 0.1), columns > np.quantile(columns, 0.9)
    assert rows[left].mean() < rows[right].mean()


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1, 3.0)],
        [(1, 0.0), (2, 0.0)],
        [(1, 0.0), (2, 100.0)],
        [(1, 2.0), (2, 2.0), (3, 2.0)],
        [(0.5, 90.0), (1000, 0.01)],
        [(k, 1 + k) for k in range(300)],
    ],
)
def test_any_points_can_be_drawn(points):
    picture = draw_learning_curve({"validation": points, "test": points[:1]})
    assert picture.size == (WIDTH, HEIGHT)
    assert np.asarray(picture).std() > 0
