"""What can be wrong with a data set."""

__all__ = ["DatasetError", "DatasetNotFoundError"]


class DatasetError(ValueError):
    """A data set that cannot be used; the message names it, what is wrong, and the way out."""


class DatasetNotFoundError(DatasetError):
    """A data set that is neither on this machine nor to be fetched."""
