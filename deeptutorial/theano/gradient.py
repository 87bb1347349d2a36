"""Derivatives: PyTensor's `gradient`, and what has other names there."""

from pytensor.gradient import (
    disconnected_grad,
    grad,
    hessian,
    jacobian,
    pullback,
    pushforward,
    subgraph_grad,
    verify_grad,
    zero_grad,
)

from deeptutorial.theano._names import lookup

__all__ = [
    "Lop",
    "Rop",
    "consider_constant",
    "disconnected_grad",
    "grad",
    "hessian",
    "jacobian",
    "subgraph_grad",
    "verify_grad",
    "zero_grad",
]

consider_constant = zero_grad
"""The same under its older name."""


def Rop(f, wrt, eval_points, disconnected_outputs="raise", return_disconnected="zero"):
    """Return the Jacobian times `eval_points`: `pytensor.gradient.pushforward`."""
    return pushforward(
        f,
        wrt,
        eval_points,
        disconnected_outputs=disconnected_outputs,
        return_disconnected=return_disconnected,
    )


def Lop(f, wrt, eval_points, consider_constant=None, disconnected_inputs="raise"):
    """Return `eval_points` times the Jacobian: `pytensor.gradient.pullback`."""
    return pullback(
        f,
        wrt,
        eval_points,
        consider_constant=consider_constant,
        disconnected_inputs=disconnected_inputs,
    )


def __getattr__(name):
    return lookup(name, "theano.gradient", "pytensor.gradient")
