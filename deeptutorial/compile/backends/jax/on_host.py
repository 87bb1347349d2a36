"""Values of shared variables that stay on the host, and go to devices as they are needed there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

from deeptutorial.mapped_files import is_mapped

__all__ = ["OnHost", "lies_in_file", "memory_errors", "whole_on_one_device"]


@contextmanager
def memory_errors(message: str = "") -> Iterator[None]:
    """Make Python's error of JAX's for a lack of memory, with its first line or a message."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            found = f"on {jnp.zeros(()).device}, {str(error).splitlines()[0]}"
            raise MemoryError(message or found) from error
        raise


class OnHost:
    """What stands for an array that is on the host, and on devices in the ways that it was needed.

    Attributes
    ----------
    array : ndarray
        Not to be written to: the devices would not notice.
    is_mapped : bool
        Whether it lies in a file, and may be larger than any memory.
    """

    def __init__(self, array: np.ndarray):
        self.is_mapped = is_mapped(array)
        self.array = array
        if not self.is_mapped:
            self.array = array.view()
            self.array.flags.writeable = False
        self._placed: dict[Any, jax.Array] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def placed(self, how: Any, place: Callable[[np.ndarray], jax.Array]) -> jax.Array:
        """Return the array as a function places it, which is done once for each `how`.

        Raises
        ------
        MemoryError
            If it does not fit.
        """
        if how not in self._placed:
            with memory_errors(
                f"rows of shape {self.shape}, {self.array.nbytes / 1e9:.1f} GB, do not fit on the "
                "device; rows that lie in a file go there in pieces where a function takes nothing "
                "but minibatches x[i * n : (i + 1) * n] of them"
            ):
                self._placed[how] = jax.block_until_ready(place(self.array))
        return self._placed[how]

    def __reduce__(self):  # copied and pickled as the array itself
        return np.array, (self.array,)


def lies_in_file(value: Any) -> TypeGuard[OnHost]:
    """Tell whether what a shared variable holds stands for rows that are mapped from a file."""
    return isinstance(value, OnHost) and value.is_mapped


def whole_on_one_device(value: OnHost) -> jax.Array:
    """Return all of an array as it is on JAX's default device; a CPU may look into the file."""
    if value.is_mapped:
        return value.placed("one device", jax.device_put)
    return value.placed("one device", lambda array: jnp.array(array, copy=True))
