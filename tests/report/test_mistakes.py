"""The misclassified examples as a picture."""

import numpy as np
import pytest

from deeptutorial.report import draw_mistakes
from deeptutorial.report.mistakes import AT_MOST


def outcome(n, n_wrong, shape):
    """Return random pictures, labels, and probabilities with the first `n_wrong` wrong."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    taken_for = np.where(np.arange(n) < n_wrong, (labels + 1) % 3, labels)
    probabilities = np.full((n, 3), 0.1)
    probabilities[np.arange(n), taken_for] = np.linspace(0.5, 0.8, n)
    return rng.random((n, int(np.prod(shape)))).astype("float32"), labels, probabilities


@pytest.mark.parametrize("shape", [(28, 28), (5, 9), (6, 4, 3), (200, 100)])
@pytest.mark.parametrize("n_wrong", [0, 1, 16, 17])
def test_size_grows_with_the_rows(shape, n_wrong):
    picture = draw_mistakes(*outcome(20, n_wrong, shape), shape)
    rows = -(-n_wrong // 16)
    scale = max(1, round(56 / max(shape[:2])))
    assert picture.height == 48 + rows * (shape[0] * scale + 24)


def test_the_surest_mistake_comes_first():
    X, labels, probabilities = outcome(20, 5, (4, 4))
    X[:5] = 0
    X[4] = 1  # the surest
    picture = np.asarray(draw_mistakes(X, labels, probabilities, (4, 4)).convert("L"))
    side = 4 * 14
    assert picture[36 : 36 + side, 12 : 12 + side].min() == 255
    assert picture[36 : 36 + side, 12 + side + 8 : 12 + 2 * side + 8].max() == 0


def test_there_is_a_limit():
    many = draw_mistakes(*outcome(AT_MOST + 50, AT_MOST + 50, (3, 3)), (3, 3))
    just = draw_mistakes(*outcome(AT_MOST, AT_MOST, (3, 3)), (3, 3))
    assert many.size == just.size
