"""What a terminal is given to show."""

import unicodedata

import pytest

from deeptutorial.texts import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 图片 é .npz", "plain, 图片 é .npz"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202egpj", r"\u202egpj"),
        ("\ud800 \udcff", r"\ud800 \udcff"),
        ("\u2028\U000e0041", r"\u2028\U000e0041"),
    ],
)
def test_what_is_shown(text, shown):
    assert printable(text) == shown


def test_every_character_is_harmless_afterwards():
    everything = "".join(map(chr, range(0x110000)))
    shown = printable(everything, len(everything))
    assert not {unicodedata.category(c) for c in set(shown)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode("utf-8")


def test_what_is_too_long_is_cut():
    assert printable("ab" * 10**6, 5) == "ababa..."
    assert printable("ababa", 5) == "ababa"
    assert printable(12.5) == "12.5"
