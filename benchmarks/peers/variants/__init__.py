"""The training step with one thing changed, in each library: the rows of `benchmarks.variants`.

The implementations are modules like those of `benchmarks.peers`, and know from ``setting.row`` what
is changed. All that holds for a row whatever the library is in `ROWS`; its formulas are in
`pytensor_rows`, `pytorch_rows` and `jax_scan`, in the same order and under the same names.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.setting import Parameters, Setting

__all__ = [
    "ADAM_DECAY",
    "ADAM_EPSILON",
    "CLIP",
    "CONTRACTION",
    "L2_REG",
    "LOG_EPSILON",
    "MOMENTUM",
    "N_CLASSES",
    "ROWS",
    "SPARSITY",
    "SPARSITY_WEIGHT",
    "Row",
    "initial_values",
    "training_arrays",
]

L2_REG = 1e-4
MOMENTUM = 0.9
SPARSITY = 0.05
SPARSITY_WEIGHT = 0.1
CONTRACTION = 0.1
ADAM_DECAY = (0.9, 0.999)
ADAM_EPSILON = 1e-8
CLIP = 5.0
LOG_EPSILON = 1e-10
N_CLASSES = 10


@dataclass(frozen=True)
class Row:
    """A step of training to be measured.

    Attributes
    ----------
    what : str
        What is changed, for a table.
    learning_rate : float
        One that the costs go down with from the first minibatches on.
    noise : float
        Corruption level: a probability, for Gaussian noise the standard deviation; 0 is none.
    part : float
        Length of a timed stretch, of the usual one: less for what takes long.
    hidden_layers : tuple of int
        Of a classifier: the units of each hidden layer over those of the setting. None makes a dA.
    bound : float
        Of a classifier: the initial weights' interval over that for tanh units.
    """

    what: str
    learning_rate: float = 0.1
    noise: float = 0.3
    part: float = 1.0
    hidden_layers: tuple[int, ...] = ()
    bound: float = 1.0


ROWS = {
    "nothing": Row("nothing"),
    "salt-and-pepper": Row("salt-and-pepper noise"),
    "gaussian": Row("Gaussian noise"),
    "squared-error": Row("squared error, linear decoder", learning_rate=0.001),
    "squared-error-sigmoid": Row("squared error, sigmoid decoder"),
    "weight-decay": Row("L2 weight decay"),
    "momentum": Row("momentum", learning_rate=0.01),
    "untied": Row("untied weights"),
    "tanh": Row("tanh units", learning_rate=0.01),
    "sparsity": Row("sparsity penalty"),
    "contractive": Row("contractive penalty, no noise", learning_rate=0.01, noise=0, part=0.1),
    "mlp": Row("MLP", learning_rate=0.01, noise=0, hidden_layers=(1,)),
    "fine-tuning": Row("fine-tuning", noise=0, part=0.25, hidden_layers=(2, 2, 2), bound=4),
    "adam": Row("Adam", learning_rate=0.001),
    "clip": Row("clipped gradients"),
    "epsilon": Row("epsilon in the logarithms"),
}
"""By name, in the order of the tables."""


def initial_values(params: Parameters, n_visible: int, setting: Setting) -> dict[str, np.ndarray]:
    """Return what a row's parameters start from, by name.

    A dA has ``W``, ``b`` and ``b_prime``, and ``W_prime`` where the weights are untied; layer i of
    a classifier has ``W<i>`` and ``b<i>``, the uppermost with zeros.
    """
    row = ROWS[setting.row]
    if not row.hidden_layers:
        values = dict(zip(("W", "b", "b_prime"), params, strict=True))
        untied = {"W_prime": np.ascontiguousarray(values["W"].T)}
        return values | untied if setting.row == "untied" else values
    rng = np.random.RandomState(setting.seed)
    sizes = [n_visible, *(setting.n_hidden * times for times in row.hidden_layers)]
    values = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        bound = row.bound * np.sqrt(6.0 / (n_in + n_out))
        values[f"W{i}"] = rng.uniform(-bound, bound, (n_in, n_out)).astype(np.float32)
        values[f"b{i}"] = np.zeros(n_out, np.float32)
    values[f"W{len(sizes) - 1}"] = np.zeros((sizes[-1], N_CLASSES), np.float32)
    values[f"b{len(sizes) - 1}"] = np.zeros(N_CLASSES, np.float32)
    return values


def training_arrays(train_x: np.ndarray, setting: Setting) -> list[np.ndarray]:
    """Return the images, and for a classifier their labels (int32)."""
    if not ROWS[setting.row].hidden_layers:
        return [train_x]
    return [train_x, np.load(setting.labels).astype(np.int32)]
