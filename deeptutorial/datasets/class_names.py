"""Labels as files have them, turned into the numbers of classes, with the names of the classes."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

__all__ = ["NO_LABEL", "natural_order", "numbered"]

NO_LABEL = -1
"""Label of an example that has none."""

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"

Labels = np.ndarray | None


def numbered(parts: Sequence[Labels]) -> tuple[list[Labels], tuple[str, ...]]:
    """Number the classes of a data set, the same in all its parts.

    Numbers from 0 on, or with gaps, stay as they are. Where they go from 1 on without gaps, are -1
    and 1, truth values or texts, the classes are numbered from 0 on in natural order (1, 2, 10) and
    keep their names. A text that is empty, or the number -1 beside others, is no label.

    Parameters
    ----------
    parts : sequence of ndarray or None
        Of shape (n,), (n, 1), or (n, classes) with a single 1 a row. Texts may come as objects,
        since one long text among many would make an array of texts large.

    Returns
    -------
    labels : list of ndarray or None
        Of shape (n,); what cannot be labels is handed back as it is.
    names : tuple of str
        Of the classes 0, 1, 2, ...; empty where the labels are their own names.
    """
    flat = _each(parts, _flat)
    there = [labels for labels in flat if labels is not None]
    kinds = {labels.dtype.kind for labels in there}
    if any(labels.ndim != 1 for labels in there) or not kinds <= set("biufUO"):
        return flat, ()
    if kinds == {"b"}:
        return _each(flat, lambda labels: labels.astype(np.int32)), ("False", "True")
    if kinds & set("UO"):
        return _of_texts(flat)
    return _of_numbers(flat)


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names as people do: by the numbers in them, not by their digits."""

    def key(name: str) -> tuple:
        pieces: list = re.split(r"([0-9]+)", name)
        for place in range(1, len(pieces), 2):
            digits = pieces[place].lstrip("0")
            pieces[place] = len(digits), digits  # the order of the numbers, however long
        return pieces, name

    return sorted(names, key=key)


def _each(parts: Sequence[Labels], change: Callable[[np.ndarray], np.ndarray]) -> list[Labels]:
    return [labels if labels is None else change(labels) for labels in parts]


def _flat(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.ndim != 2:
        return labels
    if labels.shape[1] == 1:
        return labels[:, 0]
    is_one_hot = labels.dtype.kind in "biuf" and (
        ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
    )
    return labels.argmax(axis=1) if is_one_hot and labels.size else labels


def _of_texts(parts: list[Labels]) -> tuple[list[Labels], tuple[str, ...]]:
    texts = {str(label) for labels in parts if labels is not None for label in labels.tolist()}
    texts.discard("")
    if all(re.fullmatch(NUMBER, text) for text in texts):
        number = {text: float(text) for text in texts} | {"": float(NO_LABEL)}
        names: tuple[str, ...] = ()
    else:
        names = tuple(natural_order(texts))
        number = {name: float(place) for place, name in enumerate(names)} | {"": float(NO_LABEL)}
    numbers = _each(parts, lambda labels: np.array([number[str(v)] for v in labels.tolist()]))
    return (_each(numbers, _whole), names) if names else _of_numbers(numbers)


def _of_numbers(parts: list[Labels]) -> tuple[list[Labels], tuple[str, ...]]:
    there = [labels for labels in parts if labels is not None]
    values = np.unique(np.concatenate(there)) if there else np.zeros(0)
    if values.tolist() == [-1, 1] and any(len(np.unique(labels)) == 2 for labels in there):
        return _each(parts, lambda labels: (labels > 0).astype(np.int32)), ("-1", "1")
    known = values[values != NO_LABEL]
    from_1_on = 1 + np.arange(len(known))
    if len(known) < 2 or not np.array_equal(known, from_1_on):
        return _each(parts, _whole), ()
    numbers = _each(parts, lambda labels: labels.astype(np.int64))
    return (
        _each(numbers, lambda labels: np.where(labels == NO_LABEL, NO_LABEL, labels - 1)),
        tuple(map(str, from_1_on)),
    )


def _whole(labels: np.ndarray) -> np.ndarray:
    """Return floats that are whole numbers as such; all others as they are."""
    if labels.dtype.kind == "f" and (np.abs(labels) < 2**31).all() and (labels % 1 == 0).all():
        return labels.astype(np.int32)
    return labels
