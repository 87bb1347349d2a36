"""A dA as a scikit-learn estimator; needs the extra ``deeptutorial[sklearn]``."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Self

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.mode import Mode
from scipy.sparse import issparse

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.models import dA
from deeptutorial.models.checks import checked_number, checked_size
from deeptutorial.models.corruption import Corruption, checked_level
from deeptutorial.models.inference import ROWS_AT_A_TIME
from deeptutorial.models.parameters import draw_seed
from deeptutorial.random import RandomStreams
from deeptutorial.training import DivergenceError, check_finite, check_growth, mean_cost

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_array, check_random_state, gen_batches
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "deeptutorial.estimator needs scikit-learn 1.6 or newer: pip install '.[sklearn]'"
    ) from error

__all__ = ["DenoisingAutoencoder"]

FLOATS = (np.float64, np.float32)

USELESS = 1e6
"""How many times the cost of the first minibatch only weights can cost that have diverged."""

ROUNDING = 1e-4
"""How far beyond [0, 1] a `MinMaxScaler` comes that had to round, float32 above all."""


class DenoisingAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Denoising autoencoder that turns examples into its hidden code.

    It learns by stochastic gradient descent, as `deeptutorial.dA` does, in the precision of the
    data: float32 takes half as long as float64. The same data and `random_state` give the same
    bits, whatever the number of threads and of jobs on a machine. Sparse data are made dense by the
    minibatch.

    Parameters
    ----------
    n_hidden : int
        Hidden units, the size of a code.
    corruption_level : float
        The part of the entries that is corrupted, in [0, 1]; for Gaussian noise its standard
        deviation.
    learning_rate : float
        Step size of the gradient descent.
    n_epochs : int
        How many times `fit` goes through the data, each time in another order.
    batch_size : int
        Examples in a minibatch.
    random_state : int, RandomState instance or None
        Of the initial weights, the order and the noise.
    corruption : {"masking", "salt-and-pepper", "gaussian"} or callable
        The kind of noise, as `deeptutorial.dA` takes it.
    reconstruction_cost : {"cross-entropy", "squared-error"}
        "cross-entropy" is for data in [0, 1]; a `sklearn.preprocessing.MinMaxScaler` brings others
        there. "squared-error" is for any data; the decoder is linear then.

    Attributes
    ----------
    W_ : ndarray of shape (n_features, n_hidden)
        The weights, as NumPy has them; no compiled function is part of an estimator.
    b_ : ndarray of shape (n_hidden,)
    b_prime_ : ndarray of shape (n_features,)
        Biases of the hidden and of the visible units.
    costs_ : list of float
        Mean cost of each epoch of `fit`, and of each call of `partial_fit`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the data had names for all columns.

    See Also
    --------
    deeptutorial.dA : The symbolic graph underneath.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from deeptutorial.estimator import DenoisingAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> da = DenoisingAutoencoder(n_hidden=100, corruption_level=0.3, random_state=0)
    >>> classifier = make_pipeline(MinMaxScaler(), da, LogisticRegression(max_iter=1000))
    >>> classifier.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.85
    True

    The weights are those of two layers of PyTorch, whose matrices have a row for each output::

        encoder, decoder = nn.Linear(n_features, n_hidden), nn.Linear(n_hidden, n_features)
        with torch.no_grad():
            encoder.weight.copy_(torch.from_numpy(da.W_.T))
            encoder.bias.copy_(torch.from_numpy(da.b_))
            decoder.weight.copy_(torch.from_numpy(da.W_))
            decoder.bias.copy_(torch.from_numpy(da.b_prime_))
        code = torch.sigmoid(encoder(x))
        z = torch.sigmoid(decoder(code))  # with squared error: decoder(code)

    and back, as long as they are still tied, ``encoder.weight`` being ``decoder.weight.T``::

        weights = (encoder.weight.T, encoder.bias, decoder.bias)
        da.set_weights(*(weight.detach().numpy() for weight in weights))
    """

    def __init__(
        self,
        n_hidden: int = 500,
        corruption_level: float = 0.3,
        learning_rate: float = 0.1,
        n_epochs: int = 15,
        batch_size: int = 20,
        random_state: int | np.random.RandomState | None = None,
        corruption: Corruption = "masking",
        reconstruction_cost: str = "cross-entropy",
    ):
        self.n_hidden = n_hidden
        self.corruption_level = corruption_level
        self.learning_rate = learning_rate
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.corruption = corruption
        self.reconstruction_cost = reconstruction_cost

    def fit(self, X, y=None) -> Self:
        """Learn from scratch.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_examples, n_features)
        y : ignored

        Raises
        ------
        DivergenceError
            If cost or weights do not stay finite; the learning rate is too high then.
        """
        X = validate_data(self, X, dtype=FLOATS, accept_sparse="csr")
        return self._learn(X, afresh=True, n_epochs=self.n_epochs, shuffle=True)

    def partial_fit(self, X, y=None) -> Self:
        """Go once through further examples, in the order in which they come.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_examples, n_features)
        y : ignored

        Raises
        ------
        DivergenceError
            If cost or weights do not stay finite; the weights are then what they were before.
        """
        afresh = not hasattr(self, "W_")
        dtype = FLOATS if afresh else self.W_.dtype
        X = validate_data(self, X, dtype=dtype, reset=afresh, accept_sparse="csr")
        return self._learn(X, afresh, n_epochs=1, shuffle=False)

    def transform(self, X) -> np.ndarray:
        """Return the codes of examples, which are not corrupted: (n_examples, n_hidden)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.W_.dtype, reset=False, accept_sparse="csr")
        with self._compiled(self._weights()) as functions:
            return _by_rows(functions.encode, X)

    def inverse_transform(self, X) -> np.ndarray:
        """Decode codes, (n_examples, n_hidden), into examples, (n_examples, n_features)."""
        check_is_fitted(self)
        X = check_array(X, dtype=self.W_.dtype)
        if X.shape[1] != self.W_.shape[1]:
            raise ValueError(f"codes have {self.W_.shape[1]} values, got {X.shape[1]}")
        with self._compiled(self._weights()) as functions:
            return _by_rows(functions.decode, X)

    def score(self, X, y=None) -> float:
        """Return minus the mean reconstruction cost of examples, which are not corrupted.

        The higher, the better. It tells how well a code keeps what an example has, not how useful
        it is: a search for the best corruption level had better ask what comes after it in a
        pipeline.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.W_.dtype, reset=False, accept_sparse="csr")
        with self._compiled(self._weights()) as functions:
            return -float(np.mean(_by_rows(functions.costs, X), dtype="float64"))

    def set_weights(self, W, b, b_prime) -> Self:
        """Take weights from elsewhere, as if they had been learned here.

        Parameters
        ----------
        W : array-like of shape (n_features, n_hidden)
        b : array-like of shape (n_hidden,)
        b_prime : array-like of shape (n_features,)

        Examples
        --------
        >>> from deeptutorial import load_model
        >>> da = load_model("dA_plots/dA_corruption_30.npz")  # doctest: +SKIP
        >>> estimator = DenoisingAutoencoder(n_hidden=500)
        >>> estimator.set_weights(da.W.get_value(), da.b.get_value(), da.b_prime.get_value())
        ... # doctest: +SKIP
        """
        W = check_array(W, dtype=FLOATS, copy=True)
        b, b_prime = (
            check_array(bias, dtype=W.dtype, copy=True, ensure_2d=False) for bias in (b, b_prime)
        )
        wanted = (W.shape[0], self.n_hidden)
        if (W.shape, b.shape, b_prime.shape) != (wanted, wanted[1:], wanted[:1]):
            raise ValueError(
                f"W must have shape (n_features, {self.n_hidden}), b ({self.n_hidden},) and "
                f"b_prime (n_features,), got {W.shape}, {b.shape} and {b_prime.shape}"
            )
        self.W_, self.b_, self.b_prime_ = W, b, b_prime
        self.n_features_in_ = W.shape[0]
        self._rng = check_random_state(self.random_state)
        self.costs_: list[float] = []
        return self

    def to_dA(self) -> dA:
        """Return a `deeptutorial.dA` of these weights, to be saved or built upon, in floatX."""
        check_is_fitted(self)
        da = dA(
            np.random.RandomState(0),
            n_visible=self.W_.shape[0],
            n_hidden=self.W_.shape[1],
            corruption=self.corruption,
            reconstruction_cost=self.reconstruction_cost,
        )
        for param, value in zip(da.params, self._weights(), strict=True):
            param.set_value(value.astype(param.dtype))
        return da

    def __sklearn_tags__(self):
        """Tell scikit-learn what is special: sparse data are taken, float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.W_.shape[1]

    def _weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.W_, self.b_, self.b_prime_

    def _learn(self, X, afresh: bool, n_epochs: int, shuffle: bool) -> Self:
        """Go through the data; the estimator changes at the end only, if all goes well."""
        n_epochs = checked_size("n_epochs", n_epochs)
        batch_size = checked_size("batch_size", self.batch_size)
        rate = checked_number("learning_rate", self.learning_rate, 0, np.inf)
        level = checked_level(self.corruption_level, self.corruption)
        low, high = X.min(), X.max()
        if self.reconstruction_cost == "cross-entropy" and not (
            low >= -ROUNDING and high <= 1 + ROUNDING
        ):
            warnings.warn(
                f"cross-entropy is for data in [0, 1], but X goes from {low:g} to {high:g}; "
                "scale it with sklearn.preprocessing.MinMaxScaler, or take "
                'reconstruction_cost="squared-error"',
                stacklevel=3,
            )

        rng = check_random_state(self.random_state) if afresh else self._rng
        seed = draw_seed(rng)
        weights = self._initial_weights(rng, X) if afresh else self._weights()
        with self._compiled(weights) as functions:
            functions.da.theano_rng.seed(seed)
            ordered = rng.permutation if shuffle else np.arange
            orders = (ordered(X.shape[0]) for _ in range(n_epochs))
            costs = functions.train(X, orders, batch_size, level, rate)
            weights = functions.get_weights()
        self.W_, self.b_, self.b_prime_ = weights
        self.costs_ = costs if afresh else self.costs_ + costs
        self._rng = rng
        return self

    def _initial_weights(self, rng: np.random.RandomState, X) -> list[np.ndarray]:
        with _compiling, pytensor.config.change_flags(floatX=X.dtype.name):
            da = dA(rng, RandomStreams(0), n_visible=X.shape[1], n_hidden=self.n_hidden)
        return [param.get_value(borrow=True) for param in da.params]

    def _compiled(self, weights: Sequence[np.ndarray]) -> AbstractContextManager["_Functions"]:
        return _borrowed(weights, self.corruption, self.reconstruction_cost)


class _Functions:
    """What an estimator calls: compiled functions of a dA, which takes weights of any size.

    Compiling takes seconds, and an estimator may have a shorter life. So these belong to the
    process, and an estimator borrows them while it has its weights in them.
    """

    def __init__(self, floatX: str, corruption: Corruption, reconstruction_cost: str):
        self.floatX = floatX
        with self._in_floatX():
            self.da = dA(
                np.random.RandomState(0),
                RandomStreams(0),
                n_visible=1,
                n_hidden=1,
                corruption=corruption,
                reconstruction_cost=reconstruction_cost,
            )

    def set_weights(self, weights: Sequence[np.ndarray]):
        for param, value in zip(self.da.params, weights, strict=True):
            param.set_value(value)

    def get_weights(self) -> list[np.ndarray]:
        return [param.get_value() for param in self.da.params]

    def train(self, X, orders: Iterable[np.ndarray], batch_size: int, level, rate) -> list[float]:
        """Go through the rows, once in each of the orders; return the mean cost of each pass.

        Raises
        ------
        DivergenceError
            If a cost or the weights do not stay finite, or are of no more use.
        """
        costs: list[float] = []
        first = np.nan
        level, step_size, still = (X.dtype.type(number) for number in (level, rate, 0))
        for order in orders:
            c = []
            for rows in gen_batches(X.shape[0], batch_size):
                batch = _dense(X[order[rows]])
                c.append(self.step(batch, level, step_size))
            costs.append(float(mean_cost(c, rate)))
            first = first if len(costs) > 1 else float(c[0])
            check_growth(first, costs[-1], rate, USELESS)
        # The cost of a step is that before it: what the last one did tells one that moves nothing.
        check_finite(zip(("W_", "b_", "b_prime_"), self.get_weights(), strict=True), rate)
        check_growth(first, mean_cost([self.step(batch, level, still)], rate), rate, USELESS)
        return costs

    @cached_property
    def step(self) -> Function:
        with self._in_floatX():
            level, rate = pt.scalars("corruption_level", "learning_rate")
            cost, updates = self.da.get_cost_updates(level, rate)
            inputs = [self.da.x, level, rate]
            return pytensor.function(inputs, cost, updates=updates, mode=self._mode())

    @cached_property
    def encode(self) -> Function:
        with self._in_floatX():
            y = self.da.get_hidden_values(self.da.x)
            return pytensor.function([self.da.x], y, mode=self._mode())

    @cached_property
    def decode(self) -> Function:
        with self._in_floatX():
            y = pt.matrix("y")
            z = self.da.get_reconstructed_input(y)
            return pytensor.function([y], z, mode=self._mode())

    @cached_property
    def costs(self) -> Function:
        with self._in_floatX():
            x = self.da.x
            z = self.da.get_reconstructed_input(self.da.get_hidden_values(x))
            costs = self.da.get_reconstruction_costs(x, z)
            return pytensor.function([x], costs, mode=self._mode())

    @staticmethod
    def _mode() -> Mode:
        """Return the mode for results that do not depend on how many threads there are.

        The last bits of BLAS's products do, and those of a `DenoisingStep`, whose threads each add
        up a part of a sum.
        """
        return own_products_mode().excluding("fuse_denoising_step")

    @contextmanager
    def _in_floatX(self) -> Iterator[None]:
        with _compiling, pytensor.config.change_flags(floatX=self.floatX):
            yield


def _by_rows(function: Function, X) -> np.ndarray:
    """Return what a function makes of the rows of an array or a sparse matrix."""
    pieces = (X[rows] for rows in gen_batches(X.shape[0], ROWS_AT_A_TIME))
    return np.concatenate([function(_dense(piece)) for piece in pieces])


def _dense(rows) -> np.ndarray:
    return rows.toarray() if issparse(rows) else rows


_compiling = threading.RLock()  # floatX is the whole process's

MOST_IDLE = 8
"""Sets of functions that are kept for the next estimator; a noise of one's own has its own."""

_idle: OrderedDict[_Functions, tuple] = OrderedDict()  # the one that was used last at the end
_lending = threading.Lock()


@contextmanager
def _borrowed(
    weights: Sequence[np.ndarray], corruption: Corruption, reconstruction_cost: str
) -> Iterator[_Functions]:
    """Lend out functions with these weights in them, to nobody else at the same time."""
    kind = (weights[0].dtype.name, corruption, reconstruction_cost)
    with _lending:
        functions = next((idle for idle, its_kind in _idle.items() if its_kind == kind), None)
        if functions is not None:
            del _idle[functions]
    if functions is None:
        functions = _Functions(*kind)
    functions.set_weights(weights)
    try:
        yield functions
    except DivergenceError:
        _take_back(functions, kind)
        raise
    _take_back(functions, kind)  # not after other exceptions: who knows where it struck


def _take_back(functions: _Functions, kind: tuple) -> None:
    """Keep functions, without the weights, for who wants them next."""
    functions.set_weights([np.zeros_like(v, shape=(1,) * v.ndim) for v in functions.get_weights()])
    with _lending:
        _idle[functions] = kind
        while len(_idle) > MOST_IDLE:
            _idle.popitem(last=False)
