"""`deeptutorial denoise`: pictures in, cleaned pictures out."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytensor
from tqdm import tqdm

from deeptutorial.commands.inputs import STANDARD, add_model, load, read_examples, read_rows
from deeptutorial.commands.outputs import add_output, write_png
from deeptutorial.commands.status import UsageError
from deeptutorial.datasets import DatasetError
from deeptutorial.datasets.arrays import square_shape
from deeptutorial.datasets.pictures import find_pictures
from deeptutorial.models import dA
from deeptutorial.texts import printable

__all__ = ["add_to", "denoise"]

AT_A_TIME = 500
"""Pictures in memory."""


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "denoise",
        help="clean pictures",
        description="Encode pictures and decode their codes, which leaves out what a dA has "
        "learned to take for noise. They have the size of the pictures it has learned from, and "
        "come out as PNG, with the names that they had.",
        epilog="examples:\n"
        "  deeptutorial train dA --corruption salt-and-pepper --corruption-level 0.3\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz ~/noisy --output ~/clean\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz - < noisy.png > clean.png\n",
    )
    add_model(parser)
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="pictures and folders of pictures; - alone is a picture from standard input",
    )
    add_output(
        parser,
        None,
        "the folder that the pictures go to, made if there is none (default: denoised); - is "
        "standard output, for a single picture, and the default if that comes from standard input",
    )
    parser.set_defaults(run=denoise)


def denoise(model: str, pictures: list[str], output: str | None) -> None:
    """Clean pictures with a dA."""
    da = load(model, dA)
    clean = _cleaner(da)
    if pictures == [STANDARD] or output == STANDARD:
        rows = np.concatenate([read_examples(picture, da) for picture in pictures])
        if len(rows) > 1:
            raise UsageError(f"{len(rows)} pictures do not fit one file: name a folder")
        write_png(output or STANDARD, clean(rows)[0])
        return
    targets = _targets(pictures, Path(output or "denoised"))
    with tqdm(total=len(targets), unit="picture", leave=False, disable=None) as progress:
        for start in range(0, len(targets), AT_A_TIME):
            some = list(targets.items())[start : start + AT_A_TIME]
            rows = read_rows([(source, str(source)) for _, source in some], da)
            for (target, _), pixels in zip(some, clean(rows), strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                write_png(str(target), pixels)
                progress.update()
    print(f"{len(targets)} picture(s) in {printable(output or 'denoised')}", file=sys.stderr)


def _cleaner(da: dA) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from rows to pictures as bytes."""
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    reconstruct = pytensor.function([da.x], z)
    shape = da.image_shape or square_shape(da.n_visible)

    def clean(rows: np.ndarray) -> np.ndarray:
        reconstructed = reconstruct(rows.astype(pytensor.config.floatX))
        pixels = np.clip(np.rint(reconstructed * 256), 0, 255)  # as they were read: 256 levels
        return pixels.astype("uint8").reshape(-1, *shape)

    return clean


def _targets(pictures: list[str], folder: Path) -> dict[Path, Path]:
    """Decide where each picture goes, before any is written: {target: source}."""
    targets: dict[Path, Path] = {}
    for name, source in _sources(pictures):
        target = folder / name.with_suffix(".png")
        if target in targets:
            raise UsageError(
                f"{targets[target]} and {source} would both be written to {target}; take one of "
                "them, or give them different names"
            )
        targets[target] = source
    originals = {source.resolve() for source in targets.values()}
    for target, source in targets.items():
        if target.resolve() in originals:
            raise UsageError(
                f"{source}: {target} would be written over an original; name another folder with "
                "--output"
            )
    return targets


def _sources(pictures: list[str]) -> Iterator[tuple[Path, Path]]:
    """Go through the pictures: what each is called, and where it is."""
    for picture in pictures:
        path = Path(picture)
        if path.is_dir():
            found = find_pictures(path)
            if not found:
                raise DatasetError(f"{picture}: no picture that Pillow can read in this folder")
            yield from ((source.relative_to(path), source) for source in found)
        elif path.is_file():
            yield Path(path.name), path
        else:
            raise DatasetError(f"{picture}: no such file or folder")
