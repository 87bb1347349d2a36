"""A fully connected layer as a symbolic graph."""

from collections.abc import Callable

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.models.checks import checked_input, checked_rng, checked_size, checked_variable
from deeptutorial.models.parameters import draw_weights, shared_in_floatX

__all__ = ["HiddenLayer"]


class HiddenLayer:
    r"""Fully connected layer: :math:`s(x W + b)`, the examples :math:`x` being rows.

    Parameters
    ----------
    rng : numpy.random.RandomState or numpy.random.Generator
        Draws the initial weights, where `W` is None.
    input : symbolic matrix, shape (examples, n_in)
    n_in, n_out : int
        Units below, and units of this layer.
    W : symbolic matrix, optional
        Weights of shape (n_in, n_out), taken as they are. None draws new ones, uniform in
        :math:`\pm \sqrt{6 / (n_{in} + n_{out})}`, four times that for a sigmoid [1]_.
    b : symbolic vector, optional
        Biases of shape (n_out,), taken as they are; None makes zeros.
    activation : callable or None
        The nonlinearity :math:`s`, elementwise, ``pytensor.tensor.tanh`` or ``sigmoid`` for
        instance; None leaves the layer linear.

    Attributes
    ----------
    output : symbolic matrix, shape (examples, n_out)
    W, b : the parameters
    params : list
        ``[W, b]``
    input : the symbolic input

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, shape or size; the message names it.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural
       networks. AISTATS 2010.
    """

    def __init__(
        self,
        rng: np.random.RandomState | np.random.Generator,
        input: TensorVariable,
        n_in: int,
        n_out: int,
        W: TensorVariable | None = None,
        b: TensorVariable | None = None,
        activation: Callable[[TensorVariable], TensorVariable] | None = pt.tanh,
    ):
        checked_rng("rng", rng)
        n_in, n_out = checked_size("n_in", n_in), checked_size("n_out", n_out)
        if activation is not None and not callable(activation):
            raise TypeError(f"activation must be callable or None, got {activation!r}")
        self.input = checked_input("input", input, n_in)

        if W is None:
            bound = np.sqrt(6.0 / (n_in + n_out))
            if activation == pt.sigmoid:
                bound *= 4
            W = shared_in_floatX(draw_weights(rng, bound, n_in, n_out), name="W")
        if b is None:
            b = shared_in_floatX(np.zeros(n_out), name="b")
        self.W = checked_variable("W", W, (n_in, n_out))
        self.b = checked_variable("b", b, (n_out,))

        linear_output = pt.dot(self.input, self.W) + self.b
        self.output = linear_output if activation is None else activation(linear_output)

        self.params = [self.W, self.b]
