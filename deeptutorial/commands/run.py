"""`deeptutorial run`: an old Theano script, as it is."""

import argparse

from deeptutorial.commands.status import UsageError

__all__ = ["add_to", "run"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "run",
        help="run a script that was written for Theano, unchanged",
        description="Run a script that imports theano, Python 2 or 3, as it is. In it, theano is "
        "deeptutorial.theano, Theano's names over PyTensor. Python 2 is translated in memory; the "
        "tutorial's modules that it imports are taken from beside it, or else from here.",
        epilog="examples:\n"
        "  deeptutorial run mlp.py\n"
        "  THEANO_FLAGS=floatX=float32 deeptutorial run SdA.py\n"
        "  deeptutorial run --python2 old.py data.txt     where its syntax does not tell\n",
    )
    parser.add_argument(
        "--python2",
        action="store_true",
        help="take the script for Python 2, whose / divides whole numbers to whole ones, though "
        "it would compile as Python 3 too",
    )
    parser.add_argument("script", help="the script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    parser.set_defaults(run=run)


def run(script: str, arguments: list[str], python2: bool) -> None:
    """Run a script to its end, where it exits with its own status."""
    # Only now: it changes what a symbolic variable is worth as a truth value.
    from deeptutorial.legacy import TranslatorMissingError, run_file

    try:
        run_file(script, arguments, python2)
    except TranslatorMissingError as error:
        raise UsageError(str(error)) from error
