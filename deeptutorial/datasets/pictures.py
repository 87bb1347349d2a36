"""A user's own pictures: image files, one by one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from errno import EINVAL, ENOENT
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from deeptutorial.archives import ArchiveError, open_regular
from deeptutorial.datasets.arrays import (
    to_unit_interval,
)
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.folders import files_within
from deeptutorial.texts import printable

__all__ = [
    "LUMINANCE",
    "DamagedPictureError",
    "decoded",
    "find_pictures",
    "has_16_bits",
    "is_picture",
    "may_have_colours",
    "opened_picture",
    "page_numbers",
    "pages",
    "read_picture",
]

NO_PICTURES = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")

NEW_SUBFILE_TYPE, PREVIEW = 254, 1
"""The tag of a page in a TIFF, and the bit of it that says that it shows another page smaller."""

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype="float32")
"""How bright red, green and blue are (ITU-R BT.601)."""


def find_pictures(folder: Path) -> list[Path]:
    """Return the image files in a folder and in its sub-folders, sorted, hidden ones left out.

    Symbolic links are followed.

    Raises
    ------
    DatasetError
        If one of the folders cannot be read or leads back to one that it lies in, or a link leads
        nowhere.
    """
    found = []
    for path in files_within(folder):
        leads_nowhere = path.is_symlink() and not path.exists()
        if leads_nowhere and not path.suffix:  # as the names of folders have none
            raise DatasetError(f"{path}: a symbolic link that leads nowhere; remove it")
        if is_picture(path) and (path.is_file() or leads_nowhere):
            found.append(path)
    return found


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture that Pillow can read."""
    return Image.registered_extensions().get(path.suffix.lower()) in _formats()


@cache
def _formats() -> list[str]:
    """Return the kinds of pictures that are data: no programs for others to run, and no stubs."""
    Image.init()
    return [kind for kind in Image.ID if kind not in NO_PICTURES]


class DamagedPictureError(Exception):
    """A file that is called a picture and cannot be read as one; the message names it and why."""


@contextmanager
def opened_picture(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Open a picture, and turn what goes wrong while it is open into a message.

    Raises
    ------
    DamagedPictureError
        If it is no whole picture.
    DatasetError
        If the system cannot read it, or if it is too large.
    MemoryError
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but harmless metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # A file, not its name: what Pillow maps into memory by name it does not turn rightly.
            with (
                open_regular(file) if isinstance(file, Path) else nullcontext(file) as content,
                Image.open(content, formats=_formats()) as picture,
            ):
                yield picture
    except DatasetError:
        raise
    except MemoryError as error:
        raise MemoryError(f"to read {name}") from error
    except ArchiveError as error:
        raise DatasetError(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(f"{name}: too large ({printable(error, 300)})") from error
    except Exception as error:  # a damaged picture can raise nearly anything
        if isinstance(error, OSError) and error.errno not in (None, EINVAL, ENOENT):
            raise DatasetError(f"{name}: cannot be read ({error.strerror})") from error
        if "out of memory" in str(error):  # a decoder has no other way to tell
            raise MemoryError(f"to read {name}") from error
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "of no kind that Pillow knows" if unknown else error
        raise DamagedPictureError(f"{name}: cannot be read as a picture ({reason})") from error


def read_picture(
    path: Path | BinaryIO,
    name: str | None = None,
    *,
    page: int = 0,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
) -> np.ndarray:
    """Return float32 of shape (height, width), or (height, width, 3) for colour.

    Values of 8 bits are divided by 256 and those of 16 bits by 65536, so that they are in [0, 1);
    other numbers (of a TIFF of floats or of 32 bits) are left as they are. What is transparent is
    taken as white, and a picture that was taken sideways is put upright.

    Parameters
    ----------
    path : path or binary file
    name : str, optional
        What it is called in a message; None takes the path.
    page : int
        Of a TIFF, one of those that `page_numbers` tells.
    resize : (height, width), optional
        Bring it to this size, whatever its proportions.
    grey : bool
        Take of colours only how bright they are.

    Raises
    ------
    DatasetError
        If it cannot be read, or holds NaN or infinity.
    """
    name = name or str(path)
    try:
        with opened_picture(path, name) as picture:
            picture.seek(page)
            return decoded(picture, name, resize=resize, grey=grey)
    except DamagedPictureError as damage:
        raise DatasetError(str(damage)) from damage.__cause__


def page_numbers(path: Path) -> list[int]:
    """Return the numbers of the pictures in a file, from 0 on: a TIFF has one on each page.

    Raises
    ------
    DamagedPictureError
        If it is no whole picture.
    DatasetError
        If the system cannot read it.
    """
    with opened_picture(path, str(path)) as picture:
        return pages(picture)


def pages(picture: Image.Image) -> list[int]:
    """Return the numbers of a TIFF's pages, but for previews; of others that of the first frame."""
    if picture.format != "TIFF":
        return [0]
    numbers = []
    for number in range(picture.n_frames):  # type: ignore[attr-defined]
        picture.seek(number)
        if not picture.tag_v2.get(NEW_SUBFILE_TYPE, 0) & PREVIEW:  # type: ignore[attr-defined]
            numbers.append(number)
    return numbers


def decoded(
    picture: Image.Image, name: str, *, resize: tuple[int, int] | None = None, grey: bool = False
) -> np.ndarray:
    """Return the pixels of the page that an open picture is at, as `read_picture` does."""
    pixels = _pixels(picture)
    if not np.isfinite(pixels).all():
        raise DatasetError(f"{name}: holds NaN or infinity")
    if grey and pixels.ndim == 3:
        pixels = pixels @ LUMINANCE
    return pixels if resize in (None, pixels.shape[:2]) else _resized(pixels, resize)


def has_16_bits(picture: Image.Image) -> bool:
    """Tell whether an open picture is grey and has 16 bits; some come as 32."""
    return picture.mode.startswith("I;16") or (
        picture.mode == "I" and picture.format in ("PNG", "PPM")
    )


def may_have_colours(picture: Image.Image) -> bool:
    """Tell by its mode whether a picture can turn out to have colours."""
    return not picture.mode.startswith("I") and picture.mode not in ("1", "L", "F")


def _pixels(picture: Image.Image) -> np.ndarray:
    is_16_bits = has_16_bits(picture)
    picture = _upright(picture)
    if is_16_bits:
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"{values.min()} to {values.max()} are no values of 16 bits")
        return to_unit_interval(values.astype(np.uint16))
    if picture.mode.startswith(("I", "F")):  # which have no largest value
        return np.asarray(picture).astype(np.float32)
    if picture.mode in ("1", "L"):
        return to_unit_interval(np.asarray(picture.convert("L")))
    may_be_grey = picture.mode in ("LA", "P")
    colours = np.asarray(_on_white(picture))
    if may_be_grey and (colours == colours[:, :, :1]).all():
        return to_unit_interval(colours[:, :, 0])
    return to_unit_interval(colours)


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()  # after which Pillow has turned a TIFF itself
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(picture) if turned else picture


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, what is transparent on white, as viewers show it."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def _resized(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Average over pixels, with weights that fall off linearly; interpolate where there are few."""
    size = (shape[1], shape[0])
    colours = np.moveaxis(pixels, 2, 0) if pixels.ndim == 3 else pixels[None]
    resized = [
        np.asarray(Image.fromarray(colour.copy()).resize(size, Image.Resampling.BILINEAR))
        for colour in colours
    ]
    averages = np.clip(np.stack(resized, axis=-1), pixels.min(), pixels.max())  # but for rounding
    return averages.reshape(*shape, *pixels.shape[2:])
