"""The command line of the scripts: options in, exit status out."""

import argparse
import math
import os
import sys
import textwrap
from collections.abc import Callable, Sequence

import pytensor

from deeptutorial.archives import ArchiveError
from deeptutorial.compile import BACKENDS, BackendError, use
from deeptutorial.datasets import DatasetError
from deeptutorial.models.corruption import CORRUPTIONS
from deeptutorial.training import (
    DivergenceError,
    RunFolderError,
    TerminatedError,
    terminate_by_exception,
)

__all__ = ["RECIPES", "OneLineParser", "SdA_options", "UsageError", "dA_options", "run_script"]


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
        0 after a whole run, 1 if training diverged, 2 for an input or a file that cannot be
        used, 130 after Ctrl-C, 143 after SIGTERM.
    """
    try:
        with terminate_by_exception():
            main(**options)
            sys.stdout.flush()
    except TerminatedError:
        return 143
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, `head` say, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DivergenceError as error:
        return _complain(name, error, 1)
    except (ArchiveError, DatasetError, RunFolderError, UsageError, OSError) as error:
        return _complain(name, error, 2)
    except MemoryError as error:
        return _complain(name, f"not enough memory: {error}", 2)
    return 0


def _complain(name: str | None, message: object, status: int) -> int:
    line = " ".join(str(message).split())  # the name of a file can have a line break in it
    print(f"{name or os.path.basename(sys.argv[0])}: error: {line}", file=sys.stderr)
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
    parser = OneLineParser(
        prog="dA.py",
        description="Train a denoising autoencoder for each corruption level and save its "
        "filters as a picture.",
        epilog="examples:\n"
        "  python dA.py                                     the tutorial: 0 % and 30 % masking\n"
        "  python dA.py --training-epochs 3 --dataset digits   a quick look, no download\n"
        "  python dA.py --corruption-level 0.5 --n-hidden 1000\n"
        "  python dA.py --corruption salt-and-pepper --output-folder salt\n"
        "  python dA.py --dataset ~/pictures --batch-size 10   a folder of your own pictures\n",
    )
    parser.add_rate("--learning-rate", 0.1, "step size of the gradient descent")
    parser.add_count("--training-epochs", 15, "how many times to go through the training set")
    parser.add_dataset()
    parser.add_count("--batch-size", 20, "examples in a minibatch", at_least=1)
    parser.add_output_folder("dA_plots")
    parser.add_count("--n-hidden", 500, "hidden units", at_least=1)
    parser.add_corruption_levels(
        "part of the pixels that is corrupted, in [0, 1]; give it again for a further level "
        "(default: 0 and 0.3)"
    )
    parser.add_argument(
        "--corruption",
        choices=tuple(CORRUPTIONS),
        default="masking",
        help="what is done to those pixels: they are set to zero, or to zero or one; gaussian adds "
        "normal noise to all, and the level is its standard deviation (default: %(default)s)",
    )
    parser.add_seed(123)
    parser.add_resume()
    parser.add_floatX()
    parser.add_backend()
    return _as_arguments(parser, parser.parse_args(arguments), corruption_levels=(0.0, 0.3))


RECIPES = {
    "tutorial": {},
    "fast": {
        "batch_size": 20,
        "pretrain_lr": 0.1,
        "finetune_lr": 1.0,
        "finetune_lr_decay": 0.95,
        "finetune_corruption": 0.2,
        "finetune_dropout": 0.3,
        "training_epochs": 40,
        "patience_epochs": 40,
    },
}
"""Defaults of ``SdA.py`` that differ from its main function's."""


def SdA_options(arguments: Sequence[str] | None = None) -> dict:
    """Parse the options of ``SdA.py`` into the arguments of its main function.

    As a side effect ``pytensor.config.floatX`` is set, which has to happen before any graph is
    built.

    Parameters
    ----------
    arguments : sequence of str, optional
        None takes them from the command line.
    """
    fast = "  ".join(
        f"--{name.replace('_', '-')} {value:g}" for name, value in RECIPES["fast"].items()
    )
    parser = OneLineParser(
        prog="SdA.py",
        description="Pre-train a stack of denoising autoencoders layer by layer, fine-tune it "
        "as a classifier, and save its filters, its learning curve and its mistakes as pictures.",
        epilog="examples:\n"
        "  python SdA.py --recipe fast                      minibatches of 20: minutes, not hours\n"
        "  python SdA.py                                    the tutorial: minibatches of one\n"
        "  python SdA.py --recipe fast --dataset digits --pretraining-epochs 1 "
        "--training-epochs 2\n"
        "                                                   a quick look, no download\n"
        "  python SdA.py --recipe fast --hidden-layers-sizes 500 500 "
        "--corruption-level 0.1 --corruption-level 0.2\n"
        f"\nthe recipe fast is  {fast}\n",
    )
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="tutorial",
        help="which defaults the options below have: the tutorial's, or larger minibatches with "
        "rates to match (default: %(default)s)",
    )
    parser.add_rate("--finetune-lr", 0.1, "step size of the fine-tuning")
    parser.add_argument(
        "--finetune-lr-decay",
        type=_number(0, 1),
        default=1.0,
        metavar="FACTOR",
        help="what that step size is multiplied by after each epoch (default: %(default)s)",
    )
    parser.add_argument(
        "--finetune-corruption",
        type=_number(0, 1),
        default=0.0,
        metavar="LEVEL",
        help="part of the pixels set to zero in fine-tuning (default: %(default)s)",
    )
    parser.add_argument(
        "--finetune-dropout",
        type=_number(0, 0.99),
        default=0.0,
        metavar="LEVEL",
        help="part of each layer's code set to zero in fine-tuning (default: %(default)s)",
    )
    parser.add_count(
        "--pretraining-epochs", 15, "how many times each layer goes through the training set"
    )
    parser.add_rate("--pretrain-lr", 0.001, "step size of the pre-training")
    parser.add_count(
        "--training-epochs", 1000, "how many times to go through the training set at most"
    )
    parser.add_count(
        "--patience-epochs",
        10,
        "how many of these it goes through in any case, before early stopping",
        at_least=1,
    )
    parser.add_dataset()
    parser.add_count("--batch-size", 1, "examples in a minibatch", at_least=1)
    parser.add_output_folder("SdA_plots")
    parser.add_argument(
        "--hidden-layers-sizes",
        type=_whole(1),
        nargs="+",
        default=[1000, 1000, 1000],
        metavar="N",
        help="units of each hidden layer, the lowest first (default: 1000 1000 1000)",
    )
    parser.add_corruption_levels(
        "part of its input that a layer loses in pre-training, in [0, 1]; give it once for each "
        "layer, the lowest first (default: 0.1, 0.2, and 0.3 for all further layers)"
    )
    parser.add_argument(
        "--encode-once",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="send the training set through a layer once it is trained, instead of sending each "
        "minibatch through all the layers below at each step (default: --encode-once)",
    )
    parser.add_seed(89677)
    parser.add_resume()
    parser.add_floatX()
    parser.add_backend()

    parser.set_defaults(**RECIPES[parser.parse_args(arguments).recipe])
    options = parser.parse_args(arguments)
    del options.recipe
    n_layers = len(options.hidden_layers_sizes)
    if options.corruption_levels and len(options.corruption_levels) != n_layers:
        parser.error(
            f"argument --corruption-level: given {len(options.corruption_levels)} time(s), but "
            f"there are {n_layers} hidden layers"
        )
    return _as_arguments(
        parser, options, corruption_levels=tuple(min(i + 1, 3) / 10 for i in range(n_layers))
    )


def _as_arguments(
    parser: "OneLineParser", parsed: argparse.Namespace, corruption_levels: Sequence[float]
) -> dict:
    """Turn parsed options into the arguments of a main function; set floatX and the backend."""
    options = vars(parsed)
    options["corruption_levels"] = options["corruption_levels"] or corruption_levels
    options["dataset"] = os.path.expanduser(options["dataset"])
    pytensor.config.floatX = options.pop("floatX")
    backend, device = options.pop("backend"), options.pop("device")
    try:
        description = use(backend, device)
    except BackendError as error:
        parser.error(str(error))
    if (backend, device) != ("numba", "auto"):
        print(f"On {description}", file=sys.stderr)
    return options


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
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def add_rate(self, option: str, default: float, help: str):
        self.add_argument(
            option,
            type=_number(0, math.inf),
            default=default,
            metavar="RATE",
            help=f"{help} (default: %(default)s)",
        )

    def add_count(self, option: str, default: int, help: str, at_least: int = 0):
        self.add_argument(
            option,
            type=_whole(at_least),
            default=default,
            metavar="N",
            help=f"{help} (default: %(default)s)",
        )

    def add_dataset(self):
        self.add_argument(
            "--dataset",
            default="auto",
            metavar="NAME|PATH",
            help="mnist (found or downloaded), digits (built in), a .pkl.gz in the tutorial's "
            "layout, a folder with MNIST's four files, an .npz, or a folder of pictures; auto is "
            "mnist, or digits where there is no way to get it (default: %(default)s)",
        )

    def add_output_folder(self, default: str):
        self.add_argument(
            "--output-folder",
            default=default,
            metavar="DIR",
            help="where the pictures and the models go (default: %(default)s)",
        )

    def add_corruption_levels(self, help: str):
        self.add_argument(
            "--corruption-level",
            type=_number(0, 1),
            action="append",
            dest="corruption_levels",
            metavar="LEVEL",
            help=help,
        )

    def add_seed(self, default: int):
        self.add_argument(
            "--seed",
            type=_whole(0, 2**32 - 1),
            default=default,
            metavar="N",
            help="of the initial weights and the noise (default: %(default)s)",
        )

    def add_resume(self):
        self.add_argument(
            "--resume",
            action="store_true",
            help="go on with a run that was interrupted or killed, from the last checkpoint in the "
            "output folder; it ends with the same bits (take the same options)",
        )
        self.add_argument(
            "--checkpoint-every",
            type=_number(0, math.inf),
            default=30.0,
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
            "further GPUs (default: %(default)s)",
        )


MOST = 100_000_000
"""As large as a whole number may be: more is a slip, and overflows where sizes are multiplied."""

LARGEST = 1e38
"""The same for other numbers: float32 goes a little further."""


def _number(low: float, high: float) -> Callable[[str], float]:
    wanted = f"between {low} and {high}" if math.isfinite(high) else f"of at least {low}"

    def parse(text: str) -> float:
        number = float(text)
        if not (low <= number <= high and math.isfinite(number)):
            raise argparse.ArgumentTypeError(f"expected a number {wanted}, got {text}")
        if number > LARGEST:
            raise argparse.ArgumentTypeError(f"expected a number of at most {LARGEST}, got {text}")
        return number

    parse.__name__ = "number"  # argparse names it where the text is no number at all
    return parse


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    wanted = f"of at least {low}" if high is None else f"between {low} and {high}"

    def parse(text: str) -> int:
        number = int(text)
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text}")
        if high is None and number > MOST:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at most {MOST}, got {text}"
            )
        return number

    parse.__name__ = "whole number"
    return parse
