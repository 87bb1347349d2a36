"""What MNIST's relatives have otherwise: pictures on their side, notes on labels, other classes."""

import string

import numpy as np

from deeptutorial.datasets.errors import DatasetError

__all__ = ["class_names_of", "plain_labels", "upright"]

_DIGITS, _CAPITALS, _SMALL = string.digits, string.ascii_uppercase, string.ascii_lowercase

EMNIST_CLASSES = {
    "byclass": _DIGITS + _CAPITALS + _SMALL,
    # Small letters that look like their capitals are counted with these.
    "bymerge": _DIGITS + _CAPITALS + "abdefghnqrt",
    "balanced": _DIGITS + _CAPITALS + "abdefghnqrt",
    "letters": _CAPITALS,
    "digits": _DIGITS,
    "mnist": _DIGITS,
}
"""By the name of the set; a class a letter, in the order of the labels (G. Cohen, S. Afshar,
J. Tapson, A. van Schaik: EMNIST: an extension of MNIST to handwritten letters. 2017)."""

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""Of Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017), whose files are named as MNIST's are."""

FASHION_BEGINS = (9, 0, 0, 3, 0, 2, 7, 2, 5, 5)
"""With these labels, and there are as many of each class."""

QMNIST_COLUMNS = 8
"""Of QMNIST's labels; the first is the class, the others tell who wrote it, where and when."""


def upright(name: str, images: np.ndarray) -> np.ndarray:
    """Put EMNIST's pictures upright, which are stored column by column; others stay as they are.

    Parameters
    ----------
    name : str
        What stands before the names of the files, ``emnist-letters`` say.
    images : ndarray of shape (n, height, width)
    """
    return images.transpose(0, 2, 1) if name.startswith("emnist") else images


def plain_labels(source: str, name: str, labels: np.ndarray) -> np.ndarray:
    """Return the classes 0, 1, 2, ... of labels as they are in a file.

    Raises
    ------
    DatasetError
        For an EMNIST that has other labels than it should.
    """
    if labels.ndim == 2 and labels.shape[1] == QMNIST_COLUMNS and labels.dtype == np.int32:
        labels = np.ascontiguousarray(labels[:, 0])
    classes = _emnist_classes(name)
    if classes is None or labels.ndim != 1 or not len(labels):
        return labels
    first = 1 if classes == EMNIST_CLASSES["letters"] else 0
    low, high = int(labels.min()), int(labels.max())
    if low < first or high >= first + len(classes):
        raise DatasetError(
            f"{source}: the labels of {name} must be {first} to {first + len(classes) - 1}, but "
            f"go from {low} to {high}"
        )
    return labels.astype(np.int32) - first


def class_names_of(name: str, train_labels: np.ndarray) -> tuple[str, ...]:
    """Return what the classes are called; nothing where that is not known, or a mere number."""
    classes = _emnist_classes(name)
    if classes is not None:
        return () if classes == _DIGITS else tuple(classes)
    if tuple(train_labels[: len(FASHION_BEGINS)].tolist()) != FASHION_BEGINS:
        return ()
    labels, counts = np.unique(train_labels, return_counts=True)
    as_many = len(set(counts.tolist())) == 1
    return FASHION_CLASSES if as_many and labels.tolist() == list(range(10)) else ()


def _emnist_classes(name: str) -> str | None:
    return next(
        (c for kind, c in EMNIST_CLASSES.items() if name.startswith(f"emnist-{kind}")), None
    )
