"""Run an old script as Python would have run it."""

import signal
import sys
import traceback
import types
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

import deeptutorial.theano
from deeptutorial.legacy import mnist, old_names
from deeptutorial.legacy.importing import Sources, StandInFinder
from deeptutorial.legacy.python2 import BUILTINS
from deeptutorial.texts import printable

__all__ = ["run_file"]


def run_file(script: str, arguments: Sequence[str] = (), python2: bool = False) -> None:
    """Run a script as ``__main__``, in an environment as it was when it was written.

    The process is changed for good: ``import theano`` finds `deeptutorial.theano`, names that NumPy
    and others have given up are back, and modules of the script's folder are translated where they
    are Python 2. One line on stderr says what was done, if anything was.

    Parameters
    ----------
    script : str
        Its path.
    arguments : sequence of str
        Those of its command line.
    python2 : bool
        Take it for Python 2, though it would be Python 3 too.

    Raises
    ------
    OSError
        If the script cannot be read.
    TranslatorMissingError
        If it is Python 2, and fissix is not installed.
    SystemExit
        With its own status; 1 after an exception, whose traceback is on stderr then.
    """
    path = Path(script)
    try:
        sources = Sources(path, python2)
    except SyntaxError as error:
        traceback.print_exception(error.with_traceback(None))
        raise SystemExit(1) from None
    _say_what_was_done(sources)

    deeptutorial.theano.install()
    old_names.restore()
    mnist.provide()
    np.set_printoptions(legacy="1.25")  # a list of costs prints as numbers
    sys.argv = [script, *arguments]
    sys.path[0] = str(sources.folder)
    sys.dont_write_bytecode = True
    place = sys.meta_path.index(PathFinder)
    sys.meta_path[place:place] = [sources, StandInFinder()]

    main = types.ModuleType("__main__")
    main.__file__ = script
    if sources.script.python2:
        vars(main)["__builtins__"] = BUILTINS
    sys.modules["__main__"] = main
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as it is in a script, unless it says otherwise
    try:
        exec(sources.script.code, vars(main))
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        sys.stdout.flush()
        traceback.print_exception(error.with_traceback(_own_part(error.__traceback__, script)))
        raise SystemExit(1) from None


def _own_part(trace: types.TracebackType | None, script: str) -> types.TracebackType | None:
    """Leave out what lies above the script itself."""
    whole = trace
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace or whole


def _say_what_was_done(sources: Sources) -> None:
    done = []
    if sources.translated:
        count = sources.translated
        done.append(f"Python 2 source: {count} file{'s' if count > 1 else ''} translated")
    if sources.missing:
        done.append(
            f"not beside the script, so deeptutorial's stand in: {', '.join(sources.missing)}"
        )
    if done:
        print(f"deeptutorial run: {printable('; '.join(done))}", file=sys.stderr)
