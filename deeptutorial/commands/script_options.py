"""The options of the tutorial's scripts; their defaults are those of the scripts' functions."""

import argparse
import inspect
import os
import sys
from collections.abc import Callable, Sequence

import pytensor

from deeptutorial.commands.parser import OneLineParser, number, whole
from deeptutorial.commands.together import add_processes, come_together
from deeptutorial.compile import BackendError, use
from deeptutorial.compile.backends.numba.kernels.ahead import compile_ahead
from deeptutorial.models.corruption import CORRUPTIONS
from deeptutorial.models.da import RECONSTRUCTION_COSTS
from deeptutorial.training import processes
from deeptutorial.training.film import MOST_FRAMES

__all__ = ["RECIPES", "SdA_options", "dA_options"]

RECIPES = {
    "tutorial": {},
    "fast": {
        "batch_size": 20,
        "pretrain_lr": 0.1,
        "finetune_lr": 1.0,
        "finetune_lr_decay": 0.95,
        "finetune_corruption_level": 0.2,
        "finetune_dropout": 0.3,
        "training_epochs": 40,
        "patience_epochs": 40,
    },
    "best": {
        "batch_size": 20,
        "pretrain_lr": 0.1,
        "finetune_batch_size": 100,
        "finetune_lr": 3.0,
        "finetune_lr_decay": 0.985,
        "finetune_corruption_level": 0.1,
        "finetune_dropout": 0.4,
        "training_epochs": 150,
        "patience_epochs": 150,
    },
}
"""Defaults of ``SdA.py`` that differ from its main function's."""


def dA_options(main: Callable, arguments: Sequence[str] | None = None) -> dict:
    """Parse the options of ``dA.py`` into the arguments of its main function.

    As a side effect ``pytensor.config.floatX`` is set, which has to happen before any graph is
    built.

    Parameters
    ----------
    main : callable
        Its defaults are those of the options.
    arguments : sequence of str, optional
        None takes them from the command line.
    """
    defaults = _defaults(main)
    parser = OneLineParser(
        prog="dA.py",
        description="Train a denoising autoencoder for each corruption level and save its "
        "filters as a picture.",
        epilog="examples:\n"
        "  python dA.py                                     the tutorial: 0 % and 30 % masking\n"
        "  python dA.py --training-epochs 3 --dataset digits   a quick look, no download\n"
        "  python dA.py --corruption-level 0.5 --n-hidden 1000\n"
        "  python dA.py --corruption salt-and-pepper --output-folder salt\n"
        "  python dA.py --dataset ~/pictures --batch-size 10   a folder of your own pictures\n"
        "  python dA.py --dataset genes.npz --scale minmax     columns of any range\n"
        "  python dA.py --dataset genes.npz --scale standardize \\\n"
        "      --reconstruction-cost squared-error --learning-rate 0.001\n"
        "                                                   likewise, with a linear decoder\n",
    )
    levels = defaults.pop("corruption_levels")
    parser.set_defaults(**defaults)
    parser.add_rate("--learning-rate", "step size of the gradient descent")
    parser.add_count("--training-epochs", "how many times to go through the training set")
    parser.add_dataset()
    parser.add_scale()
    parser.add_count("--batch-size", "examples in a minibatch", at_least=1)
    parser.add_output_folder()
    parser.add_count("--n-hidden", "hidden units", at_least=1)
    parser.add_corruption_levels(
        "part of the pixels that is corrupted, in [0, 1], or what --corruption says; give it again "
        "for a further level "
        f"(default: {' and '.join(f'{level:g}' for level in levels)})"
    )
    _add_of_every_script(parser)

    options = parser.parse_args(arguments)
    come_together(parser, options, arguments)
    return _as_arguments(parser, options, levels)


def SdA_options(main: Callable, arguments: Sequence[str] | None = None) -> dict:
    """Parse the options of ``SdA.py`` into the arguments of its main function.

    As a side effect ``pytensor.config.floatX`` is set, which has to happen before any graph is
    built.

    Parameters
    ----------
    main : callable
        Its defaults are those of the options.
    arguments : sequence of str, optional
        None takes them from the command line.
    """
    defaults = _defaults(main)
    parser = OneLineParser(
        prog="SdA.py",
        description="Pre-train a stack of denoising autoencoders layer by layer, fine-tune it "
        "as a classifier, and save its filters, its learning curve and its mistakes as pictures.",
    )
    levels = defaults.pop("corruption_levels")
    parser.set_defaults(**defaults)
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="tutorial",
        help="which defaults the options below have: the tutorial's; fast ones, larger minibatches "
        "with rates to match; or the best, which go on for longer, with more dropout (default: "
        "%(default)s)",
    )
    _add_finetuning(parser)
    _add_training(parser)
    _add_layers(parser, defaults["hidden_layers_sizes"], levels)
    _add_of_every_script(parser)
    parser.epilog = _SdA_epilog(parser)

    parser.set_defaults(**RECIPES[parser.parse_args(arguments).recipe])
    options = parser.parse_args(arguments)
    del options.recipe
    n_layers = len(options.hidden_layers_sizes)
    if options.corruption_levels and len(options.corruption_levels) != n_layers:
        parser.error(
            f"argument --corruption-level: given {len(options.corruption_levels)} time(s), but "
            f"there are {n_layers} hidden layers"
        )
    of_each = tuple(levels[min(i, len(levels) - 1)] for i in range(n_layers))
    come_together(parser, options, arguments)
    return _as_arguments(parser, options, of_each)


def _add_of_every_script(parser: OneLineParser):
    parser.add_argument(
        "--corruption",
        choices=tuple(CORRUPTIONS),
        help="what is done to the input: "
        + "; ".join(f"{kind} {noise.does}" for kind, noise in CORRUPTIONS.items())
        + " (default: %(default)s)",
    )
    parser.add_argument(
        "--reconstruction-cost",
        choices=RECONSTRUCTION_COSTS,
        help="cross-entropy, equation (4), for values in [0, 1]; or squared-error, with a linear "
        "decoder, for values of any range (of a stack, in its first layer); it wants a smaller "
        "step size (default: %(default)s)",
    )
    parser.add_seed()
    parser.add_resume()
    parser.add_argument(
        "--frames",
        type=whole(0, MOST_FRAMES),
        metavar="N",
        help="frames of a film of how the first layer's filters come about, in the report and as a "
        "picture of its own; a frame of grey filters of 28x28 takes 25 kB (default: none)",
    )
    parser.add_floatX()
    parser.add_backend()
    add_processes(parser)


def _add_finetuning(parser: OneLineParser):
    parser.add_argument(
        "--finetune-batch-size",
        type=whole(1),
        metavar="N",
        help="examples in a minibatch of the fine-tuning (default: those of --batch-size)",
    )
    parser.add_rate("--finetune-lr", "step size of the fine-tuning")
    parser.add_argument(
        "--finetune-lr-decay",
        type=number(0, 1),
        metavar="FACTOR",
        help="what that step size is multiplied by after each epoch (default: %(default)s)",
    )
    parser.add_argument(
        "--finetune-corruption",
        type=number(0, 1),
        dest="finetune_corruption_level",
        metavar="LEVEL",
        help="part of the pixels set to zero in fine-tuning (default: %(default)s)",
    )
    parser.add_argument(
        "--finetune-dropout",
        type=number(0, 0.99),
        metavar="LEVEL",
        help="part of each layer's code set to zero in fine-tuning (default: %(default)s)",
    )


def _add_training(parser: OneLineParser):
    parser.add_count(
        "--pretraining-epochs", "how many times each layer goes through the training set"
    )
    parser.add_rate("--pretrain-lr", "step size of the pre-training")
    parser.add_count("--training-epochs", "how many times to go through the training set at most")
    parser.add_count(
        "--patience-epochs",
        "how many of these it goes through in any case, before early stopping",
        at_least=1,
    )
    parser.add_dataset()
    parser.add_scale()
    parser.add_count("--batch-size", "examples in a minibatch", at_least=1)
    parser.add_output_folder()


def _add_layers(parser: OneLineParser, sizes: Sequence[int], levels: Sequence[float]):
    parser.add_argument(
        "--hidden-layers-sizes",
        type=whole(1),
        nargs="+",
        metavar="N",
        help=f"units of each hidden layer, the lowest first (default: {' '.join(map(str, sizes))})",
    )
    *first, last = (f"{level:g}" for level in levels)
    parser.add_corruption_levels(
        "part of its input that a layer loses in pre-training, in [0, 1], or what --corruption "
        "says; give it once for each layer, the lowest first "
        f"(default: {', '.join(first)}, and {last} for all further layers)"
    )
    parser.add_argument(
        "--encode-once",
        action=argparse.BooleanOptionalAction,
        help="send the training set through a layer once it is trained, instead of sending each "
        "minibatch through all the layers below at each step (default: --encode-once)",
    )


def _SdA_epilog(parser: OneLineParser) -> str:
    options = {action.dest: action.option_strings[0] for action in parser._actions}
    recipes = "".join(
        f"\nthe recipe {recipe} is  "
        + "  ".join(f"{options[name]} {value:g}" for name, value in defaults.items())
        + "\n"
        for recipe, defaults in RECIPES.items()
        if defaults
    )
    return (
        "examples:\n"
        "  python SdA.py --recipe fast                      minibatches of 20: minutes, not hours\n"
        "  python SdA.py --recipe best                      the fewest mistakes\n"
        "  python SdA.py                                    the tutorial: minibatches of one\n"
        "  python SdA.py --recipe fast --dataset digits --pretraining-epochs 1 "
        "--training-epochs 2\n"
        "                                                   a quick look, no download\n"
        "  python SdA.py --recipe fast --hidden-layers-sizes 500 500 "
        "--corruption-level 0.1 --corruption-level 0.2\n"
        f"{recipes}"
    )


def _defaults(main: Callable) -> dict:
    parameters = inspect.signature(main).parameters.values()
    return {
        given.name: given.default for given in parameters if given.kind is not given.VAR_KEYWORD
    }


def _as_arguments(
    parser: OneLineParser, parsed: argparse.Namespace, corruption_levels: Sequence[float]
) -> dict:
    """Turn parsed options into the arguments of a main function; set floatX and the backend."""
    highest = CORRUPTIONS[parsed.corruption].highest
    for level in parsed.corruption_levels or ():
        if level > highest:
            parser.error(
                f"argument --corruption-level: expected a number between 0 and {highest:g}, got "
                f"{level:g}"
            )
    is_standardized = getattr(parsed, "scale", "none") == "standardize"
    if is_standardized and parsed.reconstruction_cost != "squared-error":
        parser.error(
            "argument --scale: standardize brings values outside [0, 1], where there is no "
            "cross-entropy; take minmax, or --reconstruction-cost squared-error"
        )
    options = vars(parsed)
    options["corruption_levels"] = options["corruption_levels"] or corruption_levels
    options["dataset"] = os.path.expanduser(options["dataset"])
    pytensor.config.floatX = options.pop("floatX")
    backend, device = options.pop("backend"), options.pop("device")
    try:
        description = use(backend, device)
    except BackendError as error:
        parser.error(str(error))
    is_first = (group := processes.group()) is None or group.number == 0
    if (backend, device) != ("numba", "auto") and is_first:
        print(f"On {description}", file=sys.stderr)
    if backend == "numba":
        compile_ahead(_kernels(options), pytensor.config.floatX)  # while the data are read, say
    return options


def _kernels(options: dict) -> list[str]:
    """Return whose kernels training will need, in this order."""
    is_stack = "hidden_layers_sizes" in options
    by_name = {
        "denoising_step": is_stack or options["reconstruction_cost"] == "cross-entropy",
        "fused_products": is_stack or options["reconstruction_cost"] == "squared-error",
    }
    return [name for name, is_needed in by_name.items() if is_needed]
