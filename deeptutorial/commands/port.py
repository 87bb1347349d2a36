"""`deeptutorial port`: an old Theano file, rewritten for good."""

import difflib
import sys
from pathlib import Path

from deeptutorial.commands.status import UsageError
from deeptutorial.files import writing

__all__ = ["add_to", "port"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "port",
        help="rewrite a Theano file to Python 3 and PyTensor",
        description="Rewrite a file that imports theano, Python 2 or 3, to Python 3 and PyTensor. "
        "Comments and layout stay; what could not be rewritten is marked with # TODO(port).",
        epilog="examples:\n"
        "  deeptutorial port old.py --diff\n"
        "  deeptutorial port old.py --output new.py\n"
        "  deeptutorial port old.py > new.py\n",
    )
    parser.add_argument(
        "--python2",
        action="store_true",
        help="take the file for Python 2, though it would be Python 3 too: a module of an old "
        "program, say",
    )
    parser.add_argument("file", help="the file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="PATH", help="where the new one goes")
    where.add_argument("--diff", action="store_true", help="print what is different")
    parser.set_defaults(run=port)


def port(file: str, output: str | None, diff: bool, python2: bool) -> None:
    """Print the rewritten file, or what is different, or write it."""
    from deeptutorial.legacy.porting import MARK, port_text
    from deeptutorial.legacy.translation import TranslatorMissingError, decode

    source = Path(file).read_bytes()
    try:
        text = port_text(source, file, python2)
    except (SyntaxError, TranslatorMissingError) as error:
        raise UsageError(f"{file}: {error}") from error
    if output:
        with writing(output) as written:
            written.write(text.encode())
    elif diff:
        old, new = (each.splitlines(keepends=True) for each in (decode(source), text))
        sys.stdout.writelines(difflib.unified_diff(old, new, file, f"{file} (ported)"))
    else:
        sys.stdout.write(text)
    if text.count(MARK):
        print(f"deeptutorial port: {text.count(MARK)} places are marked {MARK}", file=sys.stderr)
