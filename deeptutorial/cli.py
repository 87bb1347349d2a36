"""The command line of the scripts: options in, exit status out."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence

import pytensor

from deeptutorial.datasets import DatasetError
from deeptutorial.training import DivergenceError

__all__ = ["dA_options", "run_script"]


def run_script(main: Callable[..., None], options: dict) -> int:
    """Call a script's main function and turn what goes wrong into one line and a status.

    Returns
    -------
    int
        0 after a whole run, 1 if training diverged, 2 for an input or a file that cannot be
        used, 130 after Ctrl-C.
    """
    try:
        main(**options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, `head` say, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DivergenceError as error:
        return _complain(error, 1)
    except (DatasetError, OSError) as error:
        return _complain(error, 2)
    except MemoryError as error:
        return _complain(f"not enough memory: {error}", 2)
    return 0


def _complain(message: object, status: int) -> int:
    print(f"{os.path.basename(sys.argv[0])}: error: {message}", file=sys.stderr)
    return status


def dA_options(arguments: Sequence[str] | None = None) -> dict:
    """Parse the options of ``dA.py`` into the arguments of its main function.

    As a side effect ``pytensor.config.floatX`` is set, which has to happen before any graph is
    built.

    Parameters
    ----------
    arguments : sequence of str, optional
        None takes them from the command line.
    """
    parser = _OneLineParser(
        prog="dA.py",
        description="Train a denoising autoencoder for each corruption level and save its "
        "filters as a picture.",
        epilog="examples:\n"
        "  python dA.py                                     the tutorial: 0 %% and 30 %% masking\n"
        "  python dA.py --training-epochs 3 --dataset digits   a quick look, no download\n"
        "  python dA.py --corruption-level 0.5 --n-hidden 1000\n"
        "  python dA.py --dataset ~/pictures --batch-size 10   a folder of your own pictures\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--learning-rate",
        type=_number(0, math.inf),
        default=0.1,
        metavar="RATE",
        help="step size of the gradient descent (default: %(default)s)",
    )
    add(
        "--training-epochs",
        type=_whole(0),
        default=15,
        metavar="N",
        help="how many times to go through the training set (default: %(default)s)",
    )
    add(
        "--dataset",
        default="auto",
        metavar="NAME|PATH",
        help="mnist (found or downloaded), digits (built in), a .pkl.gz in the tutorial's layout, "
        "a folder with MNIST's four files, an .npz, or a folder of pictures; auto is mnist, or "
        "digits where there is no way to get it (default: %(default)s)",
    )
    add(
        "--batch-size",
        type=_whole(1),
        default=20,
        metavar="N",
        help="examples in a minibatch (default: %(default)s)",
    )
    add(
        "--output-folder",
        default="dA_plots",
        metavar="DIR",
        help="where the pictures go (default: %(default)s)",
    )
    add(
        "--n-hidden",
        type=_whole(1),
        default=500,
        metavar="N",
        help="hidden units (default: %(default)s)",
    )
    add(
        "--corruption-level",
        type=_number(0, 1),
        action="append",
        dest="corruption_levels",
        metavar="LEVEL",
        help="part of the pixels set to zero, in [0, 1]; give it again for a further level "
        "(default: 0 and 0.3)",
    )
    add(
        "--seed",
        type=_whole(0, 2**32 - 1),
        default=123,
        metavar="N",
        help="of the initial weights and the noise (default: %(default)s)",
    )
    add(
        "--floatX",
        choices=("float32", "float64"),
        default="float32",
        help="precision of everything (default: %(default)s)",
    )
    options = vars(parser.parse_args(arguments))
    options["corruption_levels"] = options["corruption_levels"] or (0.0, 0.3)
    options["dataset"] = os.path.expanduser(options["dataset"])
    pytensor.config.floatX = options.pop("floatX")
    return options


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _number(low: float, high: float) -> Callable[[str], float]:
    wanted = f"between {low} and {high}" if math.isfinite(high) else f"of at least {low}"

    def parse(text: str) -> float:
        number = float(text)
        if not (low <= number <= high and math.isfinite(number)):
            raise argparse.ArgumentTypeError(f"expected a number {wanted}, got {text}")
        return number

    parse.__name__ = "number"  # argparse names it where the text is no number at all
    return parse


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    wanted = f"of at least {low}" if high is None else f"between {low} and {high}"

    def parse(text: str) -> int:
        number = int(text)
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text}")
        return number

    parse.__name__ = "whole number"
    return parse
