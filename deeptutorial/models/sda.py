"""The stacked denoising autoencoder of Vincent et al. (2010) as a symbolic graph."""

import math
import os
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.datasets.labels import label_values
from deeptutorial.models.checks import (
    checked_number,
    checked_rng,
    checked_size,
    checked_variable,
    draw_seed,
    shared_in_floatX,
)
from deeptutorial.models.da import dA
from deeptutorial.models.hidden_layer import HiddenLayer
from deeptutorial.models.logistic_regression import LogisticRegression
from deeptutorial.models.model_files import build_model, write_model
from deeptutorial.random import RandomStreams

__all__ = ["PretrainingFunction", "SdA"]

ROWS_AT_A_TIME = 1000
"""Examples that `predict` and its like work on at once: enough for fast matrix products."""


class SdA:
    r"""Stacked denoising autoencoder: a classifier whose layers are pre-trained as dAs.

    The network has two faces over one set of parameters. It is a multilayer perceptron, sigmoid
    layers with a logistic regression on top; and each sigmoid layer shares its weights and biases
    with a `dA` that has the same input. The dAs are trained first, one after the other, each on
    what the layers below make of the images; then gradient descent fine-tunes the whole perceptron
    on the labels [1]_ [2]_.

    Parameters
    ----------
    numpy_rng : numpy.random.RandomState or numpy.random.Generator
        Draws the seed of the random stream (where `theano_rng` is None), and then the initial
        weights, layer by layer.
    theano_rng : RandomStreams, optional
        Symbolic source of the corruption's noise, for all layers.
    n_ins : int
        Size of an example.
    hidden_layers_sizes : sequence of int
        Units of each hidden layer, the lowest first; at least one layer.
    n_outs : int
        Number of classes.
    corruption_levels : sequence of float, optional
        Part of its input that each layer's dA is to lose, kept as an attribute for the training
        loop, which hands it to the functions of `pretraining_functions`; None stands for 0.1 for
        each layer.

    Attributes
    ----------
    sigmoid_layers : list of HiddenLayer
    dA_layers : list of dA
        Layer i's has ``W`` and ``b`` of ``sigmoid_layers[i]``, and its input.
    logLayer : LogisticRegression
    params : list
        What fine-tuning changes: W and b of each sigmoid layer and of `logLayer`, from below.
    x, y : symbolic matrix and integer vector, a minibatch and its labels
    finetune_cost : symbolic scalar, the negative log-likelihood
    errors : symbolic scalar, the part of the minibatch that is classified wrongly
    n_ins, n_outs, n_layers : int
    hidden_layers_sizes : list of int
    corruption_levels : list of float
    image_shape : (height, width) or (height, width, 3), or None where it is not known
        Shape of an example, for pictures of it; kept in a file too.
    theano_rng : RandomStreams

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, length or size; the message names it.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol: Stacked denoising
       autoencoders. Journal of Machine Learning Research 11, 2010.
    .. [2] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle: Greedy layer-wise training of deep
       networks. NIPS 2006.

    Examples
    --------
    >>> import numpy
    >>> from deeptutorial import SdA, load_data
    >>> datasets = load_data("digits")
    >>> sda = SdA(numpy_rng=numpy.random.RandomState(89677), hidden_layers_sizes=[500, 500])
    >>> pretraining_fns = sda.pretraining_functions(datasets[0][0], batch_size=20)
    >>> cost = pretraining_fns[0](index=0, corruption=0.1, lr=0.02)
    >>> train_fn, valid_score, test_score = sda.build_finetune_functions(datasets, 20, 0.1)
    >>> cost = train_fn(0)
    """

    hyperparameters = ("n_ins", "hidden_layers_sizes", "n_outs", "corruption_levels")

    def __init__(
        self,
        numpy_rng: np.random.RandomState | np.random.Generator,
        theano_rng: RandomStreams | None = None,
        n_ins: int = 784,
        hidden_layers_sizes: Sequence[int] = (500, 500),
        n_outs: int = 10,
        corruption_levels: Sequence[float] | None = None,
    ):
        checked_rng("numpy_rng", numpy_rng)
        self.n_ins = checked_size("n_ins", n_ins)
        self.n_outs = checked_size("n_outs", n_outs)
        self.hidden_layers_sizes = _checked_sizes("hidden_layers_sizes", hidden_layers_sizes)
        self.n_layers = len(self.hidden_layers_sizes)
        self.corruption_levels = _checked_levels(corruption_levels, self.n_layers)

        # The order of the draws is the tutorial's: first the seed, then the weights from below.
        if theano_rng is None:
            theano_rng = RandomStreams(draw_seed(numpy_rng))
        self.theano_rng = theano_rng

        self.x = pt.matrix("x")
        self.y = pt.ivector("y")

        self.sigmoid_layers: list[HiddenLayer] = []
        self.dA_layers: list[dA] = []
        self.params: list[SharedVariable] = []
        layer_input, n_in = self.x, self.n_ins
        for n_out in self.hidden_layers_sizes:
            sigmoid_layer = HiddenLayer(
                rng=numpy_rng, input=layer_input, n_in=n_in, n_out=n_out, activation=pt.sigmoid
            )
            dA_layer = dA(
                numpy_rng=numpy_rng,
                theano_rng=theano_rng,
                input=layer_input,
                n_visible=n_in,
                n_hidden=n_out,
                W=sigmoid_layer.W,
                bhid=sigmoid_layer.b,
            )
            self.sigmoid_layers.append(sigmoid_layer)
            self.dA_layers.append(dA_layer)
            # The visible biases of a dA are no part of the perceptron.
            self.params.extend(sigmoid_layer.params)
            layer_input, n_in = sigmoid_layer.output, n_out

        self.logLayer = LogisticRegression(input=layer_input, n_in=n_in, n_out=self.n_outs)
        self.params.extend(self.logLayer.params)
        self.finetune_cost = self.logLayer.negative_log_likelihood(self.y)
        self.errors = self.logLayer.errors(self.y)

        self.image_shape: tuple[int, ...] | None = None
        self._compiled: dict[str | int, Function] = {}

    def save(self, path: str | os.PathLike) -> None:
        """Write the parameters and what else is needed to predict to a file; see `dA.save`."""
        write_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Make an SdA of what `save` wrote, in ``pytensor.config.floatX``; see `dA.load`."""
        return build_model(cls, path)

    def named_params(self) -> dict[str, SharedVariable]:
        """Return all parameters, the dAs' visible biases too, by their names in a file."""
        layers = {
            f"layer_{i}_{name}": param
            for i, layer in enumerate(self.dA_layers)
            for name, param in layer.named_params().items()
        }
        return layers | {"output_W": self.logLayer.W, "output_b": self.logLayer.b}

    @staticmethod
    def param_shapes(
        n_ins: int, hidden_layers_sizes: Sequence[int], n_outs: int, **_
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters of an SdA with these hyperparameters."""
        shapes: dict[str, tuple[int, ...]] = {}
        n_in = checked_size("n_ins", n_ins)
        for i, n_out in enumerate(_checked_sizes("hidden_layers_sizes", hidden_layers_sizes)):
            layer = dA.param_shapes(n_visible=n_in, n_hidden=n_out)
            shapes |= {f"layer_{i}_{name}": shape for name, shape in layer.items()}
            n_in = n_out
        n_outs = checked_size("n_outs", n_outs)
        return shapes | {"output_W": (n_in, n_outs), "output_b": (n_outs,)}

    def layer_inputs(self, train_set_x: SharedVariable) -> list[SharedVariable]:
        """Make room for what each layer's dA learns from, when codes are worked out once.

        A dA above the first learns from the codes that the layers below make of the images. They
        do not change any more once those layers are trained, so it saves time to work them out
        once, with `encode`, and not at each step::

            layer_inputs = sda.layer_inputs(train_set_x)
            pretraining_fns = sda.pretraining_functions(layer_inputs, batch_size)
            ...  # train layer 0
            layer_inputs[1].set_value(sda.encode(0, layer_inputs[0].get_value()))
            ...  # train layer 1

        Returns
        -------
        list of shared matrices
            `train_set_x` itself, and for each further layer a matrix that has no rows yet.
        """
        return [
            train_set_x,
            *(shared_in_floatX(np.zeros((0, layer.n_visible))) for layer in self.dA_layers[1:]),
        ]

    def pretraining_functions(
        self, train_set_x: SharedVariable | Sequence[SharedVariable], batch_size: int
    ) -> list["PretrainingFunction"]:
        """Compile a training step for each layer's dA.

        Parameters
        ----------
        train_set_x : shared matrix, or a sequence of them
            The training set, one example a row: a minibatch goes through the layers below at each
            step. A sequence has one matrix for each layer, what its dA learns from (see
            `layer_inputs`).
        batch_size : int
            Examples in a minibatch.

        Returns
        -------
        list of PretrainingFunction
            One a layer, to be called as ``fn(index=..., corruption=..., lr=...)``: it takes a step
            on the minibatch of that index, and returns its cost.
        """
        batch_size = checked_size("batch_size", batch_size)
        if isinstance(train_set_x, list | tuple):
            if len(train_set_x) != self.n_layers:
                raise ValueError(
                    f"train_set_x must have one matrix for each of the {self.n_layers} layers, "
                    f"got {len(train_set_x)}"
                )
            learned_from = [
                (layer.x, checked_variable(f"train_set_x[{i}]", rows, (None, layer.n_visible)))
                for i, (layer, rows) in enumerate(zip(self.dA_layers, train_set_x, strict=True))
            ]
        else:
            checked_variable("train_set_x", train_set_x, (None, self.n_ins))
            learned_from = [(self.x, train_set_x)] * self.n_layers
        _count_minibatches("training", learned_from[0][1], batch_size)

        index = pt.lscalar("index")
        corruption_level = pt.scalar("corruption")
        learning_rate = pt.scalar("lr")
        batch = slice(index * batch_size, (index + 1) * batch_size)

        pretrain_fns = []
        for i, (layer, (x, rows)) in enumerate(zip(self.dA_layers, learned_from, strict=True)):
            cost, updates = layer.get_cost_updates(corruption_level, learning_rate)
            step = pytensor.function(
                [index, corruption_level, learning_rate],
                cost,
                updates=updates,
                givens={x: rows[batch]},
                mode=own_products_mode(),
                name=f"pretrain_layer_{i}",
            )
            pretrain_fns.append(PretrainingFunction(step))
        return pretrain_fns

    def build_finetune_functions(
        self,
        datasets: Sequence[tuple[SharedVariable, TensorVariable]],
        batch_size: int,
        learning_rate: float | TensorVariable,
        corruption_level: float = 0.0,
        dropout: float = 0.0,
    ) -> tuple[Function, Callable[[], list[float]], Callable[[], list[float]]]:
        """Compile a step of fine-tuning, and the errors on the two other sets.

        Parameters
        ----------
        datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
            As `load_data` returns them.
        batch_size : int
            Examples in a minibatch.
        learning_rate : float or symbolic scalar, not negative
            A shared variable lets the rate be changed between the steps.
        corruption_level : float, in [0, 1]
            Part of the pixels that are set to zero in fine-tuning too, afresh at each step; the
            scores are those of clean images. The tutorial has none.
        dropout : float, in [0, 1)
            Part of each layer's code that is set to zero, likewise; what is left is divided by
            ``1 - dropout``, so that the layer above gets as much as without [1]_. The tutorial has
            none.

        Returns
        -------
        train_fn : callable
            ``train_fn(index)`` takes a step on a minibatch of the training set and returns its
            cost.
        valid_score, test_score : callable
            Without arguments; the part that is classified wrongly of each minibatch of the
            validation and of the test set. Examples beyond the last whole minibatch are left out.

        References
        ----------
        .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout: a
           simple way to prevent neural networks from overfitting. JMLR 15, 2014, section 10.
        """  # noqa: E501
        batch_size = checked_size("batch_size", batch_size)
        learning_rate = checked_number("learning_rate", learning_rate, 0, math.inf)
        cost = self._noisy_cost(corruption_level, dropout)
        if len(datasets) != 3:
            raise ValueError(f"datasets must be training, validation and test, got {len(datasets)}")
        names = ("training", "validation", "test")
        n_batches = [
            self._checked_part(name, *part, batch_size)
            for name, part in zip(names, datasets, strict=True)
        ]

        index = pt.lscalar("index")
        batch = slice(index * batch_size, (index + 1) * batch_size)

        def on_minibatches_of(part: tuple) -> dict:
            set_x, set_y = part
            return {self.x: set_x[batch], self.y: pt.cast(set_y[batch], self.y.dtype)}

        gparams = pt.grad(cost, self.params)
        train_fn = pytensor.function(
            [index],
            cost,
            updates=[
                (param, param - learning_rate * gparam)
                for param, gparam in zip(self.params, gparams, strict=True)
            ],
            givens=on_minibatches_of(datasets[0]),
            mode=own_products_mode(),
            name="train",
        )
        valid_score_i, test_score_i = (
            pytensor.function(
                [index],
                self.errors,
                givens=on_minibatches_of(part),
                name=name,
            )
            for name, part in zip(("valid", "test"), datasets[1:], strict=True)
        )

        def valid_score() -> list[float]:
            errors = [valid_score_i(i) for i in range(n_batches[1])]  # asked for all at once
            return [float(error) for error in errors]

        def test_score() -> list[float]:
            errors = [test_score_i(i) for i in range(n_batches[2])]  # asked for all at once
            return [float(error) for error in errors]

        return train_fn, valid_score, test_score

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classify examples.

        Parameters
        ----------
        X : ndarray of shape (n, n_ins)
            In [0, 1], as the network was trained on.

        Returns
        -------
        ndarray of int, shape (n,)
        """
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class, shape (n, n_outs) for `X` of shape (n, n_ins)."""
        X = _checked_rows("X", X, self.n_ins)
        return self._by_minibatch("proba", self.x, self.logLayer.p_y_given_x, X, self.n_outs)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the code of the uppermost hidden layer for `X` of shape (n, n_ins)."""
        for i in range(self.n_layers):
            X = self.encode(i, X)
        return X

    def encode(self, layer: int, X: np.ndarray) -> np.ndarray:
        """Return the code that one layer makes of what comes in from below it.

        Parameters
        ----------
        layer : int
            Which hidden layer, 0 for the lowest.
        X : ndarray of shape (n, units below the layer)
            Images for layer 0, codes of the layer below for the others.

        Returns
        -------
        ndarray of shape (n, units of the layer)
        """
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer):
            raise TypeError(f"layer must be an integer, got {layer!r}")
        if not 0 <= layer < self.n_layers:
            raise ValueError(f"layer must be in [0, {self.n_layers - 1}], got {layer}")
        n_in, n_out = self.dA_layers[layer].n_visible, self.dA_layers[layer].n_hidden
        X = _checked_rows("X", X, n_in)
        face = self.sigmoid_layers[layer]
        return self._by_minibatch(int(layer), face.input, face.output, X, n_out)

    def _noisy_cost(self, corruption_level: float, dropout: float) -> TensorVariable:
        """Build `finetune_cost`, of images and codes that lose a part of their entries."""
        dropout = checked_number("dropout", dropout, 0, 1)
        if isinstance(dropout, float) and dropout == 1:
            raise ValueError("dropout must be less than 1, or nothing is left to classify")
        input = self.dA_layers[0].get_corrupted_input(self.x, corruption_level)
        for layer in self.dA_layers:
            code = layer.get_hidden_values(input)
            input = layer.get_corrupted_input(code, dropout) / (1 - dropout)
        top = LogisticRegression(
            input, layer.n_hidden, self.n_outs, W=self.logLayer.W, b=self.logLayer.b
        )
        return top.negative_log_likelihood(self.y)

    def _by_minibatch(
        self, key: str | int, input: Variable, output: Variable, X: np.ndarray, n_columns: int
    ) -> np.ndarray:
        """Calculate `output` for the rows of `X`, with a function that is compiled only once."""
        if key not in self._compiled:
            rows = pt.matrix("rows")
            self._compiled[key] = pytensor.function(
                [rows], output, givens={input: rows}, mode=own_products_mode()
            )
        function = self._compiled[key]
        result = np.empty((len(X), n_columns), dtype=output.dtype)
        for start in range(0, len(X), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            result[rows] = function(np.asarray(X[rows], dtype=input.dtype))
        return result

    def _checked_part(self, name: str, set_x, set_y, batch_size: int) -> int:
        """Return how many minibatches a part of a data set has, if it suits this network."""
        checked_variable(f"the {name} set's images", set_x, (None, self.n_ins))
        checked_variable(f"the {name} set's labels", set_y, (None,))
        if not set_y.dtype.startswith(("int", "uint")):
            raise TypeError(f"the {name} set's labels must be integers, got {set_y.type}")
        labels = label_values(set_y)
        n_examples = set_x.get_value(borrow=True).shape[0]
        if len(labels) != n_examples:
            raise ValueError(f"the {name} set has {n_examples} examples but {len(labels)} labels")
        n_batches = _count_minibatches(name, set_x, batch_size)
        if labels.min() < 0 or labels.max() >= self.n_outs:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise ValueError(
                f"the {name} set's labels must be in [0, {self.n_outs - 1}] (n_outs={self.n_outs}),"
                f" got {wrong}"
            )
        return n_batches


class PretrainingFunction:
    """A compiled training step of one layer's dA.

    Parameters
    ----------
    function : compiled function of (index, corruption, lr)

    Attributes
    ----------
    function : the compiled function itself
    """

    def __init__(self, function: Function):
        self.function = function

    def __call__(self, index: int, corruption: float = 0.2, lr: float = 0.1) -> np.ndarray:
        """Take a step of gradient descent.

        Parameters
        ----------
        index : int
            Which minibatch.
        corruption : float, in [0, 1]
            Part of the layer's input that is set to zero.
        lr : float
            Step size.

        Returns
        -------
        ndarray of no dimensions
            The cost, the mean over the minibatch.
        """
        corruption = checked_number("corruption", corruption, 0, 1)
        return self.function(index, corruption, checked_number("lr", lr, 0, math.inf))


def _count_minibatches(name: str, set_x: TensorVariable, batch_size: int) -> int:
    if not isinstance(set_x, SharedVariable):
        raise TypeError(f"the {name} set's images must be a shared variable, got {set_x.type}")
    n_examples = set_x.get_value(borrow=True).shape[0]
    if n_examples < batch_size:
        raise ValueError(
            f"the {name} set has {n_examples} example(s), fewer than one minibatch of {batch_size}"
        )
    return n_examples // batch_size


def _checked_sizes(name: str, sizes: Sequence[int]) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray):
        raise TypeError(f"{name} must be a sequence of integers, got {sizes!r}")
    if len(sizes) == 0:
        raise ValueError(f"{name} is empty, and there must be at least one hidden layer")
    return [checked_size(f"{name}[{i}]", size) for i, size in enumerate(sizes)]


def _checked_levels(levels: Sequence[float] | None, n_layers: int) -> list[float]:
    if levels is None:
        return [0.1] * n_layers
    if isinstance(levels, str) or not isinstance(levels, Sequence | np.ndarray):
        raise TypeError(f"corruption_levels must be a sequence of numbers, got {levels!r}")
    if len(levels) != n_layers:
        raise ValueError(
            f"corruption_levels must have one level for each of the {n_layers} hidden layers, "
            f"got {len(levels)}"
        )
    return [
        checked_number(f"corruption_levels[{i}]", level, 0, 1) for i, level in enumerate(levels)
    ]


def _checked_rows(name: str, X: np.ndarray, n_columns: int) -> np.ndarray:
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, got {X.dtype}")
    if X.ndim != 2 or X.shape[1] != n_columns:
        raise ValueError(f"{name} must have shape (any, {n_columns}), got {X.shape}")
    return X
