"""SECURITY.md: what it names is there, and what it says of the readers is so."""

import re
from pathlib import Path

import pytest

from deeptutorial.datasets import pickled, pictures, unpacking

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_each_path_is_there(path):
    assert (ROOT / path).is_file()


def test_the_numbers():
    assert "an unpickler that knows five names" in PAGE
    assert len(set(pickled._STAND_INS.values())) == 5
    assert "a quarter of\n  a gigabyte, or a hundred times" in PAGE
    assert (unpacking.FREELY, unpacking.AT_MOST_TIMES) == (2**30 // 4, 100)
    assert "EPS and WMF" in PAGE
    assert not {"EPS", "WMF"} & set(pictures._formats())
