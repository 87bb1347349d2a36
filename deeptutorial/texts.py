"""Texts from elsewhere, made fit for a terminal."""

__all__ = ["printable"]


def printable(value: object, at_most: int = 4000) -> str:
    r"""Return a text that a terminal shows as it is, and does nothing else with.

    File names, names in files and what a file holds can be anything: sequences that clear the
    screen or retitle the window, letters that turn the direction of writing, half a pair of
    surrogates, which cannot be encoded, a million characters.

    Parameters
    ----------
    value : object
        Its text is taken.
    at_most : int
        So many characters of it; where there are more, dots follow.

    Examples
    --------
    >>> print(printable("f\x1b[2J.npz"))
    f\x1b[2J.npz
    >>> printable("abcdef", at_most=3)
    'abc...'
    """
    text = str(value)
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[:at_most]
    )
    return shown if len(text) <= at_most else f"{shown}..."
