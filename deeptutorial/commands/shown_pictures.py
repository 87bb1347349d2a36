"""Files of pictures that a model is shown: which they are, and their pixels when asked for."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from deeptutorial.commands.shown import Shown
from deeptutorial.datasets import PART_NAMES, DatasetError
from deeptutorial.datasets.arrays import (
    ROUNDING,
    doubt_about_16_bits,
    from_unit_interval,
    square_shape,
)
from deeptutorial.datasets.cifar import is_cifar_folder
from deeptutorial.datasets.idx import find_idx_sets
from deeptutorial.datasets.picture_folders import parts_and_classes
from deeptutorial.datasets.pictures import (
    LUMINANCE,
    DamagedPictureError,
    decoded,
    find_pictures,
    has_16_bits,
    is_picture,
    opened_picture,
    page_numbers,
)
from deeptutorial.models import SdA, dA

__all__ = [
    "OPTIONS",
    "Page",
    "Pictures",
    "find_shown_pictures",
    "show_one_picture",
    "show_part",
    "show_pictures",
]

OPTIONS = frozenset(("resize", "grey", "skip_damaged"))
"""What `load_data` takes about pictures, and is taken here too."""


class Page(NamedTuple):
    """A picture on the disk: a file, and which of those in it, 0 but for a TIFF's further pages."""

    path: Path
    number: int


def find_shown_pictures(path: str, skip_damaged: bool = False) -> dict[str, Page]:
    """Return the pictures that a path leads to, by what they are called; none if it is other data.

    They are called as they are from the folder on, a single one by its name, and each page of a
    TIFF that has several by the name with a number.

    Parameters
    ----------
    path : str
    skip_damaged : bool
        Leave out what cannot be read, and list it on standard error.

    Raises
    ------
    DatasetError
    """
    path = os.path.expanduser(path)
    files = {}
    if os.path.isfile(path) and is_picture(Path(path)):
        files = {Path(path).name: Path(path)}
    elif os.path.isdir(path) and not find_idx_sets(Path(path)) and not is_cifar_folder(Path(path)):
        files = {str(at.relative_to(path)): at for at in find_pictures(Path(path))}
    found, damage = {}, []
    for name, file in files.items():
        try:
            for called, page in _pages(name, file):
                if skip_damaged:
                    _read(page.path, str(page.path), page.number)
                found[called] = page
        except DamagedPictureError as error:
            if not skip_damaged:
                raise _with_a_way_out(error) from error.__cause__
            damage.append(str(error))
    if damage:
        print(f"{len(damage)} picture(s) left out:", *damage, sep="\n  ", file=sys.stderr)
        if not found:
            raise DatasetError(f"{path}: none of its {len(files)} picture(s) can be read")
    return found


def _pages(name: str, path: Path) -> Iterator[tuple[str, Page]]:
    is_tiff = path.suffix.lower() in (".tif", ".tiff")
    numbers = page_numbers(path) if is_tiff else [0]
    if len(numbers) == 1:
        yield name, Page(path, numbers[0])
        return
    for number in numbers:
        of_page = Path(name)
        yield str(of_page.with_stem(f"{of_page.stem}_{number:04}")), Page(path, number)


def _with_a_way_out(error: DamagedPictureError) -> DatasetError:
    return DatasetError(f"{error}; remove it, or take --skip-damaged")


def show_part(
    path: str, model: dA | SdA, part: str | None, skip_damaged: bool = False, **of_pixels
) -> Shown | None:
    """Show a model the pictures that a path leads to; of a folder with parts those of one.

    Parameters
    ----------
    path : str
    model : dA or SdA
    part : {"training", "validation", "test"} or None
        None takes the test set, where folders are parts, and else all pictures.
    skip_damaged, **of_pixels
        As `find_shown_pictures` and `show_pictures` take them.

    Returns
    -------
    Shown or None
        None if there are no pictures there, or if they have to be divided first: where a part that
        they have not is taken from the training set.

    Raises
    ------
    DatasetError
    """
    pictures = list(find_shown_pictures(path, skip_damaged).items())
    if not pictures:
        return None
    folder = Path(os.path.expanduser(path))
    parts = labels = None
    if folder.is_dir():
        parts, labels = parts_and_classes(folder, [page.path for _, page in pictures])
    if parts is None:
        return show_pictures(pictures, model, path, labels, **of_pixels) if part is None else None
    wanted = part or "test"
    if wanted not in parts or (wanted != "test" and set(parts) != set(PART_NAMES)):
        return None
    chosen = [at for at, part in enumerate(parts) if part == wanted]
    of_chosen = None if labels is None else [labels[at] for at in chosen]
    return show_pictures([pictures[at] for at in chosen], model, path, of_chosen, **of_pixels)


def show_pictures(
    pictures: Sequence[tuple[str, Page]],
    model: dA | SdA,
    source: str,
    labels: list[str] | None = None,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
) -> Shown:
    """Show a model pictures, each with what it is called.

    Colour becomes grey, and grey three equal colours, as the model has it.

    Parameters
    ----------
    pictures : sequence of (str, Page)
    model : dA or SdA
    source : str
        What they are, for messages.
    labels : list of str, optional
        Of each its class, "" where it has none.
    resize : (height, width), optional
        Bring them to this size, whatever their proportions.
    grey : bool
        Take of colours only how bright they are.
    """
    files = [(page.path, str(page.path), page.number) for _, page in pictures]
    names = np.array([name for name, _ in pictures])
    images = Pictures(files, model, resize, grey)
    return Shown(images, model, source, names, labels)


def show_one_picture(file: BinaryIO, model: dA | SdA, source: str, **of_pixels) -> Shown:
    """Show a model the picture that a stream holds; it takes the options of `show_pictures`."""
    return Shown(Pictures([(file, source, 0)], model, **of_pixels), model, source)


class Pictures:
    """The rows of pictures, each with its name for messages, read when they are asked for."""

    dtype = np.dtype("float32")

    def __init__(
        self,
        pictures: Sequence[tuple[Path | BinaryIO, str, int]],
        model: dA | SdA,
        resize: tuple[int, int] | None = None,
        grey: bool = False,
    ):
        self._pictures, self._model, self._resize, self._grey = pictures, model, resize, grey
        self.shape = (len(pictures), _n_values(model))
        self._have_16_bits: set[int] = set()
        self._largest: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, rows: slice) -> np.ndarray:
        found = np.stack([self._row(at) for at in range(*rows.indices(len(self)))])
        if rows.stop == len(self):
            self._tell_doubtful_depth()
        return found

    def _tell_doubtful_depth(self) -> None:
        """Say it if no picture uses its 16 bits: that can be right, of a dark one."""
        largest = max((self._largest[at] for at in self._have_16_bits), default=0)
        doubt = doubt_about_16_bits(int(largest * (1 << 16)))
        if doubt and self._model.data.scaling is None:
            print(f"warning: {doubt}, and the model has learned without a scaling", file=sys.stderr)

    def _row(self, at: int) -> np.ndarray:
        file, name, number = self._pictures[at]
        try:
            pixels, has_16_bits = _read(file, name, number, self._resize, self._grey)
        except DamagedPictureError as error:
            raise _with_a_way_out(error) from error.__cause__
        if has_16_bits:
            self._have_16_bits.add(at)
        self._largest[at] = pixels.max()
        return _as_row(pixels, name, self._model)

    def as_pixels(self, values: np.ndarray, rows: slice) -> list[np.ndarray]:
        """Bring what was made of pictures, rows in their units, to what a PNG holds.

        Parameters
        ----------
        values : ndarray of shape (n, values)
        rows : slice
            Which pictures they were made of, after these have been read.

        Returns
        -------
        list of ndarray of uint8, or of uint16 for grey ones of 16 bits

        Raises
        ------
        DatasetError
            If a picture has numbers that a PNG has not, as TIFFs of floats can have them.
        """
        shape = self._model.image_shape or square_shape(values.shape[1])
        pictures = []
        for at, row in zip(range(*rows.indices(len(self))), values, strict=True):
            if self._largest[at] > 1 + ROUNDING:
                raise DatasetError(
                    f"{self._pictures[at][1]}: its values go up to {self._largest[at]:g}, and have "
                    "no white, so that no PNG holds them; `deeptutorial convert` makes rows of "
                    "pictures, which come out as rows in their units"
                )
            has_16_bits = at in self._have_16_bits and len(shape) == 2
            dtype = np.dtype(np.uint16 if has_16_bits else np.uint8)
            pictures.append(from_unit_interval(row, dtype).reshape(shape))
        return pictures


def _read(
    file: Path | BinaryIO,
    name: str,
    number: int,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
) -> tuple[np.ndarray, bool]:
    """Return the pixels of a picture, and whether it is a grey one of 16 bits."""
    with opened_picture(file, name) as picture:
        picture.seek(number)
        return decoded(picture, name, resize=resize, grey=grey), has_16_bits(picture)


def _n_values(model: dA | SdA) -> int:
    return model.n_visible if isinstance(model, dA) else model.n_ins


def _as_row(picture: np.ndarray, name: str, model: dA | SdA) -> np.ndarray:
    shape, n_values = model.image_shape, _n_values(model)
    if shape is None:
        if picture.size != n_values:
            raise DatasetError(f"{name}: {picture.size} values, but the model takes {n_values}")
        return picture.ravel()
    if len(shape) == 2 and picture.ndim == 3:
        picture = picture @ LUMINANCE
    elif len(shape) == 3 and picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    if picture.shape != shape:
        height, width = picture.shape[:2]
        of_model = f"{shape[1]}x{shape[0]}"
        raise DatasetError(
            f"{name}: {width}x{height} pixels, but the model has learned from {of_model}; take "
            f"--resize {of_model}, or bring it to that size first"
        )
    return picture.ravel()
