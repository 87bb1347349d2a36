"""Models in files: what of a model is kept, and what is checked before one is made of it again.

A class that can be kept has

- ``hyperparameters``, a tuple: the names of those arguments of its constructor that say what it
  computes, each with an attribute of the same name that JSON can hold. A new one has a default, and
  a file that was written without it gets that;
- ``param_shapes(**hyperparameters)``: the name and shape of each array, the first one's rows being
  the size of an example;
- ``named_params()``: the shared variables under the same names.
"""

import math
import os
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.archives import ArchiveError, read_archive, write_archive

__all__ = ["ModelFileError", "build_model", "read_model", "write_model"]

FORMAT = "deeptutorial model"
VERSION = 1


class ModelFileError(ArchiveError):
    """A file that is no model, or no whole one; the message names it and the reason."""


def write_model(model, path: str | os.PathLike) -> None:
    """Write a model to a file; see `deeptutorial.archives` for the format.

    Parameters
    ----------
    model : dA or SdA
    path : str or path

    Raises
    ------
    TypeError
        If a parameter is computed from something else, or a hyperparameter is none of numbers,
        texts and lists of them.
    ValueError
        If a parameter is not finite.
    OSError
        If the file cannot be written; what was there before is still there.
    """
    kind = type(model).__name__
    arrays = {}
    for name, param in model.named_params().items():
        if not isinstance(param, SharedVariable):
            raise TypeError(f"{name} is computed, {param}, and has no value that could be saved")
        arrays[name] = param.get_value(borrow=True)
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds NaN or infinity; such a {kind} is not worth saving")
    hyperparameters = {name: getattr(model, name) for name in model.hyperparameters}
    for name, value in hyperparameters.items():
        if not _is_plain(value):
            raise TypeError(f"{name} is {value!r}, which a file cannot hold")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": kind,
        "hyperparameters": hyperparameters,
        "image_shape": _checked_image_shape(model.image_shape, arrays),
        "floatX": next(iter(arrays.values())).dtype.name,
    }
    write_archive(path, header, arrays)


def read_model(path: str | os.PathLike) -> tuple[dict, dict[str, np.ndarray]]:
    """Read what a file holds, without making a model of it.

    Returns
    -------
    header : dict
        ``model``, the name of its class; ``hyperparameters``, a dict; ``image_shape``, a list or
        None; ``floatX``.
    arrays : dict of str to ndarray

    Raises
    ------
    ModelFileError
        If the file is no model, of a later version, truncated or altered, or has NaN in it.
    OSError
        If it cannot be read.
    """
    try:
        header, arrays = read_archive(path, FORMAT, VERSION)
    except ArchiveError as error:
        raise ModelFileError(str(error)) from error
    for field, kind in {"model": str, "hyperparameters": dict, "floatX": str}.items():
        if not isinstance(header.get(field), kind):
            raise ModelFileError(f"{path}: a damaged {FORMAT}: no {field} in its header")
    if header["floatX"] not in ("float32", "float64"):
        raise ModelFileError(f"{path}: unknown floatX {header['floatX']!r:.60}")
    for name, array in arrays.items():
        if array.dtype != header["floatX"]:
            raise ModelFileError(f"{path}: {name:.60} is {array.dtype}, not {header['floatX']}")
        if not np.isfinite(array).all():
            raise ModelFileError(f"{path}: {name:.60} holds NaN or infinity")
    return header, arrays


def build_model(kind: Any, path: str | os.PathLike):
    """Read a model of a given class, of those that can be kept.

    Raises
    ------
    ModelFileError
        As `read_model` does, or if the file holds another model, hyperparameters that are not
        known here, or arrays that do not belong to them.
    OSError
        If it cannot be read.
    """
    header, arrays = read_model(path)
    if header["model"] != kind.__name__:
        raise ModelFileError(
            f"{path}: holds a model of the kind {header['model']!r:.60}, not {kind.__name__!r}"
        )
    hyperparameters = header["hyperparameters"]
    unknown = sorted(set(hyperparameters) - set(kind.hyperparameters))
    if unknown:
        raise ModelFileError(
            f"{path}: its {kind.__name__} has the hyperparameter {unknown[0]!r:.60}, which is not "
            "known here; a later version of deeptutorial wrote it: update deeptutorial"
        )
    floatX = pytensor.config.floatX
    try:
        shapes = kind.param_shapes(**hyperparameters)
        if set(arrays) != set(shapes):
            amiss = sorted(set(arrays) ^ set(shapes))[0]
            raise ValueError(f"array {amiss!r:.60} {'unknown' if amiss in arrays else 'missing'}")
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {arrays[name].shape}")
        # Only now is it known that the sizes are those of arrays that are there.
        model = kind(numpy_rng=np.random.RandomState(0), **hyperparameters)
        model.image_shape = _checked_image_shape(header.get("image_shape"), arrays)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: no usable {kind.__name__}: {error}") from error
    for name, param in model.named_params().items():
        with np.errstate(over="ignore"):
            value = arrays[name].astype(floatX)
        if not np.isfinite(value).all():
            raise ModelFileError(f"{path}: {name} does not fit {floatX}; set floatX to float64")
        param.set_value(value, borrow=True)
    return model


def _checked_image_shape(image_shape, arrays: dict[str, np.ndarray]) -> tuple[int, ...] | None:
    if image_shape is None:
        return None
    n_inputs = len(next(iter(arrays.values())))
    sides = tuple(image_shape) if isinstance(image_shape, list | tuple) else ()
    if (
        not all(isinstance(side, int | np.integer) and side > 0 for side in sides)
        or len(sides) not in (2, 3)
        or math.prod(sides) != n_inputs
    ):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, 3) of {n_inputs} values, "
            f"got {image_shape!r:.60}"
        )
    return tuple(int(side) for side in sides)


def _is_plain(value) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)
