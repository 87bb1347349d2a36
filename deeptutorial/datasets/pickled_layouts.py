"""Which values of a pickle are a data set: the tutorial's layout, and others that are met.

The values come from `deeptutorial.datasets.pickled`: numbers, texts, lists, tuples, dictionaries,
and arrays in a shell of its own. A list can hold itself, or be in a million others: no more of them
is gone through than there can be numbers.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from deeptutorial.datasets.arrays import (
    PART_NAMES,
    Dataset,
    Examples,
    checked_part,
    doubt_about_16_bits,
    square_shape,
    without_last_sixth,
)
from deeptutorial.datasets.errors import DatasetError

__all__ = ["MOST_NUMBERS", "read_layout"]

MOST_NUMBERS = 10_000_000
"""In lists, where each takes some forty bytes; arrays can be as large as they are."""

WANTED = (
    "expected ((train_x, train_y), (valid_x, valid_y), (test_x, test_y)), the same without the "
    "second, (x, y), a dictionary of x and y (or of data and labels), or an array"
)

X_NAMES = ("x", "data", "images", "features")
Y_NAMES = ("y", "labels", "label", "fine_labels", "targets", "target")
KEYS = dict(zip(PART_NAMES, ("train", "valid", "test"), strict=True))

CIFAR_SHAPE = (3, 32, 32)
"""Of a picture of CIFAR-10 or CIFAR-100: all of its red, then all green, then all blue."""

Pair = Sequence[object]


def read_layout(source: str, content: object) -> Dataset | Examples:
    """Take the values of a pickle for a data set, in its parts or in one piece.

    Parameters
    ----------
    source : str
        Where they come from, for a message.
    content : object
        The tutorial's layout, ``((train_x, train_y), (valid_x, valid_y), (test_x, test_y))``; the
        same without a validation set, which is then the last sixth of the training set; ``(x, y)``;
        an array; or a dictionary, of ``x`` and ``y``, of ``data`` and ``labels`` as CIFAR-10 has
        them, of ``x_train``, ``y_train`` and so on, or of ``train``, ``valid`` and ``test``. There
        may be lists for tuples and for arrays, and None for labels.

    Raises
    ------
    DatasetError
        If it is something else, or does not fit together.
    """
    if isinstance(content, dict):
        return _from_dictionary(source, _with_text_keys(content))
    if isinstance(content, list | tuple):
        if len(content) in (2, 3) and all(map(_is_pair, content)):
            return _from_parts(source, content)
        if len(content) == 2 and _is_pair(content) and _is_labels(content[1]):
            return _whole(source, *content)
        if len(content) <= 3 and any(map(_is_array, content)):  # parts without labels? examples?
            raise DatasetError(f"{source}: {WANTED}, got {type(content).__name__} of arrays")
    if _is_rows(content):
        return _whole(source, content, None)
    raise DatasetError(f"{source}: {WANTED}, got {type(content).__name__}")


def _from_dictionary(source: str, members: dict[str, object]) -> Dataset | Examples:
    x, y = _member(members, X_NAMES), _member(members, Y_NAMES)
    if x is not None:
        examples = _whole(source, x, y)
        if "data" in members and examples.images.shape[1:] == (prod(CIFAR_SHAPE),):
            return _whole(source, examples.images.reshape(-1, *CIFAR_SHAPE), y)
        return examples
    parts = [_part(members, name) for name in KEYS.values()]
    train, valid, test = parts
    if train[0] is None or test[0] is None:
        names = ", ".join(sorted(members))[:200]
        raise DatasetError(f"{source}: {WANTED}, got dict of {names or 'nothing'}")
    return _from_parts(source, [train, test] if valid[0] is None else parts)


def _part(members: dict[str, object], name: str) -> Pair:
    part = members.get(name)
    if isinstance(part, dict):
        inner = _with_text_keys(part)
        return _member(inner, X_NAMES), _member(inner, Y_NAMES)
    if isinstance(part, list | tuple) and _is_pair(part):
        return part
    x, y = ((f"{a}_{name}", f"{name}_{a}") for a in "xy")
    return _member(members, x), _member(members, y)


def _from_parts(source: str, pairs: Sequence[Pair]) -> Dataset:
    """Make a data set of three parts, or of a training and a test set."""
    names = PART_NAMES if len(pairs) == 3 else (PART_NAMES[0], PART_NAMES[2])
    whole = [
        _whole(source, x, y, f"{name} set: ") for name, (x, y) in zip(names, pairs, strict=True)
    ]
    parts = [
        checked_part(source, name, of.images, of.labels)
        for name, of in zip(names, whole, strict=True)
    ]
    sizes = [images.shape[1] for images, _ in parts]
    if len(set(sizes)) > 1:
        raise DatasetError(f"{source}: the sets have images of different sizes: {sizes}")
    if len(parts) == 2:
        parts[:1] = without_last_sixth(source, parts[0])
    train, valid, test = parts
    doubt = whole[0].doubt if all(of.doubt for of in whole) else ""
    return Dataset(train, valid, test, whole[0].image_shape, source=source, doubt=doubt)


def _whole(source: str, x: object, y: object, where: str = "") -> Examples:
    images = _as_pictures(_as_array(f"{source}: {where}", x))
    labels = None if y is None else _as_array(f"{source}: {where}labels: ", y)
    is_shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    image_shape = images.shape[1:] if is_shaped else square_shape(prod(images.shape[1:]))
    doubt = doubt_about_16_bits(images.max(initial=0)) if images.dtype == np.uint16 else ""
    return Examples(images, labels, image_shape, source=source, doubt=doubt)


def _as_pictures(images: np.ndarray) -> np.ndarray:
    """Bring colours that come before the rows to the end; drop the axis of a single one."""
    if images.ndim != 4:
        return images
    if images.shape[1] == 3 and images.shape[3] != 3:
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    for axis in (3, 1):
        if images.ndim == 4 and images.shape[axis] == 1:
            images = images.squeeze(axis)
    return images


def _as_array(where: str, value: object) -> np.ndarray:
    """Return an array, or make one of lists of numbers, of texts or of arrays."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "array"):  # its shell
        if value.array is None:
            raise DatasetError(f"{where}{WANTED}, but one of the arrays has no values")
        return value.array
    if not isinstance(value, list | tuple) or not value:
        raise DatasetError(f"{where}{WANTED}, got {_described(value)}")
    if not _is_array(value[0]):
        return _from_lists(where, value)
    rows = [_as_array(where, row) for row in value]
    if len({row.shape for row in rows}) > 1:
        raise DatasetError(f"{where}a list of arrays that are not all of one shape")
    if len(set(map(id, rows))) < len(rows) and sum(row.size for row in rows) > MOST_NUMBERS:
        # What is there once can be in a list a million times.
        raise DatasetError(f"{where}a list that has an array twice, and is large")
    return np.stack(rows)


def _from_lists(where: str, value: list | tuple) -> np.ndarray:
    shape: list[int] = []
    first: object = value
    while isinstance(first, list | tuple) and first and len(shape) < 4:
        shape.append(len(first))
        first = first[0]
    if prod(shape) > MOST_NUMBERS:
        raise DatasetError(f"{where}more than {MOST_NUMBERS} numbers in lists; pickle an array")
    flat = list(value)
    for size in shape[1:]:
        if not all(isinstance(row, list | tuple) and len(row) == size for row in flat):
            raise DatasetError(f"{where}a list of lists that are not all of one length")
        flat = [member for row in flat for member in row]
    are_texts = isinstance(first, str)
    if not all(isinstance(member, str if are_texts else int | float) for member in flat):
        raise DatasetError(f"{where}{WANTED}, got {type(value).__name__} of something else")
    if are_texts and len(flat) * max(map(len, flat)) > MOST_NUMBERS:
        raise DatasetError(f"{where}a list of texts that are too long")
    return np.array(flat).reshape(shape)


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "array")


def _is_rows(value: object) -> bool:
    """Tell whether something may be examples: an array, or a list of arrays or of lists."""
    if isinstance(value, list | tuple):
        return len(value) > 0 and (_is_array(value[0]) or isinstance(value[0], list | tuple))
    return _is_array(value)


def _is_labels(value: object) -> bool:
    array = getattr(value, "array", value)
    return array.ndim < 2 if isinstance(array, np.ndarray) else not _is_rows(value)


def _is_pair(value: object) -> bool:
    """Tell whether something may be (examples, labels)."""
    return isinstance(value, list | tuple) and len(value) == 2 and _is_rows(value[0])


def _member(members: dict[str, object], names: Sequence[str]) -> object:
    return next((members[name] for name in names if name in members), None)


def _with_text_keys(members: dict) -> dict[str, object]:
    """Take keys in any case, and those that Python 2 or somebody in a hurry left as bytes."""
    texts = {
        key[:200].decode("latin1") if isinstance(key, bytes) else str(key)[:200]: value
        for key, value in members.items()
        if isinstance(key, str | bytes | int)
    }
    return {key.lower(): value for key, value in texts.items()}


def _described(value: object) -> str:
    return "an empty list" if value in ([], ()) else type(value).__name__
