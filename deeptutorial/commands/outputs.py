"""Where the results of the commands go: to a file, to a pipe, or to standard output."""

import errno
import io
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from deeptutorial.commands.inputs import STANDARD
from deeptutorial.commands.status import UsageError
from deeptutorial.files import writing

__all__ = ["add_output", "check_output", "opened_output", "write_bytes", "write_png"]


def add_output(parser: ArgumentParser, default: str | None, help: str) -> None:
    """Let a command take the name of what it writes."""
    parser.add_argument(
        "-o",
        "--output",
        default=default,
        metavar="PATH",
        help=help + ("" if default is None else " (default: %(default)s)"),
    )


def check_output(output: str, *sources: str) -> None:
    """Refuse, before there is anything to write, what could not be written.

    Raises
    ------
    UsageError
        If the output is one of what is read.
    FileNotFoundError
        If there is no folder for it.
    """
    if output == STANDARD:
        return
    if not Path(output).parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(Path(output).parent))
    for source in map(os.path.expanduser, sources):
        if os.path.isfile(source) and os.path.realpath(source) == os.path.realpath(output):
            raise UsageError(f"{source}: would be written over; name another --output")


@contextmanager
def opened_output(output: str) -> Iterator[BinaryIO]:
    """Give a file for what comes bit by bit; at the end it is there whole, or not at all.

    Standard output gets it as it comes.
    """
    if output == STANDARD:
        if sys.__stdout__ is None:
            raise OSError(errno.EBADF, "standard output is closed", output)
        yield sys.stdout.buffer
        return
    check_output(output)
    with writing(output) as file:
        yield file


def write_png(output: str, pixels: np.ndarray) -> None:
    """Write a picture, bytes of shape (height, width) or with channels, as PNG."""
    buffer = io.BytesIO()  # Pillow itself writes to no pipe
    Image.fromarray(pixels).save(buffer, "PNG")
    write_bytes(output, buffer.getbuffer())


def write_bytes(output: str, content: bytes | memoryview) -> None:
    """Write what is whole already."""
    with opened_output(output) as file:
        file.write(content)
