"""The product of a layer with its weights, and a step of gradient descent of these, as Ops."""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

__all__ = ["LayerProduct", "LayerStep"]


class LayerProduct(Op):
    """``x W`` for a minibatch x (n, n_in) and weights W (n_in, n_out)."""

    __props__ = ()

    def make_node(self, x, W):
        x, W = _checked(x, W)
        return Apply(self, [x, W], [_matrix(x, x.type.shape[0], W.type.shape[1])])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        x, W = arguments[-1]
        return [(x[0], W[1])]

    def perform(self, node, inputs, output_storage):
        x, W = inputs
        output_storage[0][0] = x @ W


class LayerStep(Op):
    r"""Move the weights of a layer against their gradient, and send the error to the layer below.

    With x (n, n_in) what came into the layer and d (n, n_out) the gradient of the cost with respect
    to the product :math:`x W`,

    .. math:: d_x = d W^T \qquad W \leftarrow W - \eta x^T d

    Inputs are x, d, :math:`\eta` (a scalar) and W; outputs are :math:`d_x`, if the step
    `sends_back`, and the new W.

    Parameters
    ----------
    sends_back : bool
        The lowest layer has nothing below it.
    inplace : bool
        Write into W instead of working on a copy.

    Raises
    ------
    TypeError
        When the graph is built: for inputs of the wrong dimensions or types.
    ValueError
        When it runs: for shapes that do not fit together.
    """

    __props__ = ("sends_back", "inplace")

    def __init__(self, sends_back: bool, inplace: bool = False):
        self.sends_back = sends_back
        self.inplace = inplace
        if inplace:
            self.destroy_map = {int(sends_back): [3]}

    def make_node(self, x, d, rate, W):
        x, d, W = _checked(x, d, W)
        rate = pt.as_tensor_variable(rate)
        if rate.ndim != 0:
            raise TypeError(f"the rate must be a scalar, got {rate.type}")
        sent_back = [_matrix(x, *x.type.shape)] if self.sends_back else []
        return Apply(self, [x, d, rate, W], [*sent_back, W.type()])

    def infer_shape(self, *arguments):
        x, _, _, W = arguments[-1]
        return [x, W] if self.sends_back else [W]

    def perform(self, node, inputs, output_storage):
        x, d, rate, W = inputs
        if W.shape != (x.shape[1], d.shape[1]):
            raise ValueError(f"x, d and W do not fit together: {x.shape}, {d.shape}, {W.shape}")
        if self.sends_back:
            output_storage[0][0] = d @ W.T
        if not self.inplace:
            W = W.copy()
        W -= (rate * (x.T @ d)).astype(W.dtype)
        output_storage[-1][0] = W


def _checked(*matrices):
    matrices = [pt.as_tensor_variable(matrix) for matrix in matrices]
    types = [matrix.type for matrix in matrices]
    if any(t.ndim != 2 for t in types) or {t.dtype for t in types} not in (
        {"float32"},
        {"float64"},
    ):
        raise TypeError(f"a layer has matrices, all float32 or all float64, got {types}")
    return matrices


def _matrix(like, *shape):
    return pt.tensor(dtype=like.dtype, shape=shape)
