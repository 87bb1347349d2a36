"""Small data sets, and a look at the build of a page."""

from html.parser import HTMLParser

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

VOID = {"meta", "img", "source"}


class _Structure(HTMLParser):
    """Counts tags, and complains where one is closed that was not opened last."""

    def __init__(self):
        super().__init__()
        self.open, self.count, self.sources = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.sources += [value for name, value in attrs if name in ("src", "href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _structure(path):
    parsed = _Structure()
    parsed.feed(path.read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


def _data_set(n=(9, 6, 30), shape=(4, 3), classes=3, seed=0):
    """Return a data set as `load_data` does."""
    rng = np.random.default_rng(seed)
    parts = []
    for count in n:
        x = pytensor.shared(rng.random((count, int(np.prod(shape)))).astype(pytensor.config.floatX))
        x.tag.image_shape, x.tag.source = shape, "noise"
        labels = rng.integers(0, classes, count) if classes else np.full(count, -1)
        y = pytensor.shared(labels.astype(pytensor.config.floatX))
        parts.append((x, pt.cast(y, "int32")))
    return parts


@pytest.fixture(scope="session")
def structure():
    """Return a function that parses a page, and fails where its tags do not match."""
    return _structure


@pytest.fixture(scope="session")
def data_set():
    """Return a function that makes a small data set of noise."""
    return _data_set
