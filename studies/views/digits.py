"""The digits that three of the views look at, dAs of them, and how far apart digits are."""

from dataclasses import dataclass

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial import RandomStreams, dA, load_data
from deeptutorial.images import tile_raster_images

BATCH_SIZE, RATE = 20, 0.1
N_VISIBLE = 784
N_QUICK = 2000
"""Digits of each part in a quick run."""


@dataclass(frozen=True)
class Digits:
    """A data set of images of 28 by 28 pixels, an image a row.

    Attributes
    ----------
    set_x : shared variable
        The training set.
    train, valid, test : ndarray
    """

    set_x: SharedVariable
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def read_digits(dataset: str, quick: bool) -> Digits:
    """Read a data set, only the first of each part in a quick run."""
    datasets = load_data(dataset)
    parts = [part[0].get_value(borrow=True)[: N_QUICK if quick else None] for part in datasets]
    if parts[0].shape[1] != N_VISIBLE:
        raise SystemExit(f"{dataset}: its images have {parts[0].shape[1]} values, not {N_VISIBLE}")
    return Digits(pytensor.shared(parts[0], borrow=True), *parts)


def new_dA(n_hidden: int, corruption: str = "masking") -> dA:
    """Return a dA that is not trained."""
    rng = np.random.RandomState(123)
    return dA(rng, RandomStreams(5), n_visible=N_VISIBLE, n_hidden=n_hidden, corruption=corruption)


def trainer(da: dA, cost, updates, set_x, batch_size: int = BATCH_SIZE):
    """Compile a function that takes a step on a minibatch, and returns its cost."""
    index = pt.lscalar()
    batch = set_x[index * batch_size : (index + 1) * batch_size]
    return pytensor.function([index], cost, updates=updates, givens={da.x: batch})


def train_epoch(train, set_x, batch_size: int = BATCH_SIZE) -> float:
    """Go through a set once; return the mean cost."""
    n_batches = set_x.get_value(borrow=True).shape[0] // batch_size
    return float(np.mean([train(i) for i in range(n_batches)], dtype="float64"))


def nearest(rows: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Euclidean distance of each row to the nearest example, and which that is."""
    of_data = (data**2).sum(axis=1)
    distances, which = [], []
    for part in np.array_split(rows, -(-len(rows) // 200)):
        square = of_data - 2 * part @ data.T
        which.append(square.argmin(axis=1))
        distances.append(square.min(axis=1) + (part**2).sum(axis=1))
    return np.sqrt(np.maximum(np.concatenate(distances), 0)), np.concatenate(which)


def spread(rows: np.ndarray) -> float:
    """Return the root of the mean squared distance of two of the rows: 0 if all are the same."""
    return float(np.sqrt(2 * rows.var(axis=0, dtype="float64").sum()))


def tiles(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay out images, whose pixels are in [0, 1], as a picture of bytes."""
    return tile_raster_images(
        np.clip(images, 0, 1),
        (28, 28),
        (-(-len(images) // columns), columns),
        (1, 1),
        scale_rows_to_unit_interval=False,
    )
