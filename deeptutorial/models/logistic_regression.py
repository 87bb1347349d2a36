"""Multi-class logistic regression as a symbolic graph."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.special import log_softmax, softmax
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.ops.checked_labels import CheckedLabels
from deeptutorial.models.checks import checked_input, checked_size, checked_variable
from deeptutorial.models.parameters import shared_in_floatX

__all__ = ["LogisticRegression"]


class LogisticRegression:
    r"""Multi-class logistic regression, the top of a classifier.

    .. math::

        P(Y = i \mid x) = \mathrm{softmax}_i(a) = \frac{e^{a_i}}{\sum_j e^{a_j}}, \quad a = x W + b

    Parameters
    ----------
    input : symbolic matrix, shape (examples, n_in)
    n_in : int
        Size of an example.
    n_out : int
        Number of classes; the labels are 0 to ``n_out - 1``.
    W, b : shared variables, optional
        Weights of shape (n_in, n_out) and biases of shape (n_out,), taken as they are; None makes
        zeros.

    Attributes
    ----------
    p_y_given_x : symbolic matrix, shape (examples, n_out)
        Probability of each class.
    y_pred : symbolic integer vector, shape (examples,)
        The most probable class.
    W, b : shared variables
    params : list
        ``[W, b]``
    input : the symbolic input

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, shape or size; the message names it.
    """

    def __init__(
        self,
        input: TensorVariable,
        n_in: int,
        n_out: int,
        W: TensorVariable | None = None,
        b: TensorVariable | None = None,
    ):
        n_in, n_out = checked_size("n_in", n_in), checked_size("n_out", n_out)
        self.input = checked_input("input", input, n_in)

        if W is None:
            W = shared_in_floatX(np.zeros((n_in, n_out)), name="W")
        if b is None:
            b = shared_in_floatX(np.zeros(n_out), name="b")
        self.W = checked_variable("W", W, (n_in, n_out))
        self.b = checked_variable("b", b, (n_out,))

        self._n_classes = n_out
        self._scores = pt.dot(self.input, self.W) + self.b
        self.p_y_given_x = softmax(self._scores, axis=1)
        self.y_pred = pt.argmax(self.p_y_given_x, axis=1)

        self.params = [self.W, self.b]

    def negative_log_likelihood(self, y: TensorVariable) -> TensorVariable:
        r"""Build the cost :math:`-\log P(Y = y \mid x)`, the mean over the minibatch.

        Being a mean and not a sum, it asks for about the same learning rate whatever the size of
        the minibatch.

        Parameters
        ----------
        y : symbolic integer vector, shape (examples,)
            The right class of each example.

        Returns
        -------
        symbolic scalar
            A compiled function raises `NoSuchClassError`, an IndexError, for a label outside the
            classes; JAX cannot raise it, and makes a cost of NaN.
        """
        y = self._checked_labels(y)
        # The logarithm of a softmax that has underflowed would be minus infinity; this one never
        # leaves the logarithmic scale.
        log_p_y_given_x = log_softmax(self._scores, axis=1)
        return -pt.mean(log_p_y_given_x[pt.arange(y.shape[0]), y])

    def errors(self, y: TensorVariable) -> TensorVariable:
        """Build the part of a minibatch that is classified wrongly, from 0 to 1.

        Parameters
        ----------
        y : symbolic integer vector, shape (examples,)
            The right class of each example.

        Returns
        -------
        symbolic scalar
            A label outside the classes is an error as for `negative_log_likelihood`; on JAX the
            example counts as one that is classified wrongly.
        """
        wrong = pt.neq(self.y_pred, self._checked_labels(y))
        return pt.mean(pt.cast(wrong, pytensor.config.floatX))

    def _checked_labels(self, y: TensorVariable) -> TensorVariable:
        checked_variable("y", y, (None,))
        if not y.dtype.startswith(("int", "uint")):
            raise TypeError(f"y must hold integers, got {y.type}; cast it to int32")
        return CheckedLabels(self._n_classes)(y)
