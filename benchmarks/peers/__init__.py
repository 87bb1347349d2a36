"""The implementations, one file each.

Every module of this package has one function,

    ``prepare(train_x, params, setting) -> train``

which builds and compiles what it needs to train on ``train_x``, a float32 array of shape
(n, n_visible), from the weights and biases ``params`` on. The function that it returns,

    ``train(first, count) -> costs``

takes one step of gradient descent for each of the ``count`` minibatches from number ``first`` on,
and returns their costs as an array. Parameters and noise go on from call to call.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

__all__ = [
    "ALL_PEERS",
    "BACKENDS",
    "PEERS",
    "THIS_PROJECT",
    "VARIANTS",
    "Peer",
    "Train",
    "missing_packages",
]

Train = Callable[[int, int], np.ndarray]


class Peer(NamedTuple):
    """An implementation: how it is called in tables, and the modules that it imports."""

    label: str
    requires: tuple[str, ...]


THIS_PROJECT = "deeptutorial"

PEERS = {
    THIS_PROJECT: Peer("deeptutorial", ("deeptutorial", "pytensor")),
    "plain_pytensor": Peer("plain PyTensor port", ("pytensor",)),
    "pytorch_eager": Peer("PyTorch, eager", ("torch",)),
    "pytorch_compiled": Peer("PyTorch, torch.compile", ("torch",)),
    "pytorch_inplace": Peer("PyTorch, in place by hand", ("torch",)),
    "jax_scan": Peer("JAX, lax.scan", ("jax",)),
    "numpy_by_hand": Peer("NumPy by hand", ("numpy",)),
    "matrix_products": Peer("only the matrix products", ("numpy",)),
}
"""Name of the module, in the order of the tables."""


BACKENDS = {
    "deeptutorial_c": Peer("deeptutorial, backend c", ("pytensor",)),
    "deeptutorial_jax": Peer("deeptutorial, backend jax", ("pytensor", "jax")),
    "deeptutorial_pytorch": Peer("deeptutorial, backend pytorch", ("pytensor", "torch")),
    "pytorch_graph": Peer("PyTorch, a CUDA graph", ("torch",)),
}
"""What `benchmarks.gpu` measures besides."""

VARIANTS = {
    f"variants.{name}": PEERS[name]
    for name in (THIS_PROJECT, "plain_pytensor", "pytorch_eager", "pytorch_compiled", "jax_scan")
}
"""What `benchmarks.variants` measures, instead."""

ALL_PEERS = PEERS | BACKENDS | VARIANTS


def missing_packages(name: str) -> list[str]:
    """Return what `name` imports and is not installed, without importing anything."""
    return [module for module in ALL_PEERS[name].requires if find_spec(module) is None]
