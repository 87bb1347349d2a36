"""Lines that are printed beside a progress bar."""

import sys
from typing import TextIO

from tqdm import tqdm

from deeptutorial.held_signals import SignalsHeld

__all__ = ["print_line"]


def print_line(line: str, file: TextIO | None = None) -> None:
    """Print a line at once, above the progress bar if there is one.

    Parameters
    ----------
    line : str
    file : text file, optional
        None is standard output.
    """
    # In its own lock tqdm is not made for a KeyboardInterrupt.
    with SignalsHeld(), tqdm.external_write_mode(file):
        print(line, file=file or sys.stdout, flush=True)
