"""A user's own pictures: a folder of image files."""

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from deeptutorial.datasets.arrays import (
    Examples,
    to_unit_interval,
)
from deeptutorial.datasets.errors import DatasetError

__all__ = ["find_pictures", "is_picture", "read_picture", "read_picture_folder"]


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


def read_picture_folder(folder: Path) -> Examples:
    """Read a folder of pictures, all of one size, grey or colour.

    Where the pictures lie in sub-folders, each sub-folder is a class, numbered in alphabetical
    order. If all are grey, an example has a value a pixel, otherwise three; what is transparent is
    taken as white.

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
    pixels = [read_picture(path) for path in paths]
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
    return Examples(images, labels, images.shape[1:], source=str(folder))


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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but harmless metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as picture:
                return _pixels(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(f"{name}: too large ({error})") from error
    except Exception as error:  # a damaged picture can raise nearly anything
        raise DatasetError(f"{name}: cannot be read as a picture ({error})") from error


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
