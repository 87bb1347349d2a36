"""A user's own pictures: a folder of image files, or arrays in an ``.npz``."""

import os
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from deeptutorial.archives import open_regular, read_npy
from deeptutorial.datasets.arrays import (
    Dataset,
    checked_part,
    divided,
    square_shape,
    to_unit_interval,
    without_last_sixth,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.unpacking import check_unpacked_size, reading

__all__ = ["find_pictures", "is_picture", "read_npz", "read_picture", "read_picture_folder"]


NPZ_NAMES = ("x", "y", *(f"{a}_{part}" for a in "xy" for part in ("train", "valid", "test")))


def find_pictures(folder: Path) -> list[Path]:
    """Return the image files in a folder and in its sub-folders, sorted, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if is_picture(path)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture that Pillow can read."""
    return Image.registered_extensions().get(path.suffix.lower()) in _formats()


def _formats() -> list[str]:
    """Return the kinds of pictures that are data, and no programs for others to run."""
    Image.init()
    return [kind for kind in Image.ID if kind not in ("EPS", "WMF")]


def read_picture_folder(folder: Path) -> Dataset:
    """Read a folder of pictures, all of one size, grey or colour.

    Where the pictures lie in sub-folders, each sub-folder is a class, numbered in alphabetical
    order. If all are grey, an example has a value a pixel, otherwise three; what is transparent is
    taken as white. The pictures are divided into training, validation and test set (5 : 1 : 1)
    after a shuffle that is always the same.

    Raises
    ------
    DatasetError
        If there are none, one cannot be read, or they differ in size.
    """
    paths = find_pictures(folder)
    if not paths:
        raise DatasetError(
            f"{folder}: neither the four MNIST files nor any picture that Pillow can read"
        )
    packed = sum(path.stat().st_size for path in paths)
    pixels, n_values = [], 0
    for path in paths:
        pixels.append(read_picture(path))
        n_values += pixels[-1].size
        check_unpacked_size(folder, n_values, packed)
    size = pixels[0].shape[:2]
    for path, picture in zip(paths, pixels, strict=True):
        if picture.shape[:2] != size:
            raise DatasetError(
                f"{path}: {_described(picture.shape)}, but {paths[0].name} is {_described(size)}; "
                "bring all pictures to one size first"
            )
    if any(picture.ndim == 3 for picture in pixels):
        pixels = [
            picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
            for picture in pixels
        ]
    images = np.stack(pixels)

    classes = sorted({path.parent for path in paths})
    labels = None
    if len(classes) > 1:
        number = {parent: position for position, parent in enumerate(classes)}
        labels = np.array([number[path.parent] for path in paths])
    train, valid, test = divided(str(folder), images, labels)
    return Dataset(train, valid, test, image_shape=images.shape[1:])


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]} pixels"


def read_picture(path: Path | BinaryIO, name: str | None = None) -> np.ndarray:
    """Return float32 in [0, 1) of shape (height, width), or (height, width, 3) for colour.

    What is transparent is taken as white.

    Parameters
    ----------
    path : path or binary file
    name : str, optional
        What it is called in a message; None takes the path.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    name = name or str(path)
    with reading(name, "a picture"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd but harmless metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=_formats()) as picture:
                return _pixels(picture)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DatasetError(f"{name}: too large ({error})") from error


def _pixels(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I"):  # 16 bits; some formats hand them over as 32
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(
                f"its values go from {values.min()} to {values.max()}, more than 16 bits"
            )
        return to_unit_interval(values.astype(np.uint16))
    if picture.mode == "F":
        return np.asarray(picture)
    if picture.mode in ("1", "L"):
        return to_unit_interval(np.asarray(picture.convert("L")))
    may_be_grey = picture.mode in ("LA", "P")
    colours = np.asarray(_on_white(picture))
    if may_be_grey and (colours == colours[:, :, :1]).all():
        return to_unit_interval(colours[:, :, 0])
    return to_unit_interval(colours)


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, what is transparent on white, as viewers show it."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def read_npz(path: Path) -> Dataset:
    """Read arrays saved by ``numpy.savez``.

    Either ``x`` (and ``y``, if there are labels), to be divided 5 : 1 : 1; or ``x_train``,
    ``x_test`` and, if there is one, ``x_valid`` (with ``y_train``, ``y_test``, ``y_valid``), where
    a missing validation set is made from the last sixth of the training set. Images have the shape
    (n, pixels), (n, height, width) or (n, height, width, 3), as bytes or as floats in [0, 1].

    Raises
    ------
    DatasetError
    """
    # Not by `numpy.load`, which takes the memory that a header claims before it looks.
    with (
        reading(path, ".npz"),
        open_regular(path) as packed,
        zipfile.ZipFile(packed) as file,
    ):
        members = file.infolist()
        size = sum(member.file_size for member in members)
        check_unpacked_size(path, size, os.fstat(packed.fileno()).st_size)
        names = [member.filename.removesuffix(".npy") for member in members]
        arrays = {}
        for name, member in zip(names, members, strict=True):
            if name in NPZ_NAMES:
                with file.open(member) as content:
                    arrays[name] = read_npy(content)

    source = str(path)
    if "x" in arrays:
        image_shape = _image_shape(source, arrays["x"])
        return Dataset(*divided(source, arrays["x"], arrays.get("y")), image_shape=image_shape)
    if "x_train" not in arrays or "x_test" not in arrays:
        raise DatasetError(
            f"{path}: expected the arrays x (and y), or x_train and x_test (and y_train, y_test), "
            f"got {', '.join(names) or 'none'}"
        )
    image_shape = _image_shape(source, arrays["x_train"])
    for name in ("x_valid", "x_test"):
        if name in arrays and arrays[name].shape[1:] != arrays["x_train"].shape[1:]:
            raise DatasetError(
                f"{path}: x_train has examples of shape {arrays['x_train'].shape[1:]}, "
                f"{name} of {arrays[name].shape[1:]}"
            )
    train = checked_part(source, "training", arrays["x_train"], arrays.get("y_train"))
    test = checked_part(source, "test", arrays["x_test"], arrays.get("y_test"))
    if "x_valid" in arrays:
        valid = checked_part(source, "validation", arrays["x_valid"], arrays.get("y_valid"))
    else:
        train, valid = without_last_sixth(source, train)
    return Dataset(train, valid, test, image_shape)


def _image_shape(source: str, images: np.ndarray) -> tuple[int, ...]:
    if images.ndim == 2:
        return square_shape(images.shape[1])
    if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3):
        return images.shape[1:]
    if images.ndim == 4 and images.shape[3] == 1:
        return images.shape[1:3]
    raise DatasetError(
        f"{source}: images must have the shape (n, pixels), (n, height, width) or "
        f"(n, height, width, 3), got {images.shape}"
    )
