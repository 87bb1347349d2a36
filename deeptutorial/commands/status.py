"""What a command ends with: one line where something went wrong, and an exit status."""

import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable

from deeptutorial.archives import ArchiveError
from deeptutorial.commands.standard_streams import enduring_streams
from deeptutorial.commands.together import run_in_group
from deeptutorial.compile import BackendError
from deeptutorial.datasets import DatasetError
from deeptutorial.loading import ctrl_c_raises
from deeptutorial.texts import printable
from deeptutorial.training import (
    DivergenceError,
    RunFolderError,
    TerminatedError,
    processes,
    terminate_by_exception,
)

__all__ = ["UsageError", "run_script"]


class UsageError(ValueError):
    """Options that do not go together."""


def run_script(main: Callable[..., None], options: dict, name: str | None = None) -> int:
    """Call a script's main function and turn what goes wrong into one line and a status.

    Parameters
    ----------
    main : callable
    options : dict
        Its arguments.
    name : str, optional
        What the line begins with; None takes the name of the script.

    Returns
    -------
    int
        0 after a whole run, 1 if training diverged or what was printed could not be written, 2 for
        an input or a file that cannot be used, 130 after Ctrl-C, 143 after SIGTERM.
    """
    with enduring_streams() as lost:
        status = _status_alone_or_in_a_group(main, options, name)
        if status == 0 and lost() is not None:
            return _complain(name, f"lines were lost on standard output: {lost()}", 1)
        return status


def _status_alone_or_in_a_group(main: Callable[..., None], options: dict, name: str | None) -> int:
    if (group := processes.group()) is not None:
        script = name or os.path.basename(sys.argv[0])
        return run_in_group(group, lambda given: _status_of(main, given, name), options, script)
    return _status_of(main, options, name)


def _status_of(main: Callable[..., None], options: dict, name: str | None) -> int:
    try:
        with ctrl_c_raises(), terminate_by_exception():
            main(**options)
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        if interrupt.args:  # what a run saved, and how to go on with it
            how = _with_options(str(interrupt), options)
            print(printable(f"Interrupted; {how}"), file=sys.stderr)
        with warnings.catch_warnings():  # where a compiler was waited for, a pipe from it is open
            warnings.simplefilter("ignore", ResourceWarning)
            traceback.clear_frames(interrupt.__traceback__)
        return 143 if isinstance(interrupt, TerminatedError) else 130
    except BrokenPipeError:  # the reader of our output, `head` say, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DivergenceError as error:
        return _complain(name, error, 1)
    except (ArchiveError, BackendError, DatasetError, RunFolderError, UsageError, OSError) as error:
        return _complain(name, _with_options(str(error), options), 2)
    except MemoryError as error:
        return _complain(name, f"not enough memory: {error}", 2)
    return 0


def _complain(name: str | None, message: object, status: int) -> int:
    line = " ".join(str(message).split())  # the name of a file can have a line break in it
    program = name or os.path.basename(sys.argv[0])
    print(printable(f"{program}: error: {line}"), file=sys.stderr)
    return status


def _with_options(message: str, options: dict) -> str:
    """Put options in the place of the arguments that a message of the library names in backticks.

    Examples
    --------
    >>> _with_options("by `resume=True`, or choose another `folder`", {"resume": False})
    'by --resume, or choose another `folder`'
    """

    def as_option(found: re.Match) -> str:
        return "--" + found[1].replace("_", "-") if found[1] in options else found[0]

    return re.sub(r"`(\w+?)(?:=True)?`", as_option, message)
