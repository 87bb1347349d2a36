"""Examples as a model has learned to see them, block by block, and back."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

import numpy as np
import pytensor
from tqdm import tqdm

from deeptutorial.datasets import DatasetError
from deeptutorial.datasets.arrays import (
    NO_LABEL,
    ROUNDING,
    Examples,
    doubt_about_16_bits,
    from_unit_interval,
    to_unit_interval,
)
from deeptutorial.datasets.scaling import Scaling
from deeptutorial.models import SdA, dA

__all__ = ["Shown", "check_range"]

VALUES_AT_A_TIME = 2_000_000
"""In memory, of the examples or of what comes out, whichever has more in a row."""


class Rows(Protocol):
    """An array, or what hands out its rows as one does: ``rows[first:last]``."""

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Shown:
    """What a model is shown: rows in their order, and what they are called.

    Parameters
    ----------
    images : array of shape (n, ...), or what hands out its rows as one
        Pixels or other numbers, of any kind.
    model : dA or SdA
    source : str
        What it is, for messages.
    identifiers : array of str, optional
        What the examples are called.
    labels : list of str, optional
        What their classes are called, "" where that is not known.
    columns : sequence of str
        What their values are called.
    scaling : Scaling or None
        What was done to the values already.

    Attributes
    ----------
    images, source, identifiers, labels : as given
    columns : tuple of str
        What the values are called that the model takes, in its order; empty where nobody knows.
    n_values : int
        How many they are.

    Raises
    ------
    DatasetError
        If the examples are not such as the model has learned from.
    """

    def __init__(
        self,
        images: Rows,
        model: dA | SdA,
        source: str,
        identifiers: np.ndarray | None = None,
        labels: list[str] | None = None,
        columns: Sequence[str] = (),
        scaling: Scaling | None = None,
    ):
        self.source, self.identifiers, self.labels = source, identifiers, labels
        self.columns = model.data.columns or tuple(columns)
        self.n_values = model.n_visible if isinstance(model, dA) else model.n_ins
        self.images = images
        self._largest_of_16_bits = 0
        self._any_range = _takes_any_range(model)
        self._scaling, self._done = model.data.scaling, scaling
        if scaling is not None and scaling != self._scaling:
            raise DatasetError(
                f"{source}: was scaled already ({scaling.kind}), and otherwise than what the model "
                "has learned from; take the data as they were before"
            )
        self._order = _order(source, tuple(columns), model.data.columns)
        _check_shape(source, images, self.n_values, len(columns) or None, self._order)
        for name, given in (("identifiers", identifiers), ("labels", labels)):
            if given is not None and len(given) != len(images):
                raise DatasetError(f"{source}: {len(images)} examples, but {len(given)} {name}")

    @classmethod
    def of(cls, examples: Examples, model: dA | SdA) -> Self:
        """Show a model examples that were read.

        Raises
        ------
        DatasetError
            If there is a doubt about their values that training would have raised too.
        """
        if examples.doubt and model.data.scaling is None:
            raise DatasetError(
                f"{examples.source}: {examples.doubt}, and the model has learned without a scaling"
            )
        return cls(
            examples.images,
            model,
            examples.source,
            examples.identifiers,
            _label_names(examples),
            examples.columns,
            examples.scaling,
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def heads(self) -> list[str]:
        """What the columns of words beside the examples are called, as far as there are any."""
        known = {"identifier": self.identifiers, "label": self.labels}
        return [name for name, words in known.items() if words is not None]

    def words(self, rows: slice) -> list[Sequence[str]]:
        """Return those columns, of some of the examples."""
        return [list(words[rows]) for words in (self.identifiers, self.labels) if words is not None]

    def blocks(self, n_out: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Go through the rows, as many at a time as fit into little memory.

        Parameters
        ----------
        n_out : int
            How many values become of a row.

        Yields
        ------
        rows : slice
            Which they are.
        X : ndarray of floatX, of shape (n, values of an example)
            Scaled as the model has learned them.

        Raises
        ------
        DatasetError
            If a value is not finite, or beyond what the model has learned from; at the end if all
            are of fewer bits than the array.
        """
        at_a_time = max(1, VALUES_AT_A_TIME // max(self.n_values, n_out))
        with tqdm(total=len(self), unit=" rows", leave=False, disable=None) as progress:
            for first in range(0, len(self), at_a_time):
                rows = slice(first, min(first + at_a_time, len(self)))
                yield rows, self._as_learned(rows)
                progress.update(rows.stop - first)
        self._refuse_doubtful_depth()

    def restored(self, X: np.ndarray) -> np.ndarray:
        """Bring rows such as the model makes back to the units, and the bytes, of the examples."""
        values = X if self._scaling is None else self._scaling.undo(X)
        return from_unit_interval(values, self.images.dtype)

    def _refuse_doubtful_depth(self):
        """Refuse rows whose 16 bits are not used, as training would; only now all were seen."""
        doubt = doubt_about_16_bits(self._largest_of_16_bits)
        if doubt and self._scaling is None:
            raise DatasetError(
                f"{self.source}: {doubt}, and the model has learned without a scaling"
            )

    def _as_learned(self, rows: slice) -> np.ndarray:
        images = np.asarray(self.images[rows])
        if images.dtype.kind == "u" and images.dtype.itemsize == 2:
            self._largest_of_16_bits = max(self._largest_of_16_bits, int(images.max()))
        X = to_unit_interval(images.reshape(len(images), -1))
        if self._order is not None:
            X = X[:, self._order]
        self._refuse(~np.isfinite(X).all(axis=1), rows, "holds NaN or infinity")
        if self._scaling is not None and self._done is None:
            X = self._scaling.apply(X)
        elif not self._any_range:
            beyond = (X.min(axis=1) < -ROUNDING) | (X.max(axis=1) > 1 + ROUNDING)
            if beyond.any():
                self._refuse(beyond, rows, _out_of_range(X))
            X = np.clip(X, 0, 1)
        with np.errstate(over="ignore"):
            X = X.astype(pytensor.config.floatX)
        too_large = ~np.isfinite(X).all(axis=1)
        self._refuse(too_large, rows, f"holds values that do not fit {X.dtype}")
        return X

    def _refuse(self, wrong: np.ndarray, rows: slice, reason: str):
        if wrong.any():
            at = rows.start + int(wrong.argmax())
            called = f"example {at + 1}" if self.identifiers is None else self.identifiers[at]
            raise DatasetError(f"{self.source}: {reason} ({called})")


def check_range(name: str, model: dA | SdA, X: np.ndarray) -> None:
    """Refuse values that are not in [0, 1], where a model has learned from such as are.

    Raises
    ------
    DatasetError
    """
    is_beyond = X.min() < -ROUNDING or X.max() > 1 + ROUNDING
    if is_beyond and not _takes_any_range(model):
        raise DatasetError(f"{name}: {_out_of_range(X)}")


def _takes_any_range(model: dA | SdA) -> bool:
    scaling = model.data.scaling
    is_standardized = scaling is not None and scaling.kind == "standardize"
    return is_standardized or model.reconstruction_cost == "squared-error"


def _out_of_range(X: np.ndarray) -> str:
    return (
        f"the values go from {X.min():g} to {X.max():g}, and the model has learned from values in "
        "[0, 1]; bring them there as those were (bytes are divided by 256)"
    )


def _check_shape(
    source: str, images: Rows, n_values: int, n_columns: int | None, order: np.ndarray | None
):
    if images.dtype.kind not in "fiub":
        raise DatasetError(f"{source}: images must be an array of numbers, got {images.dtype}")
    if len(images.shape) < 2 or 0 in images.shape:
        raise DatasetError(f"{source}: an array of shape {images.shape} has no rows of examples")
    found = math.prod(images.shape[1:])
    if n_columns is not None and n_columns != found:
        raise DatasetError(f"{source}: {n_columns} names for {found} columns")
    if order is None and found != n_values:
        raise DatasetError(
            f"{source}: an example has {found} values, but the model takes {n_values}"
        )


def _order(source: str, columns: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray | None:
    """Find where the columns that a model has learned from are; None if all are in their places."""
    if not columns or not wanted or columns == wanted:
        return None
    place = {name: at for at, name in enumerate(columns)}
    missing = [name for name in wanted if name not in place]
    if missing:
        raise DatasetError(
            f"{source}: has no column {missing[0]!r:.60}, which the model has learned from"
            + (f", and lacks {len(missing) - 1} others" if len(missing) > 1 else "")
        )
    if len(place) < len(columns) or len(set(wanted)) < len(wanted):
        raise DatasetError(
            f"{source}: its columns are others than those that the model has learned from, and "
            "cannot be found by their names, since some have the same"
        )
    return np.array([place[name] for name in wanted])


def _label_names(examples: Examples) -> list[str] | None:
    labels, names = examples.labels, examples.class_names
    if labels is None or (labels.dtype.kind in "iuf" and (labels == NO_LABEL).all()):
        return None
    return [_label_name(label, names) for label in labels.tolist()]


def _label_name(label: object, names: Sequence[str]) -> str:
    if label is None:
        return ""
    if isinstance(label, bool) or not isinstance(label, int | float):
        return str(label)
    if label == NO_LABEL or label != label:
        return ""
    if label in range(len(names)):
        return names[int(label)]
    return str(int(label) if label == label // 1 else label)
