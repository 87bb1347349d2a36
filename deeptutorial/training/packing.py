"""The state of a run, taken apart into JSON and arrays and put back in place."""

from collections.abc import MutableMapping
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["changed_by", "pack", "restore", "unwrapped"]

ARRAY = "__array__"
GENERATOR = "__generator__"


def changed_by(function) -> list[SharedVariable]:
    """Return the shared variables that a compiled function updates, random states among them."""
    inputs = unwrapped(function).maker.inputs
    return [given.variable for given in inputs if given.update is not None]


def unwrapped(function):
    """Return the compiled function itself, of one of SdA's pre-training functions too."""
    return getattr(function, "function", function)


def pack(value: Any, name: str, arrays: MutableMapping[str, np.ndarray]) -> Any:
    """Return a value as JSON can hold it, its arrays apart.

    Parameters
    ----------
    value
        Numbers, texts, arrays and random generators; lists and dicts of them; shared variables; any
        other object by its attributes.
    name : str
        For the arrays that are in it.
    arrays : mutable mapping
        Receives them.
    """
    if isinstance(value, SharedVariable):
        value = value.get_value(borrow=True)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.Generator):
        return {GENERATOR: value.bit_generator.state}
    if isinstance(value, list | tuple):
        return [pack(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    if hasattr(value, "__array__"):
        arrays[name] = np.asarray(value)
        return {ARRAY: name}
    attributes = value if isinstance(value, dict) else vars(value)
    return {key: pack(item, f"{name}.{key}", arrays) for key, item in attributes.items()}


def restore(target: Any, packed: Any, arrays: MutableMapping[str, np.ndarray]) -> None:
    """Put what `pack` took apart back into a list, a dict, a shared variable or another object.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it does not belong there.
    """
    value = _unpack(packed, arrays)
    if isinstance(target, SharedVariable):
        old = target.get_value(borrow=True)
        if isinstance(old, np.random.Generator):
            generator = np.random.Generator(type(old.bit_generator)())
            generator.bit_generator.state = value
            value = generator
        elif (value.dtype, value.shape) != (old.dtype, old.shape):
            raise ValueError(
                f"{target} is {old.dtype} {old.shape}, not {value.dtype} {value.shape}"
            )
        target.set_value(value, borrow=True)
    elif isinstance(target, list):
        target[:] = value
    elif isinstance(target, dict):
        target.clear()
        target.update(value)
    else:
        if set(value) != set(vars(target)):
            raise ValueError(f"a {type(target).__name__} has other attributes than {list(value)}")
        for name, old in vars(target).items():
            if not _alike(old, value[name]):
                raise TypeError(f"{name} of a {type(target).__name__} is {str(value[name])[:60]}")
        vars(target).update(value)


def _alike(old: Any, new: Any) -> bool:
    """Tell whether a value may take another's place: both numbers, or what is not there yet."""
    kinds = [int if type(value) in (int, float) else type(value) for value in (old, new)]
    return kinds[0] is kinds[1] or (None in (old, new) and int in kinds)


def _unpack(packed: Any, arrays: MutableMapping[str, np.ndarray]) -> Any:
    if isinstance(packed, list):
        return [_unpack(item, arrays) for item in packed]
    if isinstance(packed, dict):
        if ARRAY in packed:
            return arrays[packed[ARRAY]]
        if GENERATOR in packed:
            return packed[GENERATOR]
        return {key: _unpack(item, arrays) for key, item in packed.items()}
    return packed
