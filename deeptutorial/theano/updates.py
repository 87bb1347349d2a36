"""Updates of shared variables as a dictionary."""

from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["OrderedUpdates"]


class OrderedUpdates(dict):
    """New values by shared variable, in the order in which they were given.

    A sum of two holds the pairs of both, and is refused where they do not agree on one.
    """

    def __init__(self, *pairs, **kwargs):
        super().__init__()
        self.update(*pairs, **kwargs)

    def __setitem__(self, variable, value):
        if not isinstance(variable, SharedVariable):
            raise TypeError(f"only a shared variable can be updated, got {variable!r}")
        super().__setitem__(variable, value)

    def update(self, *pairs, **kwargs):
        for variable, value in dict(*pairs, **kwargs).items():
            self[variable] = value

    def __add__(self, other):
        total = OrderedUpdates(self)
        for variable, value in dict(other).items():
            if total.setdefault(variable, value) is not value:
                raise KeyError(f"two new values for {variable}")
            total[variable] = value
        return total

    def __radd__(self, other):
        return OrderedUpdates(other) + self
