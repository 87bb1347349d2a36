"""What a trained model does with the test set, in numbers."""

import copy
from dataclasses import dataclass

import numpy as np
import pytensor
import pytensor.tensor as pt

from deeptutorial.models import dA
from deeptutorial.models.inference import ROWS_AT_A_TIME
from deeptutorial.random import RandomStreams

__all__ = [
    "AT_MOST",
    "Autoencoding",
    "activity",
    "autoencode",
    "by_class",
]

AT_MOST = 10_000
"""Test examples that are looked at: MNIST has as many."""

NOISE_SEED = 0
"""The test set is corrupted in the same way in every report."""

STILL = 0.05
"""A unit whose output moves less than this over the whole test set tells nothing: it is dead."""

FLAT, MOSTLY = 0.05, 0.9
"""A unit this close to 0 or 1, in this part of the cases, is saturated: a switch."""

N_BINS = 25


@dataclass(frozen=True)
class Autoencoding:
    """What a dA makes of some images.

    Attributes
    ----------
    corrupted : ndarray of shape (n, n_visible)
        The images with a part destroyed.
    reconstructed : ndarray of shape (n, n_visible)
        Made from the corrupted images.
    code : ndarray of shape (n, n_hidden)
        Of the images as they are.
    cost_clean, cost_corrupted : ndarray of shape (n,)
        Reconstruction cost of each image, from the image as it is and from the corrupted one;
        both are measured against the image as it is.
    decode : callable
        From codes to images.
    """

    corrupted: np.ndarray
    reconstructed: np.ndarray
    code: np.ndarray
    cost_clean: np.ndarray
    cost_corrupted: np.ndarray
    decode: pytensor.compile.executor.Function


def autoencode(da: dA, X: np.ndarray, corruption_level: float) -> Autoencoding:
    """Send images through a dA, as they are and corrupted.

    Parameters
    ----------
    da : dA
        Its parameters are shared variables. Neither they nor its random stream are changed.
    X : ndarray of shape (n, n_visible)
    corruption_level : float
        Of the corrupted ones. The noise is the same at each call.
    """
    # A shallow copy shares the parameters; only the noise comes from elsewhere.
    da = copy.copy(da)
    da.theano_rng = RandomStreams(NOISE_SEED)

    x, tilde_x, y = pt.matrix("x"), pt.matrix("tilde_x"), pt.matrix("y")
    corrupt = pytensor.function([x], da.get_corrupted_input(x, corruption_level))
    code = da.get_hidden_values(tilde_x)
    z = da.get_reconstructed_input(code)
    L = da.get_reconstruction_costs(x, z)
    encode_and_decode = pytensor.function([x, tilde_x], [code, z, L])
    decode = pytensor.function([y], da.get_reconstructed_input(y))

    pieces = []
    for start in range(0, len(X), ROWS_AT_A_TIME):
        rows = np.asarray(X[start : start + ROWS_AT_A_TIME], dtype=pytensor.config.floatX)
        corrupted = corrupt(rows)
        clean_code, _, cost_clean = encode_and_decode(rows, rows)
        _, reconstructed, cost_corrupted = encode_and_decode(rows, corrupted)
        pieces.append((corrupted, reconstructed, clean_code, cost_clean, cost_corrupted))
    corrupted, reconstructed, hidden, clean, noisy = map(np.concatenate, zip(*pieces, strict=True))
    return Autoencoding(corrupted, reconstructed, hidden, clean, noisy, decode)


def by_class(labels: np.ndarray, **values: np.ndarray) -> list[dict]:
    """Average values over the examples of each class; no classes where there are no labels.

    Returns
    -------
    list of dict
        ``class``, ``examples``, and the mean of each of `values`.
    """
    return [
        {
            "class": int(c),
            "examples": int((labels == c).sum()),
            **{
                name: float(np.mean(value[labels == c], dtype="float64"))
                for name, value in values.items()
            },
        }
        for c in np.unique(labels[labels >= 0])
    ]


def activity(code: np.ndarray) -> dict:
    """Describe hidden units by their outputs.

    Parameters
    ----------
    code : ndarray of shape (n, n_hidden)
        Of sigmoid units, in [0, 1].

    Returns
    -------
    dict
        ``histogram``, the share of all outputs in each of 25 equal bins over [0, 1];
        ``mean_by_unit``; ``most_active``, all units in order of their mean output, the highest
        first; ``dead``, how many units' outputs stay within 0.05 of each other whatever is shown;
        ``saturated``, how many of the others are within 0.05 of 0 or of 1 in at least 90 % of the
        cases.
    """
    counts = np.zeros(N_BINS, dtype=np.int64)
    for start in range(0, len(code), ROWS_AT_A_TIME):
        rows = code[start : start + ROWS_AT_A_TIME]
        bins = np.minimum((rows * N_BINS).astype(np.int64), N_BINS - 1)
        counts += np.bincount(bins.ravel(), minlength=N_BINS)
    mean = np.mean(code, axis=0, dtype="float64")
    dead = code.max(axis=0) - code.min(axis=0) < STILL
    at_an_end = np.mean((code < FLAT) | (code > 1 - FLAT), axis=0)
    return {
        "histogram": (counts / counts.sum()).tolist(),
        "mean_by_unit": mean.tolist(),
        "most_active": np.argsort(-mean, kind="stable").tolist(),
        "dead": int(dead.sum()),
        "saturated": int(((at_an_end >= MOSTLY) & ~dead).sum()),
    }
