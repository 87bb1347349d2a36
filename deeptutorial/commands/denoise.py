"""`deeptutorial denoise`: pictures, or rows of any data, in, and cleaned out."""

import sys
from pathlib import Path
from typing import Any

from deeptutorial.commands.inputs import STANDARD, add_examples, add_model, load, read_examples
from deeptutorial.commands.outputs import add_output, check_output, write_png
from deeptutorial.commands.shown import Shown
from deeptutorial.commands.shown_pictures import (
    OPTIONS,
    Page,
    Pictures,
    find_shown_pictures,
    show_pictures,
)
from deeptutorial.commands.status import UsageError
from deeptutorial.commands.tables import Table, form_of, write_table
from deeptutorial.models import dA
from deeptutorial.models.inference import RowFunction
from deeptutorial.texts import printable

__all__ = ["add_to", "denoise"]


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "denoise",
        help="clean pictures, or the rows of a table",
        description="Encode examples and decode their codes, which leaves out what a dA has "
        "learned to take for noise. Pictures have the size of those that it has learned from, and "
        "come out as PNG, with the names that they had. Of other data, a table say, the rows come "
        "out in their order and in their own units, with the names that they and their columns "
        "have.",
        epilog="examples:\n"
        "  deeptutorial train dA --corruption salt-and-pepper --corruption-level 0.3\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz ~/noisy --output ~/clean\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz - < noisy.png > clean.png\n"
        "  deeptutorial denoise dA_plots/dA_corruption_30.npz genes.npz --output genes.csv\n",
    )
    add_model(parser, "dA.py")
    add_examples(parser, nargs="+")
    add_output(
        parser,
        None,
        "the folder that pictures go to, made if there is none (default: denoised); or the file "
        "that rows go to, in the form that its name tells: .npy, .csv, .tsv or .parquet (default: "
        "denoised.csv where they or their columns have names, else denoised.npy); - is standard "
        "output, for rows or a single picture, and the default for what comes from standard input",
    )
    parser.set_defaults(run=denoise)


def denoise(
    model: str, examples: list[str], output: str | None, part: str | None, **reading: Any
) -> None:
    """Clean examples with a dA."""
    da = load(model, dA)
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    reconstruct = RowFunction(da.x, z, da.n_visible, da.n_visible, any_range=True)
    takes_pictures = set(reading) <= OPTIONS
    skip_damaged = reading.get("skip_damaged", False)
    found = [takes_pictures and find_shown_pictures(at, skip_damaged) for at in examples]
    if all(found) and part is not None:
        raise UsageError("pictures have no parts here: leave --part out, and name their folder")
    if all(found):
        pictures = [picture for some in found if some for picture in some.items()]
        of_pixels = {name: value for name, value in reading.items() if name != "skip_damaged"}
        shown = show_pictures(pictures, da, "pictures", **of_pixels)
        _denoise_pictures(reconstruct, shown, pictures, output)
    elif len(examples) > 1:
        raise UsageError(f"{len(examples)} inputs that are not all pictures: take one at a time")
    else:
        shown = read_examples(examples[0], da, part, **reading)
        if output is None and examples == [STANDARD]:
            output = STANDARD
        if isinstance(shown.images, Pictures):
            _write_pictures(reconstruct, shown, [output or STANDARD])
        else:
            _denoise_rows(reconstruct, shown, output, [model, *examples])


def _denoise_rows(
    reconstruct: RowFunction, shown: Shown, output: str | None, sources: list[str]
) -> None:
    is_table = shown.identifiers is not None or bool(shown.columns)
    usual = ".csv" if is_table else ".npy"
    output = output or f"denoised{usual}"
    form = form_of(output, usual)
    check_output(output, *sources)
    blocks = (
        (shown.words(rows), shown.restored(reconstruct(X)))
        for rows, X in shown.blocks(shown.n_values)
    )
    columns = shown.columns or [f"value_{i}" for i in range(shown.n_values)]
    write_table(output, form, Table(len(shown), shown.heads, columns, blocks))


def _denoise_pictures(
    reconstruct: RowFunction, shown: Shown, pictures: list[tuple[str, Page]], output: str | None
) -> None:
    if output == STANDARD:
        if len(pictures) > 1:
            raise UsageError(f"{len(pictures)} pictures do not fit one file: name a folder")
        _write_pictures(reconstruct, shown, [STANDARD])
        return
    targets = _targets(pictures, Path(output or "denoised"))
    _write_pictures(reconstruct, shown, [str(target) for target in targets])
    print(f"{len(targets)} picture(s) in {printable(output or 'denoised')}", file=sys.stderr)


def _write_pictures(reconstruct: RowFunction, shown: Shown, targets: list[str]) -> None:
    assert isinstance(shown.images, Pictures)  # whoever calls it has seen to that
    for rows, X in shown.blocks(shown.n_values):
        cleaned = shown.images.as_pixels(shown.restored(reconstruct(X)), rows)
        for target, pixels in zip(targets[rows], cleaned, strict=True):
            if target != STANDARD:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
            write_png(target, pixels)


def _targets(pictures: list[tuple[str, Page]], folder: Path) -> dict[Path, Path]:
    """Decide where each picture goes, before any is written: {target: source}."""
    targets: dict[Path, Path] = {}
    for name, (source, _) in pictures:
        target = folder / Path(name).with_suffix(".png")
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
