"""Whether a file is damaged, or could only not be read this time."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from deeptutorial.texts import printable

__all__ = ["damage_refused", "is_damage"]

LONGEST_REASON = 300  # characters of what a library has to say


@contextmanager
def damage_refused(
    path: str | os.PathLike, refusal: type[Exception], message: str
) -> Iterator[None]:
    """Turn whatever a damaged file can raise while it is read into one exception.

    Where the machine fails and not the file, the file is named, and the exception stays what it is.

    Parameters
    ----------
    path : str or path
    refusal : class of exceptions
        Those that come up already pass.
    message : str
        What is wrong then, to follow the path; the reason comes after it in parentheses.

    Raises
    ------
    MemoryError, OSError
        What is not the file's fault; see `is_damage`.
    """
    try:
        yield
    except refusal:
        raise
    except Exception as error:
        if is_damage(error):
            reason = printable(str(error) or type(error).__name__, LONGEST_REASON)
            raise refusal(f"{path}: {message} ({reason})") from error
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = error.filename or str(path)
            raise
        raise MemoryError(f"to read {path}") from error


def is_damage(error: Exception) -> bool:
    """Tell whether an exception that came up in reading a file says that its content is wrong.

    A reader of a foreign format can meet nearly any exception. But where memory is short, or the
    system fails to read, the same file may be whole: who reads that it is damaged removes what is
    good.

    Examples
    --------
    >>> is_damage(EOFError()), is_damage(MemoryError())
    (True, False)
    >>> is_damage(OSError("image file is truncated")), is_damage(OSError(5, "Input/output error"))
    (True, False)
    """
    if not isinstance(error, OSError):
        return not isinstance(error, MemoryError)
    # Libraries raise it without a number; and a place in a file that cannot be is invalid.
    if error.errno not in (None, errno.EINVAL):
        return False
    return "out of memory" not in str(error)  # Pillow's decoders have no other way to tell
