"""A model from a file, whichever it is."""

import os

from deeptutorial.models.da import dA
from deeptutorial.models.model_files import ModelFileError, read_model
from deeptutorial.models.sda import SdA

__all__ = ["load_model"]


def load_model(path: str | os.PathLike) -> dA | SdA:
    """Load the model that `dA.save` or `SdA.save` wrote to a file.

    Nothing in a file is ever executed. The parameters come in ``pytensor.config.floatX``, and are
    what was saved to the bit where that is what it was saved in (`read_model` tells).

    Raises
    ------
    ModelFileError
        If the file is no model, of a later version, truncated, altered, or has NaN or arrays of
        wrong shapes in it; the message names it and the reason.
    OSError
        If it cannot be read.
    """
    kinds: dict[str, type[dA] | type[SdA]] = {"dA": dA, "SdA": SdA}
    name = read_model(path)[0]["model"]
    if name not in kinds:
        raise ModelFileError(
            f"{path}: holds a model of the kind {name!r:.60}, which is not known here: load one of "
            "a class of your own by the load() of that class; if a later version of deeptutorial "
            "wrote it, update deeptutorial"
        )
    return kinds[name].load(path)
