"""What the numbers of a data set mean: kept with the data, and in the files of models."""

from dataclasses import dataclass
from typing import Self

from deeptutorial.datasets.scaling import Scaling

__all__ = ["Description"]


@dataclass(frozen=True)
class Description:
    """What the values and the classes of a data set are.

    Attributes
    ----------
    columns : tuple of str
        What the values of an example are called; empty where they have no names.
    class_names : tuple of str
        What the classes 0, 1, 2, ... are called; empty where the labels are their own names.
    scaling : Scaling or None
        What was done to the values.
    """

    columns: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    scaling: Scaling | None = None

    def as_plain(self) -> dict:
        """Return it as JSON can hold it."""
        return {
            "columns": list(self.columns),
            "class_names": list(self.class_names),
            "scaling": self.scaling and self.scaling.as_plain(),
        }

    @classmethod
    def from_plain(cls, plain: object, n_values: int) -> Self:
        """Check what a file holds, for examples of so many values; None is no description.

        Raises
        ------
        ValueError
        """
        if plain is None:
            return cls()
        if not isinstance(plain, dict) or set(plain) != {"columns", "class_names", "scaling"}:
            raise ValueError(f"data must have columns, class_names and scaling, got {plain!r:.60}")
        for name in ("columns", "class_names"):
            texts = plain[name]
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"{name} must be a list of texts, got {texts!r:.60}")
        if plain["columns"] and len(plain["columns"]) != n_values:
            raise ValueError(f"there are {len(plain['columns'])} columns for {n_values} values")
        scaling = plain["scaling"]
        return cls(
            tuple(plain["columns"]),
            tuple(plain["class_names"]),
            None if scaling is None else Scaling.from_plain(scaling, n_values),
        )
