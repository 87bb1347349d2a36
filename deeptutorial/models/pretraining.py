"""The compiled functions that train the dAs of a stack, one layer after the other."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.datasets import count_minibatches
from deeptutorial.mapped_files import is_mapped, map_temporary_array
from deeptutorial.models.checks import checked_number, checked_size, checked_variable
from deeptutorial.models.corruption import as_noise
from deeptutorial.models.da import dA
from deeptutorial.models.inference import ROWS_AT_A_TIME
from deeptutorial.models.parameters import shared_in_floatX

__all__ = ["PretrainingFunction", "pretraining_functions"]

ROWS_OF_A_PIECE = 20 * ROWS_AT_A_TIME
"""So many are encoded at a time, where their codes go to the disk."""

Encode = Callable[[int, np.ndarray], np.ndarray]


def pretraining_functions(
    dA_layers: Sequence[dA],
    train_set_x: SharedVariable,
    batch_size: int,
    encode: Encode | None = None,
) -> list["PretrainingFunction"]:
    """Compile a training step for each dA of a stack; see `SdA.pretraining_functions`.

    Parameters
    ----------
    dA_layers : sequence of dA
        The input of each but the first is the code of the one below.
    train_set_x : shared matrix
    batch_size : int
    encode : callable, optional
        ``encode(i, X)`` returns the codes that layer i makes of rows. If it is there, each layer
        learns from codes that are worked out once.
    """
    batch_size = checked_size("batch_size", batch_size)
    checked_variable("train_set_x", train_set_x, (None, dA_layers[0].n_visible))
    count_minibatches(train_set_x, batch_size)
    codes = None if encode is None else _Codes(dA_layers, train_set_x, encode)

    index = pt.lscalar("index")
    corruption_level = pt.scalar("corruption")
    learning_rate = pt.scalar("lr")
    batch = slice(index * batch_size, (index + 1) * batch_size)

    pretrain_fns = []
    for i, layer in enumerate(dA_layers):
        # From the images through the layers below at each step, or from what they make of them.
        x, rows = (dA_layers[0].x, train_set_x) if codes is None else (layer.x, codes.rows[i])
        cost, updates = layer.get_cost_updates(corruption_level, learning_rate)
        step = pytensor.function(
            [index, corruption_level, learning_rate],
            cost,
            updates=updates,
            givens={x: rows[batch]},
            mode=own_products_mode(),
            name=f"pretrain_layer_{i}",
        )
        highest = as_noise(layer.corruption).highest
        pretrain_fns.append(PretrainingFunction(step, i, codes, highest))
    return pretrain_fns


class PretrainingFunction:
    """A compiled training step of one layer's dA.

    It is a class for what a compiled function cannot do: it says which argument is out of its
    range, and sees to the codes that the layer learns from.

    Attributes
    ----------
    function : the compiled function itself, of (index, corruption, lr)
    """

    def __init__(
        self, function: Function, layer: int, codes: "_Codes | None", highest_level: float
    ):
        self.function = function
        self._layer = layer
        self._codes = codes
        self._highest_level = highest_level

    def __call__(self, index: int, corruption: float = 0.2, lr: float = 0.1) -> np.ndarray:
        """Take a step of gradient descent.

        Parameters
        ----------
        index : int
            Which minibatch.
        corruption : float
            Part of the layer's input that is corrupted, in [0, 1]; for Gaussian noise its standard
            deviation.
        lr : float
            Step size.

        Returns
        -------
        ndarray of no dimensions
            The cost, the mean over the minibatch.
        """
        corruption = checked_number("corruption", corruption, 0, self._highest_level)
        lr = checked_number("lr", lr, 0, math.inf)
        if self._codes is not None:
            self._codes.before_a_step(self._layer)
        return self.function(index, corruption, lr)


class _Codes:
    """What each layer learns from: the images, and the codes that the layer below makes of them.

    Attributes
    ----------
    rows : list of shared matrices
        Those of a layer above the first are empty until its first step.
    """

    def __init__(self, dA_layers: Sequence[dA], train_set_x: SharedVariable, encode: Encode):
        empty = [shared_in_floatX(np.zeros((0, layer.n_visible))) for layer in dA_layers[1:]]
        self.rows = [train_set_x, *empty]
        self._encode = encode
        self._n_valid = 1

    def before_a_step(self, layer: int):
        """Work out what is missing; the step will make all codes above the layer out of date."""
        for i in range(self._n_valid, layer + 1):
            below = self.rows[i - 1].get_value(borrow=True)
            encode = self._encoded_on_disk if is_mapped(below) else self._encode
            self.rows[i].set_value(encode(i - 1, below), borrow=True)
        self._n_valid = layer + 1

    def _encoded_on_disk(self, layer: int, X: np.ndarray) -> np.ndarray:
        """Encode rows that lie on disk, and may be more than the memory holds, to such again."""
        known = self.rows[layer + 1].get_value(borrow=True)
        codes = map_temporary_array((len(X), known.shape[1]), known.dtype)
        for start in range(0, len(X), ROWS_OF_A_PIECE):
            piece = slice(start, start + ROWS_OF_A_PIECE)
            codes[piece] = self._encode(layer, X[piece])
        return codes
