"""What is promised names the test of each promise."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tests_that_the_page_names_are_there():
    page = (ROOT / "docs" / "promised.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/\S+?)`", page))
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
    promises = re.findall(r"^\| [A-Z`].*\|$", page, flags=re.M)
    assert len(promises) > 10
    assert [row for row in promises if not re.search(r"\| `tests/[^|]*\|$", row)] == []
