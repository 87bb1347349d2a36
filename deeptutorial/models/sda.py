"""The stacked denoising autoencoder of Vincent et al. (2010) as a symbolic graph."""

import os
from collections.abc import Sequence
from typing import Self

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.datasets.description import Description
from deeptutorial.models.checks import (
    checked_datasets,
    checked_levels,
    checked_number,
    checked_rng,
    checked_size,
    checked_sizes,
    checked_streams,
)
from deeptutorial.models.corruption import (
    Corruption,
    Level,
    as_noise,
    checked_corruption,
    checked_level,
    masking,
)
from deeptutorial.models.da import dA
from deeptutorial.models.finetuning import Score, finetune_functions
from deeptutorial.models.hidden_layer import HiddenLayer
from deeptutorial.models.inference import RowFunction
from deeptutorial.models.logistic_regression import LogisticRegression
from deeptutorial.models.model_files import build_model, write_model
from deeptutorial.models.parameters import draw_seed
from deeptutorial.models.pretraining import PretrainingFunction, pretraining_functions
from deeptutorial.random import RandomStreams

__all__ = ["SdA"]


class SdA:
    r"""Stacked denoising autoencoder: a classifier whose layers are pre-trained as dAs.

    The network has two faces over one set of parameters. It is a multilayer perceptron, sigmoid
    layers with a logistic regression on top; and each sigmoid layer shares its weights and biases
    with a `dA` that has the same input. The dAs are trained first, one after the other, each on
    what the layers below make of the images; then gradient descent fine-tunes the whole perceptron
    on the labels [1]_ [2]_.

    Data that are not in [0, 1] are for ``reconstruction_cost="squared-error"``. It concerns the
    lowest dA, which alone reconstructs the data: those above reconstruct codes, which sigmoid units
    keep in [0, 1], and have the cross-entropy in any case.

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
        each layer. For Gaussian noise they are standard deviations.
    corruption : {"masking", "salt-and-pepper", "gaussian"} or callable
        The kind of noise in all dAs, as `dA` takes it.
    reconstruction_cost : {"cross-entropy", "squared-error"}
        Of the lowest dA, as `dA` takes it.

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
    corruption, reconstruction_cost : as given
    image_shape : (height, width) or (height, width, 3), or None where it is not known
        Shape of an example, for pictures of it; kept in a file too.
    data : Description
        What the values of an example and the classes are; kept in a file too.
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

    hyperparameters = (
        "n_ins",
        "hidden_layers_sizes",
        "n_outs",
        "corruption_levels",
        "corruption",
        "reconstruction_cost",
    )

    def __init__(
        self,
        numpy_rng: np.random.RandomState | np.random.Generator,
        theano_rng: RandomStreams | None = None,
        n_ins: int = 784,
        hidden_layers_sizes: Sequence[int] = (500, 500),
        n_outs: int = 10,
        corruption_levels: Sequence[float] | None = None,
        corruption: Corruption = "masking",
        reconstruction_cost: str = "cross-entropy",
    ):
        checked_rng("numpy_rng", numpy_rng)
        self.n_ins = checked_size("n_ins", n_ins)
        self.n_outs = checked_size("n_outs", n_outs)
        self.hidden_layers_sizes = checked_sizes("hidden_layers_sizes", hidden_layers_sizes)
        self.n_layers = len(self.hidden_layers_sizes)
        self.corruption = checked_corruption(corruption)
        highest = as_noise(self.corruption).highest
        self.corruption_levels = checked_levels(corruption_levels, self.n_layers, highest)
        self.reconstruction_cost = reconstruction_cost

        # The order of the draws is the tutorial's: first the seed, then the weights from below.
        if theano_rng is None:
            theano_rng = RandomStreams(draw_seed(numpy_rng))
        self.theano_rng = checked_streams(theano_rng)

        self.x = pt.matrix("x")
        self.y = pt.ivector("y")

        self.sigmoid_layers: list[HiddenLayer] = []
        self.dA_layers: list[dA] = []
        self.params: list[SharedVariable] = []
        layer_input, n_in = self.x, self.n_ins
        for n_out in self.hidden_layers_sizes:
            layer_input = self._add_layer(numpy_rng, layer_input, n_in, n_out)
            n_in = n_out

        self.logLayer = LogisticRegression(input=layer_input, n_in=n_in, n_out=self.n_outs)
        self.params.extend(self.logLayer.params)
        self.finetune_cost = self.logLayer.negative_log_likelihood(self.y)
        self.errors = self.logLayer.errors(self.y)

        self.image_shape: tuple[int, ...] | None = None
        self.data = Description()
        self._codes = [
            RowFunction(
                *(layer.input, layer.output, dA_layer.n_visible, dA_layer.n_hidden),
                any_range=dA_layer.reconstruction_cost == "squared-error",
            )
            for layer, dA_layer in zip(self.sigmoid_layers, self.dA_layers, strict=True)
        ]
        self._probabilities = RowFunction(
            *(self.x, self.logLayer.p_y_given_x, self.n_ins, self.n_outs),
            any_range=self.reconstruction_cost == "squared-error",
        )

    def _add_layer(
        self,
        numpy_rng: np.random.RandomState | np.random.Generator,
        input: TensorVariable,
        n_in: int,
        n_out: int,
    ) -> TensorVariable:
        """Put a sigmoid layer, and the dA that it shares its weights with, on what is there."""
        sigmoid_layer = HiddenLayer(
            rng=numpy_rng, input=input, n_in=n_in, n_out=n_out, activation=pt.sigmoid
        )
        dA_layer = dA(
            numpy_rng=numpy_rng,
            theano_rng=self.theano_rng,
            input=input,
            n_visible=n_in,
            n_hidden=n_out,
            W=sigmoid_layer.W,
            bhid=sigmoid_layer.b,
            corruption=self.corruption,
            # What the layers above the first reconstruct are codes, in [0, 1].
            reconstruction_cost="cross-entropy" if self.dA_layers else self.reconstruction_cost,
        )
        self.sigmoid_layers.append(sigmoid_layer)
        self.dA_layers.append(dA_layer)
        # The visible biases of a dA are no part of the perceptron.
        self.params.extend(sigmoid_layer.params)
        return sigmoid_layer.output

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
        for i, n_out in enumerate(checked_sizes("hidden_layers_sizes", hidden_layers_sizes)):
            layer = dA.param_shapes(n_visible=n_in, n_hidden=n_out)
            shapes |= {f"layer_{i}_{name}": shape for name, shape in layer.items()}
            n_in = n_out
        n_outs = checked_size("n_outs", n_outs)
        return shapes | {"output_W": (n_in, n_outs), "output_b": (n_outs,)}

    def pretraining_functions(
        self, train_set_x: SharedVariable, batch_size: int, encode_once: bool = False
    ) -> list[PretrainingFunction]:
        """Compile a training step for each layer's dA.

        Parameters
        ----------
        train_set_x : shared matrix
            The training set, one example a row.
        batch_size : int
            Examples in a minibatch.
        encode_once : bool
            A dA above the first learns from what the layers below make of the images. Those are
            not trained any more by then. So instead of sending each minibatch through them at each
            step, send the training set through them at a layer's first step, and keep the codes.
            They are worked out anew if a function of a lower layer was called in between; other
            changes of the parameters are not noticed. Codes of rows that are mapped from a file
            are kept in a temporary file as well.

        Returns
        -------
        list of PretrainingFunction
            One a layer, to be called as ``fn(index=..., corruption=..., lr=...)``: it takes a step
            on the minibatch of that index, and returns its cost.
        """
        encode = self.encode if encode_once else None
        return pretraining_functions(self.dA_layers, train_set_x, batch_size, encode)

    def build_finetune_functions(
        self,
        datasets: Sequence[tuple[SharedVariable, TensorVariable]],
        batch_size: int,
        learning_rate: float | TensorVariable,
        corruption_level: float = 0.0,
        dropout: float = 0.0,
    ) -> tuple[Function, Score, Score]:
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
        datasets = checked_datasets(datasets, self.n_ins, self.n_outs)
        cost = self._noisy_cost(corruption_level, dropout)
        return finetune_functions(
            self.x, self.y, cost, self.errors, self.params, datasets, batch_size, learning_rate
        )

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classify examples.

        Parameters
        ----------
        X : ndarray of shape (n, n_ins)
            As the network was trained on, in [0, 1] unless `reconstruction_cost` is the squared
            error (a warning tells if it is not). Bytes are divided by 256, and 16-bit values by
            65536, as `load_data` does it. Rows in the units of a data set that was scaled are
            brought there by ``data.scaling.apply(X)``.

        Returns
        -------
        ndarray of int, shape (n,)

        Raises
        ------
        TypeError, ValueError
            If `X` is no such array, or holds NaN or infinity.
        """
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class, (n, n_outs), for `X` as `predict` takes it."""
        return self._probabilities(X)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the code of the uppermost hidden layer for `X` as `predict` takes it."""
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
        return self._codes[layer](X)

    def _noisy_cost(self, corruption_level: float, dropout: float) -> TensorVariable:
        """Build `finetune_cost`, of images and codes that lose a part of their entries."""
        dropout = checked_number("dropout", dropout, 0, 1)
        if isinstance(dropout, float) and dropout == 1:
            raise ValueError("dropout must be less than 1, or nothing is left to classify")
        input = self._partly_zero(self.x, checked_level(corruption_level, "masking"))
        for layer in self.dA_layers:
            code = layer.get_hidden_values(input)
            input = self._partly_zero(code, dropout) / (1 - dropout)
        top = LogisticRegression(
            input, layer.n_hidden, self.n_outs, W=self.logLayer.W, b=self.logLayer.b
        )
        return top.negative_log_likelihood(self.y)

    def _partly_zero(self, values: TensorVariable, level: Level) -> TensorVariable:
        """Set a part of the values to zero, whatever the noise of pre-training is."""
        is_none = isinstance(level, float) and level == 0
        return values if is_none else masking(values, self.theano_rng, level)
