"""One training step of a dA with tied weights, as an Op."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from deeptutorial.compile.ops.draws import flip_coins, next_state

__all__ = ["DenoisingStep"]


class DenoisingStep(Op):
    r"""Corrupt, encode, decode, and move the parameters against the gradient.

    With :math:`\tilde{x}` the corrupted input,

    .. math::

        y &= s(\tilde{x} W + b) \qquad a = y W^T + b' \qquad
        L_i = \sum_k \log(1 + e^{a_{ik}}) - x_{ik} a_{ik} \\
        \delta &= s(a) - x \qquad \varepsilon = (\delta W) \odot y \odot (1 - y) \\
        W &\leftarrow W - \eta (\tilde{x}^T \varepsilon + \delta^T y) \qquad
        b \leftarrow b - \eta \textstyle\sum_i \varepsilon_i \qquad
        b' \leftarrow b' - \eta \textstyle\sum_i \delta_i

    which is gradient descent on the sum of the costs L (equation (4) of the dA, written so that it
    does not overflow), with the rate :math:`\eta`.

    Inputs are x (n, n_visible), eta (a scalar), W, b, b', and what the corruption needs; outputs
    are L (n,), the new W, b, b' and, if there was one, the next state.

    Parameters
    ----------
    corruption : str
        ``"none"``: no further inputs, and :math:`\tilde{x} = x`; ``"masking"``: what `CoinFlips`
        takes, a state, the shape (that of x) and the probability to be kept; ``"given"``:
        :math:`\tilde{x}` itself (n, n_visible).
    inplace : bool
        Write into the parameters instead of working on copies.

    Raises
    ------
    TypeError
        When the graph is built: for inputs of the wrong dimensions or types.
    ValueError
        When it runs: for shapes that do not fit together.

    Notes
    -----
    Numba's kernel skips pixels of :math:`\tilde{x}` that are 0. Where W holds infinity or NaN in
    the row of such a pixel, plain PyTensor has NaN in all parameters after the step, and the kernel
    may keep finite numbers in some. The costs are not finite in either.
    """

    __props__ = ("corruption", "inplace")

    def __init__(self, corruption: str, inplace: bool = False):
        if corruption not in ("none", "masking", "given"):
            raise ValueError(f"corruption must be none, masking or given, got {corruption!r}")
        self.corruption = corruption
        self.inplace = inplace
        if inplace:
            self.destroy_map = {1: [2], 2: [3], 3: [4]}

    def make_node(self, x, step_size, W, b, b_prime, *corrupted):
        arrays = [pt.as_tensor_variable(v) for v in (x, W, b, b_prime)]
        scalars = [pt.as_tensor_variable(step_size)]
        match self.corruption, corrupted:
            case "none", ():
                given, states = [], []
            case "masking", (state, size, kept):
                size = pt.as_tensor_variable(size)
                if state.ndim != 1 or state.dtype != "uint64":
                    raise TypeError(f"state must be a vector of uint64, got {state.type}")
                scalars.append(pt.as_tensor_variable(kept))
                given, states = [state, size, scalars[1]], [state.type()]
            case "given", (tilde_x,):
                arrays.append(pt.as_tensor_variable(tilde_x))
                given, states = arrays[4:], []
            case _:
                raise TypeError(
                    f"{len(corrupted)} inputs are not what corruption={self.corruption!r} takes"
                )
        if [v.ndim for v in arrays] != [2, 2, 1, 1, 2][: len(arrays)] or any(
            v.ndim != 0 for v in scalars
        ):
            raise TypeError(
                "x, W and tilde_x must be matrices, b and b_prime vectors, step_size and kept "
                f"scalars, got {[v.type for v in arrays + scalars]}"
            )
        if {v.dtype for v in arrays} not in ({"float32"}, {"float64"}):
            raise TypeError(
                f"the arrays must all be float32 or all float64, got {[v.dtype for v in arrays]}"
            )
        x, W, b, b_prime = arrays[:4]
        L = pt.tensor(dtype=x.dtype, shape=(x.type.shape[0],))
        outputs = [L, W.type(), b.type(), b_prime.type(), *states]
        return Apply(self, [x, scalars[0], W, b, b_prime, *given], outputs)

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        node, (x, _, W, b, b_prime, *corrupted) = arguments[-2:]
        return [(x[0],), W, b, b_prime, *corrupted][: len(node.outputs)]

    def perform(self, node, inputs, output_storage):
        x, step_size, W, b, b_prime, *corrupted = inputs
        if not self.inplace:
            W, b, b_prime = W.copy(), b.copy(), b_prime.copy()
        if self.corruption == "none":
            tilde_x = x
        elif self.corruption == "given":
            (tilde_x,) = corrupted
        else:
            state, size, kept = corrupted
            tilde_x = x * flip_coins(state, tuple(size), float(kept)).astype(x.dtype)
            output_storage[4][0] = next_state(state)

        if tilde_x.shape != x.shape or b_prime.shape != x.shape[1:] or b.shape != W.shape[1:]:
            shapes = [v.shape for v in (x, tilde_x, W, b, b_prime)]
            raise ValueError(f"x, tilde_x, W, b and b_prime do not fit together: {shapes}")
        y = _sigmoid(tilde_x @ W + b)
        a = y @ W.T + b_prime
        L = np.sum(np.logaddexp(0, a) - x * a, axis=1)
        delta = step_size * (_sigmoid(a) - x)
        epsilon = (delta @ W) * y * (1 - y)
        W -= tilde_x.T @ epsilon + delta.T @ y
        b -= epsilon.sum(axis=0)
        b_prime -= delta.sum(axis=0)
        for storage, value in zip(output_storage, (L, W, b, b_prime), strict=False):
            storage[0] = np.asarray(value, dtype=x.dtype)


def _sigmoid(t: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -t))
