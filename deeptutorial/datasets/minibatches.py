"""How many minibatches a part of a data set has."""

from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.datasets.errors import DatasetError

__all__ = ["count_minibatches"]


def count_minibatches(set_x: SharedVariable, batch_size: int, name: str = "training") -> int:
    """Return how many whole minibatches a part of a data set has.

    Examples that are left over at the end are not looked at, as in the tutorial.

    Parameters
    ----------
    set_x : shared matrix
        One example a row.
    batch_size : int
        Examples in a minibatch.
    name : str
        What the part is called in the message.

    Raises
    ------
    TypeError, ValueError
        If `set_x` is no shared variable, or `batch_size` not positive.
    DatasetError
        If there are fewer examples than one minibatch.
    """
    if not isinstance(set_x, SharedVariable):
        raise TypeError(f"the {name} set's images must be a shared variable, got {set_x!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    n_examples = set_x.get_value(borrow=True).shape[0]
    if n_examples < batch_size:
        raise DatasetError(
            f"the {name} set has {n_examples} example(s), fewer than one minibatch of "
            f"{batch_size}; choose a batch size of at most {n_examples}"
        )
    return n_examples // batch_size
