"""Random draws that are made of a seed and a count: the Ops, and what they calculate."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.tensor.random.utils import normalize_size_param

__all__ = ["CoinFlips", "flip_coins", "next_state", "splitmix"]


class CoinFlips(Op):
    """Zeros and ones, ones with probability `p`.

    Inputs are the state, the shape (a vector) and p (a scalar); outputs are the next state and the
    draw. The state, two 64-bit integers, is a seed and a count of draws; `flip_coins` tells what is
    made of them. In that way a draw costs next to nothing, can be divided among threads, and is the
    same for any number of them. (A NumPy generator as an input alone costs a compiled function 50
    microseconds a call.) It runs on each backend of `deeptutorial.use`, with the same numbers, and
    wherever PyTensor can run an Op in Python (FAST_COMPILE, CVM).

    Parameters
    ----------
    dtype : str
        Of the draw.
    """

    __props__ = ("dtype",)

    def __init__(self, dtype: str = "int64"):
        self.dtype = dtype

    def make_node(self, state, size, p):
        state, p = pt.as_tensor_variable(state), pt.as_tensor_variable(p)
        if state.ndim != 1 or state.dtype != "uint64":
            raise TypeError(f"state must be a vector of uint64, got {state.type}")
        if p.ndim != 0:
            raise TypeError(f"p must be a scalar, got {p.type}")
        size = normalize_size_param(size)
        draw = pt.tensor(dtype=self.dtype, shape=(None,) * pt.get_vector_length(size))
        return Apply(self, [state, size, p], [state.type(), draw])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        node, (state_shape, *_) = arguments[-2:]
        size = node.inputs[1]
        return [state_shape, tuple(size[axis] for axis in range(node.outputs[1].ndim))]

    def perform(self, node, inputs, output_storage):
        state, size, p = inputs
        output_storage[0][0] = next_state(state)
        output_storage[1][0] = flip_coins(state, tuple(size), float(p)).astype(self.dtype)


def next_state(state: np.ndarray) -> np.ndarray:
    """Return the state of `CoinFlips` after a draw."""
    return state + np.array([0, 1], dtype=np.uint64)


def flip_coins(state: np.ndarray, shape: tuple[int, ...], p: float) -> np.ndarray:
    """Draw booleans that are true with probability `p` (to within 2^-32).

    The n-th number of SplitMix64 [1]_ is a mixture of its seed and n. The seed of a draw is the
    number that the state's seed and count give; entry i is the number of that seed and i.

    Parameters
    ----------
    state : ndarray of uint64, shape (2,)
        A seed, and the count of draws before this one.

    Returns
    -------
    ndarray of bool, of the given shape

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood: Fast splittable pseudorandom number generators.
       OOPSLA 2014, figure 17.
    """
    seed = splitmix(state[:1], state[1:])
    entries = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    bits = splitmix(seed, entries) >> np.uint64(32)
    return (bits >= np.uint64((1 - p) * 2.0**32)).reshape(shape)


def splitmix(seed: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the n-th number of SplitMix64; takes any arrays of uint64 that wrap around."""
    z = seed + n * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
