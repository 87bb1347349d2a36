"""The state of a run, taken apart into JSON and arrays and put back in place."""

import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.texts import printable

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
        return {GENERATOR: pack(value.bit_generator.state, name, arrays)}
    if isinstance(value, list | tuple):
        return [pack(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    if hasattr(value, "__array__"):
        arrays[name] = np.asarray(value)
        return {ARRAY: name}
    attributes = value if isinstance(value, dict) else vars(value)
    return {key: pack(item, f"{name}.{key}", arrays) for key, item in attributes.items()}


def arrays_in(packed: Any) -> Iterator[str]:
    """Yield the names of the arrays that are apart."""
    if isinstance(packed, dict) and isinstance(packed.get(ARRAY), str):
        yield packed[ARRAY]
    elif isinstance(packed, dict | list):
        for inner in packed.values() if isinstance(packed, dict) else packed:
            yield from arrays_in(inner)


def restore(target: Any, name: str, packed: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Put what `pack` took apart back into a list, a dict, a shared variable or another object.

    Parameters
    ----------
    target : list, dict, shared variable or other object with attributes
        Where it has a method ``check_found``, that is called with what a dict is to hold, or with
        the attributes, and may raise a ValueError.
    name : str
        What it was packed by.
    packed
    arrays : mapping

    Raises
    ------
    ValueError
        If it does not belong there; the message names it. The target is then what it was.
    """
    value = _unpack(packed, name, arrays)
    if isinstance(target, SharedVariable):
        target.set_value(_fitting(target.get_value(borrow=True), value, name), borrow=True)
    elif isinstance(target, list):
        target[:] = _of_kind(list, value, name)
    elif isinstance(target, dict):
        value = _of_kind(dict, value, name)
        _ask(target, value, name)
        target.clear()
        target.update(value)
    else:
        value = _of_kind(dict, value, name)
        if set(value) != set(vars(target)):
            raise ValueError(f"{name} has other attributes than a {type(target).__name__}")
        for key, old in vars(target).items():
            if not _alike(old, value[key]):
                raise ValueError(f"{name}.{key} is {printable(value[key], 60)}")
        _ask(target, value, name)
        vars(target).update(value)


def _ask(target: Any, value: dict, name: str) -> None:
    """Let an object of a class that knows of checkpoints look at what is to become of it."""
    check_found = getattr(target, "check_found", None)
    if check_found is not None:
        try:
            check_found(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _fitting(old: Any, new: Any, name: str) -> Any:
    """Return the value of a shared variable; refuse what the old one cannot become."""
    if isinstance(old, np.random.Generator):
        return _generator(type(old.bit_generator), new, name)
    if not isinstance(new, np.ndarray):
        raise ValueError(f"{name} is no array")
    if (new.dtype, new.shape) != (old.dtype, old.shape):
        raise ValueError(f"{name} is {new.dtype} {new.shape}, not {old.dtype} {old.shape}")
    return new


def _generator(kind: type, state: Any, name: str) -> np.random.Generator:
    bit_generator = kind()
    try:
        bit_generator.state = state
        # As texts: to Python, 1.0 and True are 1.
        taken, given = (
            json.dumps(pack(value, name, {}), sort_keys=True)
            for value in (bit_generator.state, state)
        )
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{name} is no state of a {kind.__name__} ({error})") from error
    # A number that is too large is cut without a word.
    if taken != given or state.get("has_uint32", 0) not in (0, 1):
        raise ValueError(f"{name} is no state of a {kind.__name__}")
    return np.random.Generator(bit_generator)


def _of_kind(kind: type, value: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name} is no {kind.__name__}")
    return value


def _alike(old: Any, new: Any) -> bool:
    """Tell whether a value may take another's place: both numbers, or a first one."""
    kinds = [int if type(value) in (int, float) else type(value) for value in (old, new)]
    return kinds[0] is kinds[1] or (old is None and kinds[1] is int)


def _unpack(packed: Any, name: str, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(packed, list):
        return [_unpack(item, f"{name}.{i}", arrays) for i, item in enumerate(packed)]
    if not isinstance(packed, dict):
        return packed
    if ARRAY in packed:
        # An array goes by the name of its place, so that none can stand in for another.
        if packed != {ARRAY: name} or name not in arrays:
            raise ValueError(f"the array {name} is missing")
        return arrays[name]
    if GENERATOR in packed:
        if set(packed) != {GENERATOR}:
            raise ValueError(f"{name} is no random generator alone")
        return _unpack(packed[GENERATOR], name, arrays)
    return {key: _unpack(item, f"{name}.{key}", arrays) for key, item in packed.items()}
