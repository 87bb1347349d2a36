"""Ctrl-C while a program of this project is loaded: it ends at once, and prints nothing.

At first that takes seconds. There is nothing to be saved yet, and nobody to catch a
KeyboardInterrupt: Python would print the traceback of some library, and a library in C that it
strikes makes an ImportError of it. So the signal ends the process by itself, as SIGTERM does, until
there is somebody to be told (`ctrl_c_raises`), and again once there is nobody any more.

This is imported before all else, and imports next to nothing.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ctrl_c_raises", "let_ctrl_c_end_it"]

HERE = os.path.dirname(os.path.abspath(__file__))

SCRIPTS = ("dA.py", "SdA.py")
"""They lie beside the package in a clone, and within it where it is installed (`setup.py`)."""


def let_ctrl_c_end_it() -> None:
    """Let Ctrl-C end the process by itself, if it runs one of this project's own programs.

    In any other program that imports the package, and where Python is used interactively, nothing
    is changed; nor where Ctrl-C is ignored, as in a shell's background.
    """
    is_pythons = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_pythons and _may_set_handlers() and not sys.flags.interactive and _is_own_program():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def ctrl_c_raises() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt where it would end the process by itself."""
    ends_it = signal.getsignal(signal.SIGINT) is signal.SIG_DFL and _may_set_handlers()
    if ends_it:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ends_it:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _may_set_handlers() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_own_program() -> bool:
    """Tell whether Python was started for the command or one of the scripts.

    The outermost code that runs tells, and not `sys.argv` or ``__main__``, which debuggers and
    notebooks set as they like.
    """
    if sys.argv[:1] == ["-m"]:  # so it is while the package of ``python -m package`` is imported
        asked_for = sys.orig_argv[-len(sys.argv)]
        return asked_for.removeprefix("-m") in ("deeptutorial", "deeptutorial.__main__")
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    folder, name = os.path.split(os.path.abspath(frame.f_code.co_filename))
    if name in SCRIPTS:
        return os.path.realpath(folder) in map(
            os.path.realpath, (os.path.dirname(HERE), os.path.join(HERE, "scripts"))
        )
    # What pip has made of the entry point; on Windows it is packed into deeptutorial.exe.
    return name == "deeptutorial" or os.path.basename(folder) == "deeptutorial.exe"
