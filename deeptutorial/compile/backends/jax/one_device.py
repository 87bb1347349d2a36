"""Where the values of a compiled function lie: on JAX's default device, all of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deeptutorial.compile.backends.jax.on_host import OnHost, whole_on_one_device
from deeptutorial.compile.backends.jax.windows import Minibatches
from deeptutorial.mapped_files import is_mapped

__all__ = ["OneDevice"]


class OneDevice:
    """The one device, as `SpreadFunction` is for several."""

    of_results = None

    def keep(self, array: np.ndarray) -> "jax.Array | OnHost":
        if is_mapped(array):
            return OnHost(array)
        return jnp.array(array, copy=True)  # a copy, which nobody else can change

    def argument(self, place: int, value: Any, whole: bool) -> Any:
        return whole_on_one_device(value) if isinstance(value, OnHost) else value

    def window(self, place: int, minibatches: Minibatches, whole: bool) -> jax.Array:
        return jax.device_put(minibatches.read())
