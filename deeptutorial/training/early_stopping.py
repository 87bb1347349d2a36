"""When to stop: the tutorial's patience rule."""

import math
from collections.abc import Mapping

__all__ = ["EarlyStopping"]

MOST = 2**53
"""Minibatches; nobody gets there."""


class EarlyStopping:
    """Stop where the validation loss has not got clearly better for too long.

    Training may go on for `patience` minibatches in any case. Each time the loss gets better by
    more than a threshold, at minibatch i, it may go on to i times `patience_increase`: what took
    long to come is waited for the longer.

    Parameters
    ----------
    patience : int
        Minibatches to look at in any case.
    patience_increase : float
        How far to go on after a clear improvement, as a multiple of the minibatches until then.
    improvement_threshold : float
        A loss less than this part of the best so far is a clear improvement.

    Attributes
    ----------
    patience : float
        As it is by now.
    best_loss : float
        Infinite where none was seen yet.
    best_iteration : int or None
        Where that was.

    Examples
    --------
    >>> stopping = EarlyStopping(patience=4)
    >>> losses = [0.5, 0.3, 0.4, 0.3, 0.4, 0.4]
    >>> for iteration, loss in enumerate(losses):
    ...     if stopping.improves(loss, iteration):
    ...         print("better:", loss)
    ...     if stopping.exhausted(iteration):
    ...         break
    better: 0.5
    better: 0.3
    >>> iteration, stopping.best_iteration
    (4, 1)
    """

    def __init__(
        self,
        patience: int,
        patience_increase: float = 2,
        improvement_threshold: float = 0.995,
    ):
        if not patience > 0:
            raise ValueError(f"patience must be positive, got {patience}")
        if not patience_increase >= 1:
            raise ValueError(f"patience_increase must be at least 1, got {patience_increase}")
        if not 0 < improvement_threshold <= 1:
            raise ValueError(
                f"improvement_threshold must be in (0, 1], got {improvement_threshold}"
            )
        self.patience: float = patience
        self.patience_increase = patience_increase
        self.improvement_threshold = improvement_threshold
        self.best_loss = math.inf
        self.best_iteration: int | None = None

    def improves(self, loss: float, iteration: int) -> bool:
        """Take note of a loss; tell whether it is the best so far, by however little.

        Parameters
        ----------
        loss : float
            On the validation set.
        iteration : int
            Minibatches trained on before, counted from the first epoch.
        """
        if not loss < self.best_loss:
            return False
        if loss < self.best_loss * self.improvement_threshold:
            self.patience = max(self.patience, iteration * self.patience_increase)
        self.best_loss = float(loss)
        self.best_iteration = iteration
        return True

    def exhausted(self, iteration: int) -> bool:
        """Tell whether the patience is at an end."""
        return self.patience <= iteration

    def check_found(self, found: Mapping) -> None:
        """Refuse attributes that a checkpoint has of this rule, if it cannot have come to them.

        Raises
        ------
        ValueError
        """
        for name in ("patience_increase", "improvement_threshold"):
            if found[name] != getattr(self, name) or isinstance(found[name], bool):
                raise ValueError(f"{name} is {found[name]}, not {getattr(self, name)}")
        patience, loss, iteration = (
            found[name] for name in ("patience", "best_loss", "best_iteration")
        )
        if not self.patience <= patience < MOST:
            raise ValueError(f"patience is {patience:g}, and was {self.patience:g} at first")
        if iteration is not None and not (type(iteration) is int and 0 <= iteration < MOST):
            raise ValueError(f"best_iteration is {iteration:g}")
        if math.isfinite(loss) != (iteration is not None) or not loss > -math.inf:
            raise ValueError(f"best_loss is {loss}, and best_iteration {iteration}")
