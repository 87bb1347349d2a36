"""`deeptutorial train`: run one of the tutorial's scripts, which a package brings with it."""

import argparse
import runpy
import sys
from pathlib import Path

__all__ = ["add_to", "train"]

PACKAGE = Path(__file__).parents[1]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "train",
        help="train a dA, or a stack of them, as the tutorial's scripts do",
        description="Run the tutorial's script dA.py (denoising autoencoders) or SdA.py (a stack "
        f"of them under a classifier). They are meant to be read: {_path('dA')}",
        epilog="examples:\n"
        "  deeptutorial train dA --dataset ~/pictures --batch-size 10\n"
        "  deeptutorial train SdA --recipe fast\n"
        "  deeptutorial train dA --local-processes 2 --batch-size 600     with JAX\n"
        "  deeptutorial train dA --help                        all its options\n",
    )
    parser.add_argument("script", choices=("dA", "SdA"), help="which one")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="the options of the script")
    parser.set_defaults(run=train)


def train(script: str, options: list[str]) -> None:
    """Run a script to its end, where it exits."""
    path = _path(script)
    sys.argv = [str(path), *options]
    sys.path.insert(0, str(path.parent))  # as Python does; SdA.py imports dA.py
    runpy.run_path(str(path), run_name="__main__")


def _path(script: str) -> Path:
    """Find a script, which setup.py puts into an installed package; in a clone it lies above."""
    installed = PACKAGE / "scripts" / f"{script}.py"
    return installed if installed.exists() else PACKAGE.parent / f"{script}.py"
