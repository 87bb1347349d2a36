"""Pictures of a model's filters from time to time, for a film of how they came about."""

import itertools
from dataclasses import dataclass

import numpy as np

from deeptutorial.images import is_image, split_channels, tile_raster_images
from deeptutorial.training.headers import HIGHEST, MOST

__all__ = ["MOST_FRAMES", "Film", "Moment", "filters_picture", "is_filmed", "palette"]

MOST_FRAMES = 100

COLUMNS = 7
N_FILTERS = COLUMNS**2
LARGEST_SIDE = 32
"""Of a filter, in pixels; larger ones are shown smaller."""

N_GREYS, N_STEPS = 16, 6
"""Of grey filters there are so many greys, of coloured ones so many steps from black to each
colour: half a byte a pixel, and a byte."""


@dataclass(frozen=True)
class Moment:
    """What a frame of a film shows.

    Attributes
    ----------
    minibatch : int
        How many were over.
    cost : float or None
        The mean of those since the moment before; None where there was none before.
    picture : ndarray of uint8
        As `filters_picture` makes it.
    """

    minibatch: int
    cost: float | None
    picture: np.ndarray


class Film:
    """Keeps pictures of the filters of a model that is trained, and the costs between them.

    A film does not know how long the training will be. It keeps a picture every so many
    minibatches, and half as often from then on when there are more than twice as many as were asked
    for. What it has depends on the minibatches alone: a run that is resumed, with more epochs
    than it was to have too, has the film of one that nothing happened to.

    Parameters
    ----------
    n_frames : int
        Frames of the film, at least one; fewer if there are not as many minibatches.
    model : dA
        With the parameters that it begins with; its `image_shape` is that of a picture.

    Attributes
    ----------
    n_frames : int
    spacing : int
        Minibatches from one picture to the next.
    minibatch : int
        How many are over.
    cost : float
        The sum of those since the last picture.
    costs : list of float
        Mean cost of the minibatches before each picture but the first.
    pictures : list of ndarray
    last : ndarray
        At the end of the last epoch.
    """

    def __init__(self, n_frames: int, model):
        self.n_frames = n_frames
        self.spacing = 1
        self.minibatch = 0
        self.cost = 0.0
        self.costs: list[float] = []
        self.last = _of(model)
        self.pictures = [self.last]

    def see(self, cost: float, model) -> None:
        """Take note of a minibatch that is over, and of the filters where a picture is due.

        Parameters
        ----------
        cost : float
        model : dA
        """
        self.minibatch += 1
        self.cost += float(cost)
        if self.minibatch % self.spacing:
            return
        self.pictures.append(_of(model))
        self.costs.append(self.cost / self.spacing)
        self.cost = 0.0
        if len(self.pictures) > 2 * self.n_frames:
            self.pictures = self.pictures[::2]
            pairs = zip(self.costs[::2], self.costs[1::2], strict=True)
            self.costs = [(first + second) / 2 for first, second in pairs]
            self.spacing *= 2

    def end_epoch(self, model) -> None:
        """Take note of the filters as they are when an epoch is over."""
        self.last = _of(model)

    def moments(self) -> list[Moment]:
        """Return what the film shows, up to the end of the last epoch, evenly if there are many."""
        at = [k * self.spacing for k in range(len(self.pictures))]
        pictures, totals = list(self.pictures), [0.0]
        for cost in self.costs:
            totals.append(totals[-1] + cost * self.spacing)
        if at[-1] < self.minibatch:
            at.append(self.minibatch)
            pictures.append(self.last)
            totals.append(totals[-1] + self.cost)
        chosen = self._chosen(len(at))
        moments = [Moment(at[chosen[0]], None, pictures[chosen[0]])]
        for before, k in itertools.pairwise(chosen):
            cost = (totals[k] - totals[before]) / (at[k] - at[before])
            moments.append(Moment(at[k], cost, pictures[k]))
        return moments

    def _chosen(self, count: int) -> list[int]:
        """Choose from so many pictures the last, and those next to where even ones would be."""
        if count <= self.n_frames:
            return list(range(count))
        steps = self.n_frames - 1
        nearest = (
            (2 * self.minibatch * k + self.spacing * steps) // (2 * self.spacing * steps)
            for k in range(steps)
        )
        return [*nearest, count - 1]

    def check(self, n_frames: int, shape: tuple[int, ...]) -> None:
        """Refuse what no film of a run has, after it was read from a file.

        Parameters
        ----------
        n_frames : int
            As many as were asked for.
        shape : tuple of int
            Of a picture.

        Raises
        ------
        ValueError
            The message tells what is wrong.
        """
        if self.n_frames != n_frames:
            raise ValueError(f"its film has {self.n_frames!r:.20} frames, not {n_frames}")
        spacing, minibatch = self.spacing, self.minibatch
        for count in (spacing, minibatch):
            if type(count) is not int or not 0 <= count < MOST:
                raise ValueError(f"its film counts {count!r:.20} minibatches")
        is_spacing = spacing > 0 and spacing & (spacing - 1) == 0
        if not is_spacing or not len(self.pictures) == minibatch // spacing + 1 <= 2 * n_frames:
            raise ValueError(f"its film has {len(self.pictures)} pictures, which do not fit")
        if len(self.costs) != len(self.pictures) - 1:
            raise ValueError(f"its film has {len(self.costs)} costs, which do not fit")
        for cost in (self.cost, *self.costs):
            if type(cost) is not float or not abs(cost) < HIGHEST:
                raise ValueError("its film tells of a cost that is none")
        for picture in (self.last, *self.pictures):
            is_array = isinstance(picture, np.ndarray) and picture.dtype == np.uint8
            if not is_array or picture.shape != shape or picture.max() >= N_STEPS**3:
                raise ValueError("its film has a picture that is none of its filters")


def is_filmed(model) -> bool:
    """Tell whether a model has filters that are pictures."""
    return hasattr(model, "W") and is_image(getattr(model, "image_shape", None))


def filters_picture(W: np.ndarray, image_shape: tuple[int, ...]) -> np.ndarray:
    """Lay out the first filters as tiles, each stretched by itself, in few colours.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    image_shape : (height, width) or (height, width, 3)

    Returns
    -------
    ndarray of uint8, of shape (total height, total width)
        Places in the colours of `palette`.
    """
    shown = np.asarray(W[:, :N_FILTERS].T, dtype="float64")
    n, (height, width) = len(shown), image_shape[:2]
    pixels = shown.reshape(n, height, width, -1)
    factor = -(-max(height, width) // LARGEST_SIDE)
    down, across = min(factor, height), min(factor, width)
    height, width = height // down, width // across
    blocks = pixels[:, : height * down, : width * across]
    blocks = blocks.reshape(n, height, down, width, across, -1).mean(axis=(2, 4))
    tiles = tile_raster_images(
        split_channels(blocks.reshape(n, -1), (height, width, *image_shape[2:])),
        (height, width),
        (-(-n // COLUMNS), min(n, COLUMNS)),
        (1, 1),
    )
    if tiles.ndim == 2:
        return np.rint(tiles / 255 * (N_GREYS - 1)).astype("uint8")
    red, green, blue = np.rint(tiles[..., :3] / 255 * (N_STEPS - 1)).astype("uint8").T
    return (red * N_STEPS**2 + green * N_STEPS + blue).T


def palette(image_shape: tuple[int, ...]) -> np.ndarray:
    """Return the colours of `filters_picture`: red, green and blue of each, as bytes."""
    if len(image_shape) == 2:
        return np.repeat(np.linspace(0, 255, N_GREYS), 3).reshape(-1, 3).astype("uint8")
    steps = np.linspace(0, 255, N_STEPS)
    return (
        np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3).astype("uint8")
    )


def _of(model) -> np.ndarray:
    return filters_picture(model.W.get_value(borrow=True), model.image_shape)
