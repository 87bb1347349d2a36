"""Where the results of the commands go: to a file, to a pipe, or to standard output."""

import errno
import io
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from PIL import Image

from deeptutorial.commands.inputs import STANDARD
from deeptutorial.files import writing

__all__ = ["add_output", "write_npy", "write_png"]


def add_output(parser: ArgumentParser, default: str | None, help: str) -> None:
    """Let a command take the name of what it writes."""
    parser.add_argument(
        "-o",
        "--output",
        default=default,
        metavar="PATH",
        help=help + ("" if default is None else " (default: %(default)s)"),
    )


def write_npy(output: str, array: np.ndarray) -> None:
    """Write an array in NumPy's format."""
    buffer = io.BytesIO()  # NumPy itself writes to no pipe
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    _write(output, buffer)


def write_png(output: str, pixels: np.ndarray) -> None:
    """Write a picture, bytes of shape (height, width) or with channels, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    _write(output, buffer)


def _write(output: str, buffer: io.BytesIO):
    if output == STANDARD:
        if sys.__stdout__ is None:
            raise OSError(errno.EBADF, "standard output is closed", output)
        sys.stdout.buffer.write(buffer.getbuffer())
    else:
        if not Path(output).parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(Path(output).parent))
        with writing(output) as file:
            file.write(buffer.getbuffer())
