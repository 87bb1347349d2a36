"""Labels as files have them, turned into the numbers of classes, with the names of the classes."""

import re
from collections.abc import Sequence

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
        Of shape (n,), (n, 1), or (n, classes) with a single 1 a row.

    Returns
    -------
    labels : list of ndarray or None
        Of shape (n,); what cannot be labels is handed back as it is.
    names : tuple of str
        Of the classes 0, 1, 2, ...; empty where the labels are their own names.
    """
    flat = [labels if labels is None else _flat(labels) for labels in parts]
    there = [labels for labels in flat if labels is not None]
    kinds = {labels.dtype.kind for labels in there}
    if any(labels.ndim != 1 for labels in there) or not kinds <= set("biufU"):
        return flat, ()
    if kinds == {"b"}:
        return [labels if labels is None else labels.astype(np.int32) for labels in flat], (
            "False",
            "True",
        )
    if "U" in kinds:
        return _of_texts([labels if labels is None else labels.astype(str) for labels in flat])
    return _of_numbers(flat)


def natural_order(names: Sequence[str]) -> list[str]:
    """Sort names as people do: by the numbers in them, not by their digits."""

    def key(name: str) -> tuple:
        texts_and_numbers = re.split(r"([0-9]+)", name)
        return tuple(
            int(piece) if position % 2 else piece
            for position, piece in enumerate(texts_and_numbers)
        ), name

    return sorted(names, key=key)


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
    there = [labels for labels in parts if labels is not None]
    texts = np.unique(np.concatenate(there))
    texts = texts[texts != ""]
    if all(re.fullmatch(NUMBER, text) for text in texts.tolist()):
        values = [
            labels if labels is None else np.where(labels == "", str(NO_LABEL), labels)
            for labels in parts
        ]
        return _of_numbers(
            [labels if labels is None else labels.astype(np.float64) for labels in values]
        )
    names = natural_order(texts.tolist())
    number = {"": NO_LABEL} | {name: position for position, name in enumerate(names)}
    return [
        labels
        if labels is None
        else np.array([number[label] for label in labels.tolist()], dtype=np.int32)
        for labels in parts
    ], tuple(names)


def _of_numbers(parts: list[Labels]) -> tuple[list[Labels], tuple[str, ...]]:
    there = [labels for labels in parts if labels is not None]
    values = np.unique(np.concatenate(there)) if there else np.zeros(0)
    if values.tolist() == [-1, 1] and any(len(np.unique(labels)) == 2 for labels in there):
        return [labels if labels is None else (labels > 0).astype(np.int32) for labels in parts], (
            "-1",
            "1",
        )
    known = values[values != NO_LABEL]
    from_1_on = 1 + np.arange(len(known))
    if len(known) < 2 or not np.array_equal(known, from_1_on):
        return [labels if labels is None else _whole(labels) for labels in parts], ()
    return [
        labels
        if labels is None
        else np.where(labels == NO_LABEL, NO_LABEL, labels.astype(np.int64) - 1)
        for labels in parts
    ], tuple(map(str, from_1_on))


def _whole(labels: np.ndarray) -> np.ndarray:
    """Return floats that are whole numbers as such; all others as they are."""
    if labels.dtype.kind == "f" and (np.abs(labels) < 2**31).all() and (labels % 1 == 0).all():
        return labels.astype(np.int32)
    return labels
