"""Shared variables."""

import pytensor
from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["shared"]


def shared(
    value, name=None, strict=False, allow_downcast=None, broadcastable=None, target=None, **kwargs
) -> SharedVariable:
    """`pytensor.shared`, where `broadcastable` is called `shape`; `target` was for cards."""
    if broadcastable is not None:
        kwargs["shape"] = tuple(1 if broadcasts else None for broadcasts in broadcastable)
    return pytensor.shared(value, name=name, strict=strict, allow_downcast=allow_downcast, **kwargs)
