"""A parser that complains in one line, and the options that several commands have."""

import argparse
import math
import re
import textwrap
from collections.abc import Callable

from deeptutorial.compile import BACKENDS
from deeptutorial.datasets.scaling import SCALINGS
from deeptutorial.texts import printable

__all__ = ["LARGEST", "MOST", "OneLineParser", "number", "size", "whole"]


class OneLineParser(argparse.ArgumentParser):
    """Complains in one line, and knows the options that the scripts have in common."""

    def __init__(self, description: str, **options):
        super().__init__(
            description=textwrap.fill(
                description, 79, break_long_words=False, break_on_hyphens=False
            ),
            formatter_class=argparse.RawDescriptionHelpFormatter,  # examples keep their lines
            **options,
        )

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {printable(message)} (see {self.prog} --help)\n")

    def add_rate(self, option: str, help: str):
        self.add_argument(
            option,
            type=number(0, math.inf),
            metavar="RATE",
            help=f"{help} (default: %(default)s)",
        )

    def add_count(self, option: str, help: str, at_least: int = 0, **given):
        self.add_argument(
            option,
            type=whole(at_least),
            metavar="N",
            help=f"{help} (default: %(default)s)",
            **given,
        )

    def add_dataset(self):
        self.add_argument(
            "--dataset",
            # The tutorial's default is a file; who starts a command may have none, and no network.
            default="auto",
            metavar="NAME|PATH",
            help="mnist (found or downloaded), digits (built in), a .pkl.gz in the tutorial's "
            "layout, a folder with MNIST's four files, a folder of pictures, a table (.csv, .tsv, "
            ".txt, .pcl, packed or not, .parquet, .amat) or arrays (.npz, .npy, .mat, .h5; "
            "FILE::NAME is one of several); auto is mnist, or digits where there is no way to get "
            "it (default: %(default)s)",
        )
        self.add_reading()

    def add_reading(self):
        """Add what `load_data` takes as `reading`; what is not given is not among the options."""
        self.add_argument(
            "--transpose",
            action="store_true",
            default=argparse.SUPPRESS,
            help="of a table: its columns are the examples, its rows what was measured",
        )
        self.add_argument(
            "--label-column",
            default=argparse.SUPPRESS,
            metavar="NAME",
            help="of a table: the column that holds the classes, by its name, or by its number "
            "(from 1 on, or -1 for the last)",
        )
        self.add_argument(
            "--impute",
            action="store_true",
            default=argparse.SUPPRESS,
            help="of a table: put the mean of its column in the place of a missing value",
        )
        self._add_reading_of_pictures()

    def add_scale(self):
        self.add_argument(
            "--scale",
            choices=SCALINGS,
            default=argparse.SUPPRESS,
            help="what is done to values that are not in [0, 1]: minmax brings each column there "
            "(a constant one to 0), max divides all by the largest, standardize brings each column "
            "to mean 0 and deviation 1 (for a squared error). The training set decides, the "
            "model's file keeps the factors, and encode, predict and denoise go by them "
            "(default: none)",
        )

    def _add_reading_of_pictures(self):
        self.add_argument(
            "--resize",
            type=size,
            default=argparse.SUPPRESS,
            metavar="WIDTHxHEIGHT",
            help="of pictures: bring them to this size, whatever their proportions (28x28 say)",
        )
        self.add_argument(
            "--grey",
            action="store_true",
            default=argparse.SUPPRESS,
            help="of pictures: take of colours only how bright they are",
        )
        self.add_argument(
            "--skip-damaged",
            action="store_true",
            default=argparse.SUPPRESS,
            help="of pictures: leave out those that cannot be read, and list them",
        )

    def add_output_folder(self, **given):
        self.add_argument(
            "--output-folder",
            metavar="DIR",
            help="where the pictures and the models go (default: %(default)s)",
            **given,
        )

    def add_corruption_levels(self, help: str, highest: float = math.inf):
        self.add_argument(
            "--corruption-level",
            type=number(0, highest),
            action="append",
            dest="corruption_levels",
            metavar="LEVEL",
            help=help,
        )

    def add_seed(self):
        self.add_argument(
            "--seed",
            type=whole(0, 2**32 - 1),
            metavar="N",
            help="of the initial weights and the noise (default: %(default)s)",
        )

    def add_resume(self):
        self.add_argument(
            "--resume",
            action="store_true",
            help="go on with a run that was interrupted or killed, from the last checkpoint in the "
            "output folder; it ends with the same bits (take the same options, or more epochs with "
            "--training-epochs), on several devices, any number of them, with the same costs to "
            "rounding",
        )
        self.add_argument(
            "--checkpoint-every",
            type=number(0, math.inf),
            metavar="SECONDS",
            help="how often to write a checkpoint within an epoch; there is one after each epoch "
            "too, and the last two are kept (default: %(default)g)",
        )

    def add_floatX(self):
        self.add_argument(
            "--floatX",
            choices=("float32", "float64"),
            default="float32",
            help="precision of everything (default: %(default)s)",
        )

    def add_backend(self):
        self.add_argument(
            "--backend",
            choices=BACKENDS,
            default="numba",
            help="what runs the compiled functions: numba (this project's own kernels, the fastest "
            "on a CPU), c (needs a C++ compiler), jax (CPU or GPU; pip install jax, or "
            "'jax[cuda12]'), or pytorch (the same; pip install torch) (default: %(default)s)",
        )
        self.add_argument(
            "--device",
            default="auto",
            metavar="DEVICE",
            help="auto (a GPU if the backend can use one), cpu, cuda, or cuda:1 and so on for "
            "further GPUs; all, with jax, lets all devices share each minibatch "
            "(default: %(default)s)",
        )


MOST = 100_000_000
"""As large as a whole number may be: more is a slip, and overflows where sizes are multiplied."""

LARGEST = 1e38
"""The same for other numbers: float32 goes a little further."""


LARGEST_SIDE = 10_000
"""Of pictures, in pixels."""


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a function that reads a number between two others."""
    wanted = f"between {low} and {high}" if math.isfinite(high) else f"of at least {low}"

    def parse(text: str) -> float:
        value = float(text)
        if not (low <= value <= high and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"expected a number {wanted}, got {text}")
        if value > LARGEST:
            raise argparse.ArgumentTypeError(f"expected a number of at most {LARGEST}, got {text}")
        return value

    parse.__name__ = "number"  # argparse names it where the text is no number at all
    return parse


def size(text: str) -> tuple[int, int]:
    """Read the size of a picture, 28x20 say, and return its height and width."""
    match = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", text)
    sides = [int(side) for side in match.groups()] if match else []
    if not sides or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise argparse.ArgumentTypeError(
            f"expected a width and a height from 1 to {LARGEST_SIDE}, as in 28x28, got {text}"
        )
    width, height = sides
    return height, width


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a function that reads a whole number from one on, up to another if it is there."""
    wanted = f"of at least {low}" if high is None else f"between {low} and {high}"

    def parse(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text}")
        if high is None and value > MOST:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at most {MOST}, got {text}"
            )
        return value

    parse.__name__ = "whole number"
    return parse
