"""Models in files: what of a model is kept, and what is checked before one is made of it again.

A class that can be kept has

- ``hyperparameters``, a tuple: the names of those arguments of its constructor that say what it
  computes, each with an attribute of the same name that JSON can hold. A new one has a default, and
  a file that was written without it gets that;
- ``param_shapes(**hyperparameters)``: the name and shape of each array, the first one's rows being
  the size of an example;
- ``named_params()``: the shared variables under the same names.

A subclass adds what it has besides: its arguments to ``hyperparameters``, its parameters to what
``named_params()`` returns, and, if it likes, to ``param_shapes()``. What would be lost without a
word is refused when it is saved.
"""

import inspect
import math
import os
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.archives import ArchiveError, read_archive, write_archive
from deeptutorial.datasets.description import Description
from deeptutorial.models.unnamed import check_that_all_is_named, is_plain

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
        texts and lists of them; or if a subclass has a parameter or an argument that it does not
        name.
    ValueError
        If a parameter is not finite, or has not the shape that the hyperparameters tell.
    OSError
        If the file cannot be written; what was there before is still there.
    """
    kind = _kind(type(model))
    arrays: dict[str, np.ndarray] = {}
    for name, param in model.named_params().items():
        if not isinstance(param, SharedVariable):
            raise TypeError(f"{name} is computed, {param}, and has no value that could be saved")
        arrays[name] = param.get_value(borrow=True)
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds NaN or infinity; such a {kind} is not worth saving")
    hyperparameters = {name: getattr(model, name) for name in model.hyperparameters}
    for name, value in hyperparameters.items():
        if not is_plain(value):
            raise TypeError(f"{name} is {value!r}, which a file cannot hold")
    check_that_all_is_named(model, kind)
    _check_shapes(model, hyperparameters, arrays)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": kind,
        "hyperparameters": hyperparameters,
        "image_shape": _checked_image_shape(model.image_shape, arrays),
        "floatX": next(iter(arrays.values())).dtype.name,
    }
    if model.data != Description():
        header["data"] = model.data.as_plain()
    write_archive(path, header, arrays)


def read_model(path: str | os.PathLike) -> tuple[dict, dict[str, np.ndarray]]:
    """Read what a file holds, without making a model of it.

    Returns
    -------
    header : dict
        ``model``, the name of its class; ``hyperparameters``, a dict; ``image_shape``, a list or
        None; ``floatX``; ``data``, where the values or classes have names (see `Description`).
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
    if header["model"] != _kind(kind):
        raise ModelFileError(
            f"{path}: holds a model of the kind {header['model']!r:.60}, not {_kind(kind)!r}"
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
        _check_shapes(kind, hyperparameters, arrays)
        # Only now is it known that the sizes are those of arrays that are there.
        model = _made_again(kind, hyperparameters)
        _check_parameters(model, arrays)
        model.image_shape = _checked_image_shape(header.get("image_shape"), arrays)
        model.data = Description.from_plain(header.get("data"), len(next(iter(arrays.values()))))
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: no usable {kind.__name__}: {error}") from error
    for name, param in model.named_params().items():
        with np.errstate(over="ignore"):
            value = arrays[name].astype(floatX)
        if not np.isfinite(value).all():
            raise ModelFileError(f"{path}: {name} does not fit {floatX}; set floatX to float64")
        param.set_value(value, borrow=True)
    return model


def _kind(cls: type) -> str:
    """Return a class's name in a file, with its module where a base of it has the same one."""
    namesake = any(base.__name__ == cls.__name__ for base in cls.__mro__[1:])
    return f"{cls.__module__}.{cls.__name__}" if namesake else cls.__name__


def _made_again(kind: Any, hyperparameters: dict):
    """Construct a model; what its constructor does not take is made an attribute of it."""
    taken = inspect.signature(kind).parameters
    takes_all = any(argument.kind is argument.VAR_KEYWORD for argument in taken.values())
    given = {"numpy_rng": np.random.RandomState(0), **hyperparameters}
    model = kind(**{name: value for name, value in given.items() if takes_all or name in taken})
    for name, value in hyperparameters.items():
        if not takes_all and name not in taken:
            setattr(model, name, value)
    return model


def _check_shapes(kind: Any, hyperparameters: dict, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays that have not the shapes which the hyperparameters tell."""
    for name, shape in kind.param_shapes(**hyperparameters).items():
        if name not in arrays or arrays[name].shape != shape:
            _check_names(arrays, kind.param_shapes(**hyperparameters))
            raise ValueError(f"{name} must have shape {shape}, got {arrays[name].shape}")


def _check_parameters(model, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays that are not all parameters of a model, or not all of them."""
    params = model.named_params()
    _check_names(arrays, params)
    for name, param in params.items():
        if not isinstance(param, SharedVariable):
            raise TypeError(f"{name} is computed, {param}, and has no value that could be set")
        shape = param.get_value(borrow=True).shape
        if arrays[name].shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {arrays[name].shape}")


def _check_names(arrays: dict[str, np.ndarray], wanted: dict) -> None:
    if set(arrays) != set(wanted):
        amiss = sorted(set(arrays) ^ set(wanted))[0]
        raise ValueError(f"array {amiss!r:.60} {'unknown' if amiss in arrays else 'missing'}")


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
