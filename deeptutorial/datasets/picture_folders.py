"""Many pictures as one data set: folders, with what their names say of classes and parts."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
from PIL import Image

from deeptutorial.datasets.arrays import (
    NO_LABEL,
    Dataset,
    Examples,
    Part,
    checked_part,
    doubt_about_16_bits,
    without_last_sixth,
)
from deeptutorial.datasets.dead_ends import what_would_do
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.pictures import (
    DamagedPictureError,
    decoded,
    find_pictures,
    has_16_bits,
    may_have_colours,
    opened_picture,
    pages,
)
from deeptutorial.datasets.unpacking import check_unpacked_size

__all__ = ["parts_and_classes", "read_picture_file", "read_picture_folder"]

PART_FOLDERS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Which part the folders of these names are, in whatever case."""


def read_picture_folder(
    folder: Path,
    *,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    skip_damaged: bool = False,
) -> Dataset | Examples:
    """Read a folder of pictures, all of one size, grey or colour.

    Where the pictures lie in sub-folders, each of these is a class, with its name, numbered in
    natural order (1, 2, 10). Folders that all pictures lie in tell nothing. Where the sub-folders
    are called train, val (valid, validation) and test (or training, testing, in any case), they are
    the parts of the data set, and the folders within them the classes; a part that is missing is a
    sixth of the training set, which is shuffled first, always in the same way.

    If all pictures are grey, an example has a value a pixel, otherwise three. Each page of a TIFF
    is a picture.

    Values are as `read_picture` has them. Grey files of 16 bits can hold those of a camera of 12 or
    14, whose white is far from theirs: where not one value of the whole folder reaches a quarter of
    white, the data set is taken only with a scaling, which a model keeps.

    Parameters
    ----------
    folder : Path
    resize : (height, width), optional
        Bring all pictures to this size, whatever their proportions.
    grey : bool
        Take of colours only how bright they are.
    skip_damaged : bool
        Leave out what cannot be read as a picture, and list it on standard error.

    Raises
    ------
    DatasetError
        If there are none, one cannot be read, or they differ in size; if a sub-folder cannot be
        read; if they would take far more memory than their files are large.
    """
    paths = find_pictures(folder)
    if not paths:
        raise DatasetError(
            f"{folder}: neither the four MNIST files nor any picture that Pillow can read"
            f"{what_would_do(folder)}"
        )
    read = _read(folder, paths, resize, grey, skip_damaged)
    parts, within = _placed(folder, read.paths)
    if parts is not None:
        return _in_parts(folder, read, parts, within)
    labels, class_names = _classes(within)
    identifiers = np.array([os.path.relpath(name, folder) for name in read.names], dtype=object)
    return Examples(
        read.images,
        labels,
        read.images.shape[1:],
        class_names,
        identifiers=identifiers,
        source=str(folder),
        doubt=read.doubt,
    )


def read_picture_file(
    path: Path,
    *,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    skip_damaged: bool = False,
) -> Examples:
    """Read the pages of one file; the arguments are those of `read_picture_folder`.

    Raises
    ------
    DatasetError
        If it has but one, or as `read_picture_folder` does.
    """
    read = _read(path, [path], resize, grey, skip_damaged)
    if len(read.names) == 1:
        raise DatasetError(
            f"{path}: a single picture, and a data set needs at least three; name a folder of "
            "pictures, or a TIFF of several pages"
        )
    identifiers = np.array([name[len(str(path)) + 2 :] for name in read.names], dtype=object)
    return Examples(
        read.images,
        None,
        read.images.shape[1:],
        identifiers=identifiers,
        source=str(path),
        doubt=read.doubt,
    )


@dataclass(frozen=True)
class _Read:
    """Pictures in one array: of each the file, and the name that it has in a message."""

    images: np.ndarray
    paths: list[Path]
    names: list[str]
    doubt: str


def _read(
    source: Path,
    paths: Sequence[Path],
    resize: tuple[int, int] | None,
    grey: bool,
    skip_damaged: bool,
) -> _Read:
    if resize is not None and not (
        len(resize) == 2 and all(isinstance(side, int) and side > 0 for side in resize)
    ):
        raise ValueError(f"resize must be (height, width), whole numbers from 1 on, got {resize}")
    damage: list[str] = []

    def on_damage(error: DamagedPictureError) -> None:
        if not skip_damaged:
            raise DatasetError(
                f"{error}; remove it, or take --skip-damaged (skip_damaged=True in Python)"
            ) from error.__cause__
        damage.append(str(error))

    found = _counted(source, paths, resize, grey, on_damage)
    stack = _Stack(sum(map(len, found.values())))
    for path, numbers in found.items():
        try:
            with opened_picture(path, str(path)) as picture:
                for number in numbers:
                    picture.seek(number)
                    name = str(path) if len(numbers) == 1 else f"{path}, page {number + 1}"
                    pixels = decoded(picture, name, resize=resize, grey=grey)
                    stack.add(pixels, path, name)
                    stack.note_depth(picture)
        except DamagedPictureError as error:
            on_damage(error)
    if damage:
        print(f"{len(damage)} picture(s) left out:", *damage, sep="\n  ", file=sys.stderr)
    if not stack.names:
        raise DatasetError(f"{source}: none of its {len(paths)} picture(s) can be read")
    return _Read(stack.filled(), stack.paths, stack.names, stack.doubt(source))


def _counted(
    source: Path,
    paths: Sequence[Path],
    resize: tuple[int, int] | None,
    grey: bool,
    on_damage: Callable[[DamagedPictureError], None],
) -> dict[Path, list[int]]:
    """Return the pages of each file, after counting by their heads what all will come to."""
    found = {}
    n_pixels, n_colours, packed = 0, 1, 0
    for path in paths:
        try:
            with opened_picture(path, str(path)) as picture:
                packed += path.stat().st_size
                numbers = pages(picture)
                for number in numbers:
                    picture.seek(number)
                    width, height = resize or picture.size
                    n_pixels += width * height
                    if not grey and may_have_colours(picture):
                        n_colours = 3
                found[path] = numbers
        except DamagedPictureError as error:
            on_damage(error)
    check_unpacked_size(source, n_pixels * n_colours, packed)
    return found


class _Stack:
    """Pictures of one size, one after the other in an array that is large enough for all.

    It becomes one of colours with the first picture that has some.
    """

    def __init__(self, capacity: int):
        self.paths: list[Path] = []
        self.names: list[str] = []
        self._capacity = capacity
        self._pixels = np.zeros((0, 0, 0), np.float32)
        self._largest, self._n_of_16_bits = 0, 0

    def add(self, pixels: np.ndarray, path: Path, name: str) -> None:
        """Add a picture, with its file and what it is called in a message."""
        if not self.names:
            self._pixels = np.zeros((self._capacity, *pixels.shape), np.float32)
        size = self._pixels.shape[1:3]
        if pixels.shape[:2] != size:
            raise DatasetError(
                f"{name}: {_described(pixels.shape)}, but {self.paths[0].name} is "
                f"{_described(size)}; take --resize {size[1]}x{size[0]} (resize={size} in Python), "
                "or another size"
            )
        if pixels.ndim > self._pixels.ndim - 1:
            self._pixels = np.repeat(self._pixels[..., None], 3, axis=3)
        has_one = pixels.ndim < self._pixels.ndim - 1
        self._pixels[len(self.names)] = pixels[..., None] if has_one else pixels
        self.paths.append(path)
        self.names.append(name)

    def note_depth(self, picture: Image.Image) -> None:
        """Look how much of 16 bits the last picture uses, if it has so many."""
        if has_16_bits(picture):
            self._largest = max(self._largest, int(np.asarray(picture).max()))
            self._n_of_16_bits += 1

    def filled(self) -> np.ndarray:
        """Return the pictures that were added."""
        return self._pixels[: len(self.names)]

    def doubt(self, source: Path) -> str:
        """Say why values of 16 bits are none, if it looks so."""
        doubt = doubt_about_16_bits(self._largest)
        if doubt and self._n_of_16_bits < len(self.names):
            raise DatasetError(
                f"{source}: has files of 16 bits with values up to {self._largest} of 65535, which "
                "may be black or white, beside others; bring all to 8 bits first"
            )
        return doubt


def _described(shape: Sequence[int]) -> str:
    return f"{shape[1]}x{shape[0]} pixels"


def parts_and_classes(
    folder: Path, paths: Sequence[Path]
) -> tuple[list[str] | None, list[str] | None]:
    """Tell by their folders of which part and of which class pictures are.

    Parameters
    ----------
    folder : Path
        Of the data set.
    paths : sequence of Path
        Of the pictures in it.

    Returns
    -------
    parts, classes : list of str, or None
        One for each picture; None where folders tell nothing of that.

    Raises
    ------
    DatasetError
        If some are parts and others are not.
    """
    parts, within = _placed(folder, paths)
    labels, names = _classes(within)
    if labels is None:
        return parts, None
    return parts, ["" if label == NO_LABEL else names[label] for label in labels]


def _placed(folder: Path, paths: Sequence[Path]) -> tuple[list[str] | None, list[tuple[str, ...]]]:
    """Return of which part each picture is, None where there are none, and the folders in it."""
    within = [path.relative_to(folder).parts[:-1] for path in paths]
    n_shared = len(list(takewhile(lambda names: len(set(names)) == 1, zip(*within, strict=False))))
    within = [folders[n_shared:] for folders in within]
    parts = _parts(folder, within)
    return parts, within if parts is None else [folders[1:] for folders in within]


def _parts(folder: Path, within: Sequence[Sequence[str]]) -> list[str] | None:
    """Return of which part each picture is, by its folders; None where these are no parts."""
    outermost = sorted({folders[0] if folders else "" for folders in within})
    parts = {name: PART_FOLDERS.get(name.lower()) for name in outermost}
    known = [part for part in parts.values() if part]
    if len(known) < 2 or ("training" not in known and None in parts.values()):
        return None  # a class can have such a name
    others = [name or "the folder itself" for name, part in parts.items() if part is None]
    if others:
        raise DatasetError(
            f"{folder}: there are pictures in {', '.join(others[:5])}, beside those in "
            f"{', '.join(name for name in outermost if parts[name])}, which are parts of a data "
            "set; move them elsewhere"
        )
    if len(set(known)) < len(known) or "training" not in known:
        raise DatasetError(
            f"{folder}: its parts {', '.join(outermost)} must be one for training, and one each "
            "for validation and test; call them train, val and test"
        )
    return [str(parts[folders[0]]) for folders in within]


def _classes(within: Sequence[Sequence[str]]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the labels by the outermost folders, -1 where there is none, and their names."""
    names = sorted({folders[0] for folders in within if folders}, key=_in_natural_order)
    if len(names) < 2:
        return None, ()
    number = {name: position for position, name in enumerate(names)}
    labels = [number[folders[0]] if folders else NO_LABEL for folders in within]
    return np.array(labels), tuple(names)


def _in_natural_order(name: str) -> tuple:
    pieces = re.split(r"([0-9]+)", name)
    return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)], name


def _in_parts(
    folder: Path, read: _Read, parts: Sequence[str], within: Sequence[Sequence[str]]
) -> Dataset:
    """Divide the pictures as their folders say."""
    labels, class_names = _classes(within)
    of_part = np.array(parts)

    def part(name: str) -> Part:
        chosen = np.flatnonzero(of_part == name)
        if name == "training":  # whose minibatches go through it in order
            chosen = np.random.default_rng(0).permutation(chosen)
        of_chosen = None if labels is None else labels[chosen]
        return checked_part(str(folder), name, read.images[chosen], of_chosen)

    train = part("training")
    known = train[1]
    valid, test = (part(n) if n in parts else None for n in ("validation", "test"))
    if valid is None:
        train, valid = without_last_sixth(str(folder), train)
    if test is None:
        train, test = without_last_sixth(str(folder), train)
    for name, (_, own) in (("validation", valid), ("test", test)):
        alien = np.setdiff1d(own[own >= 0], known)
        if len(alien):
            raise DatasetError(
                f"{folder}: {name} set: the class {class_names[alien[0]]} has no picture in the "
                "training set"
            )
    shape = read.images.shape[1:]
    return Dataset(train, valid, test, shape, class_names, source=str(folder), doubt=read.doubt)
