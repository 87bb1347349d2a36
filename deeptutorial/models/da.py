"""The denoising autoencoder of Vincent et al. (2008) as a symbolic graph."""

import math
import os
from typing import Self

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.variable import TensorVariable

from deeptutorial.datasets.description import Description
from deeptutorial.models.checks import (
    checked_input,
    checked_number,
    checked_rng,
    checked_size,
    checked_streams,
    checked_variable,
)
from deeptutorial.models.corruption import (
    Corruption,
    as_noise,
    checked_corruption,
    checked_level,
)
from deeptutorial.models.model_files import build_model, write_model
from deeptutorial.models.parameters import draw_seed, draw_weights, shared_in_floatX
from deeptutorial.random import RandomStreams

__all__ = ["RECONSTRUCTION_COSTS", "dA"]

RECONSTRUCTION_COSTS = ("cross-entropy", "squared-error")
"""What `dA` takes as its `reconstruction_cost`."""


class dA:
    r"""Denoising autoencoder with tied weights.

    An input :math:`x` is corrupted by :math:`q_D`, projected onto a hidden layer, and
    reconstructed from there; learning pulls the reconstruction of the *corrupted* input towards
    the *clean* one [1]_.

    .. math::

        \tilde{x} &\sim q_D(\tilde{x} \mid x)                                        & (1) \\
        y &= s(W \tilde{x} + b)                                                      & (2) \\
        z &= s(W' y + b')                                                            & (3) \\
        L(x, z) &= -\sum_{k=1}^d \left[x_k \log z_k + (1 - x_k) \log(1 - z_k)\right] & (4)

    with :math:`s` the logistic sigmoid, and :math:`W'` the transpose of :math:`W`. Examples are
    rows here, so that a product of the formulas such as :math:`W \tilde{x}` is written
    ``dot(tilde_x, W)``.

    The methods build symbolic graphs and compile nothing.

    Parameters
    ----------
    numpy_rng : numpy.random.RandomState or numpy.random.Generator
        Draws the seed of the random stream (where `theano_rng` is None), and then the initial
        weights (where `W` is None).
    theano_rng : RandomStreams, optional
        Symbolic source of the corruption's noise.
    input : symbolic matrix, optional
        The minibatch, of shape (examples, n_visible), clean and in [0, 1]. It can be the result of
        other computations, the layer below in a stack say. None makes a new variable.
    n_visible, n_hidden : int
        The number d of visible and d' of hidden units.
    W : symbolic matrix, optional
        Weights of shape (n_visible, n_hidden), usually a shared variable that another layer uses
        too: it is taken as it is. None draws new ones, uniform in
        :math:`\pm 4 \sqrt{6 / (n_{hidden} + n_{visible})}`, the interval for sigmoid units [2]_.
    bhid, bvis : symbolic vector, optional
        Biases of the hidden and of the visible units, taken as they are; None makes zeros.
    corruption : {"masking", "salt-and-pepper", "gaussian"} or callable
        What :math:`q_D` does [3]_: sets entries to 0; sets them to 0 or 1, as a fair coin falls; or
        adds normal noise. A function of one's own is called as ``corruption(input, theano_rng,
        corruption_level)``, all symbolic, and returns the corrupted input.
    reconstruction_cost : {"cross-entropy", "squared-error"}
        Equation (4); or, for data that are not in [0, 1], :math:`L(x, z) = \sum_k (x_k - z_k)^2`
        with a linear decoder, :math:`z = W' y + b'` [3]_.

    Attributes
    ----------
    W, b, b_prime : the parameters; `W_prime` is ``W.T`` (tied weights)
    params : list
        ``[W, b, b_prime]``
    x : the symbolic input
    theano_rng : RandomStreams
    n_visible, n_hidden : int
    corruption, reconstruction_cost : as given
    image_shape : (height, width) or (height, width, 3), or None where it is not known
        Shape of an example, for pictures of it; kept in a file too.
    data : Description
        What the values of an example are; kept in a file too.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, shape or size; the message names it.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol: Extracting and composing robust
       features with denoising autoencoders. ICML 2008, section 2.
    .. [2] X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural
       networks. AISTATS 2010, equation (16), times 4 for the sigmoid.
    .. [3] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol: Stacked denoising
       autoencoders. Journal of Machine Learning Research 11, 2010, sections 2.2 and 3.3.

    Examples
    --------
    >>> import numpy, pytensor
    >>> from deeptutorial import dA
    >>> da = dA(numpy_rng=numpy.random.RandomState(123), n_visible=784, n_hidden=500)
    >>> cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
    >>> train = pytensor.function([da.x], cost, updates=updates)
    """

    hyperparameters = ("n_visible", "n_hidden", "corruption", "reconstruction_cost")

    # What the tutorial's class does not have: a subclass written for that one, whose constructor
    # sets the tutorial's attributes and calls no other, has these.
    corruption: Corruption = "masking"
    reconstruction_cost = "cross-entropy"
    image_shape: tuple[int, ...] | None = None
    data = Description()

    def __init__(
        self,
        numpy_rng: np.random.RandomState | np.random.Generator,
        theano_rng: RandomStreams | None = None,
        input: TensorVariable | None = None,
        n_visible: int = 784,
        n_hidden: int = 500,
        W: TensorVariable | None = None,
        bhid: TensorVariable | None = None,
        bvis: TensorVariable | None = None,
        corruption: Corruption = "masking",
        reconstruction_cost: str = "cross-entropy",
    ):
        checked_rng("numpy_rng", numpy_rng)
        self.n_visible = checked_size("n_visible", n_visible)
        self.n_hidden = checked_size("n_hidden", n_hidden)
        self.corruption = checked_corruption(corruption)
        if reconstruction_cost not in RECONSTRUCTION_COSTS:
            raise ValueError(
                f"reconstruction_cost must be one of {', '.join(RECONSTRUCTION_COSTS)}, "
                f"got {reconstruction_cost!r}"
            )
        self.reconstruction_cost = reconstruction_cost

        # The order of the draws is the tutorial's: first the seed, then the weights.
        if theano_rng is None:
            theano_rng = RandomStreams(draw_seed(numpy_rng))
        self.theano_rng = checked_streams(theano_rng)

        if W is None:
            bound = 4 * np.sqrt(6.0 / (n_hidden + n_visible))
            initial_W = draw_weights(numpy_rng, bound, n_visible, n_hidden)
            W = shared_in_floatX(initial_W, name="W")
        if bhid is None:
            bhid = shared_in_floatX(np.zeros(n_hidden), name="b")
        if bvis is None:
            bvis = shared_in_floatX(np.zeros(n_visible), name="b_prime")
        self.W = checked_variable("W", W, (n_visible, n_hidden))
        self.b = checked_variable("bhid", bhid, (n_hidden,))
        self.b_prime = checked_variable("bvis", bvis, (n_visible,))
        self.W_prime = self.W.T

        self.x = pt.matrix("input") if input is None else input
        checked_input("input", self.x, n_visible)

        self.params = [self.W, self.b, self.b_prime]

    def get_corrupted_input(
        self, input: TensorVariable, corruption_level: float | TensorVariable
    ) -> TensorVariable:
        """Equation (1): corrupt the input, as `corruption` says.

        Parameters
        ----------
        input : symbolic array
        corruption_level : float or symbolic scalar
            For masking and for salt-and-pepper noise the probability of each entry to be hit, in
            [0, 1]; what is not hit is untouched. For Gaussian noise its standard deviation. A plain
            0 returns `input` itself, and no random number is drawn. A symbolic one that turns out
            to be no probability is an error of the compiled function (`NoSuchCoinError`, a
            ValueError); JAX cannot raise it, and makes a cost of NaN.

        Returns
        -------
        TensorVariable
            Same shape.
        """
        corruption_level = checked_level(corruption_level, self.corruption)
        if isinstance(corruption_level, float) and corruption_level == 0:
            return input
        return as_noise(self.corruption).corrupt(input, self.theano_rng, corruption_level)

    def get_hidden_values(self, input: TensorVariable) -> TensorVariable:
        """Equation (2): encode, (examples, n_visible) → (examples, n_hidden)."""
        return pt.sigmoid(pt.dot(input, self.W) + self.b)

    def get_reconstructed_input(self, hidden: TensorVariable) -> TensorVariable:
        """Equation (3): decode, (examples, n_hidden) → (examples, n_visible).

        Without the sigmoid where the cost is the squared error.
        """
        a = pt.dot(hidden, self.W_prime) + self.b_prime
        return a if self.reconstruction_cost == "squared-error" else pt.sigmoid(a)

    def get_reconstruction_costs(self, x: TensorVariable, z: TensorVariable) -> TensorVariable:
        """Equation (4), or the squared error: one value an example, summed over its entries."""
        if self.reconstruction_cost == "squared-error":
            return pt.sum((x - z) ** 2, axis=1)
        # Written as the equation has it: PyTensor rewrites log(sigmoid(a)) to a form that does not
        # overflow.
        return -pt.sum(x * pt.log(z) + (1 - x) * pt.log(1 - z), axis=1)

    def get_cost_updates(
        self,
        corruption_level: float | TensorVariable,
        learning_rate: float | TensorVariable,
    ) -> tuple[TensorVariable, list[tuple[SharedVariable, Variable]]]:
        """Build one step of stochastic gradient descent.

        Parameters
        ----------
        corruption_level : float or symbolic scalar
            As `get_corrupted_input` takes it.
        learning_rate : float or symbolic scalar, not negative

        Returns
        -------
        cost : symbolic scalar
            The mean of the reconstruction costs of the minibatch's examples.
        updates : list of (shared variable, new value)
            For ``pytensor.function(updates=...)``: a gradient step for each of `params`, and the
            next state of each random generator that the cost depends on.
        """
        learning_rate = checked_number("learning_rate", learning_rate, 0, math.inf)

        tilde_x = self.get_corrupted_input(self.x, corruption_level)
        y = self.get_hidden_values(tilde_x)
        z = self.get_reconstructed_input(y)

        L = self.get_reconstruction_costs(self.x, z)
        cost = pt.mean(L)

        # W stands in the encoder and, transposed, in the decoder: its gradient has both parts.
        gparams = pt.grad(cost, self.params)
        # Cast for parameters that are not in floatX: a pickle keeps the precision it was made in.
        updates = [
            (param, pt.cast(param - learning_rate * gparam, param.dtype))
            for param, gparam in zip(self.params, gparams, strict=True)
        ]
        return cost, updates + _random_updates(cost)

    def save(self, path: str | os.PathLike) -> None:
        """Write the parameters and what else is needed to encode and to reconstruct to a file.

        The file is an ``.npz`` without pickles (`deeptutorial.archives` tells more); it is there
        whole or not at all.

        Raises
        ------
        TypeError, ValueError
            If a parameter is computed from something else, or not finite; if `corruption` is a
            function, which a file cannot hold (set it to a name first); or if a subclass has
            parameters that it does not add to `named_params`, or arguments that it does not add to
            `hyperparameters`.
        OSError
            If the file cannot be written; what was there before is still there.
        """
        write_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Make a dA of what `save` wrote, in ``pytensor.config.floatX``.

        Nothing in the file is executed. The dA has a new symbolic input, ``x``, and a new random
        stream.

        Raises
        ------
        ModelFileError
            If the file is no dA, of a later version, truncated, altered, or has NaN or arrays of
            wrong shapes in it; the message names it and the reason.
        OSError
            If it cannot be read.
        """
        return build_model(cls, path)

    def named_params(self) -> dict[str, TensorVariable]:
        """Return the parameters by the names that they have in a file."""
        return {"W": self.W, "b": self.b, "b_prime": self.b_prime}

    @staticmethod
    def param_shapes(n_visible: int, n_hidden: int, **_) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters of a dA with these hyperparameters."""
        n_visible = checked_size("n_visible", n_visible)
        n_hidden = checked_size("n_hidden", n_hidden)
        return {"W": (n_visible, n_hidden), "b": (n_hidden,), "b_prime": (n_visible,)}


def _random_updates(cost: TensorVariable) -> list[tuple[SharedVariable, Variable]]:
    """Find the generators below `cost`, each with its next state."""
    return [
        (source, source.default_update)
        for source in graph_inputs([cost])
        if isinstance(source, SharedVariable) and source.default_update is not None
    ]
