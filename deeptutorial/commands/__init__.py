"""The command `deeptutorial`: training from the shell, and what comes after it."""

from collections.abc import Sequence
from importlib import metadata

from deeptutorial.commands import denoise, encode, export, filters, info, port, report, run, train
from deeptutorial.commands.parser import OneLineParser
from deeptutorial.commands.status import run_script

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands.

    Parameters
    ----------
    arguments : sequence of str, optional
        None takes them from the command line.

    Returns
    -------
    int
        The exit status, as `run_script` has it.
    """
    parser = OneLineParser(
        prog="deeptutorial",
        description="Train denoising autoencoders, and use them on your own pictures.",
        epilog="examples:\n"
        "  deeptutorial train dA --dataset ~/pictures --batch-size 10\n"
        "  deeptutorial info dA_plots/dA_corruption_30.npz\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz ~/noisy --output ~/clean\n"
        "\n"
        "deeptutorial COMMAND --help tells more of each.\n",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (train, run, port, info, filters, encode, denoise, export, report):
        command.add_to(commands)
    options = vars(parser.parse_args(arguments))
    action = options.pop("run")
    return run_script(action, options, name=f"deeptutorial {action.__name__}")


def _version() -> str:
    try:
        return f"deeptutorial {metadata.version('deeptutorial')}"
    except metadata.PackageNotFoundError:
        return "deeptutorial, not installed"
