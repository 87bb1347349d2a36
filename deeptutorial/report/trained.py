"""What a report is made of: models, and how they were trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from deeptutorial.training import Stage
from deeptutorial.training.film import Film

__all__ = ["Trained", "Training"]


@dataclass(frozen=True)
class Trained:
    """A model that did not come out of a run, but of a file say.

    Attributes
    ----------
    model : dA or SdA
    costs : sequence of float
        Mean cost of each epoch, as far as they are known.
    seconds : float or None
        How long it took, where that is known.
    film : Film or None
        Of its filters, where one was made.
    """

    model: Any
    costs: Sequence[float] = ()
    seconds: float | None = None
    film: Film | None = None


Training: TypeAlias = Stage | Trained
"""A stage of a run tells the same of its model."""
