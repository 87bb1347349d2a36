"""The figures of a report, and the two files that are made of them."""

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from deeptutorial.datasets import PART_NAMES
from deeptutorial.files import replacing

__all__ = ["complete", "save_report"]


def complete(
    kind: str,
    datasets: Sequence[tuple],
    settings: Mapping[str, object] | None,
    seconds: Mapping[str, float],
    figures: Mapping[str, object],
) -> dict:
    """Put all that `report.json` holds together.

    Parameters
    ----------
    kind : str
        Of the model.
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
    settings : mapping from a name to a value, or None
    seconds : mapping from a name to a float
        How long what took.
    figures : mapping
        What was measured.

    Returns
    -------
    dict
        Of values that JSON has, floats rounded to 6 digits. What differs between two equal runs is
        in ``times`` alone.
    """
    return _rounded(
        {
            "format": 1,
            "kind": kind,
            "settings": dict(settings or {}),
            "data": {
                "source": getattr(datasets[0][0].tag, "source", None),
                "examples": {
                    name: int(np.shape(part[0].get_value(borrow=True))[0])
                    for name, part in zip(PART_NAMES, datasets, strict=True)
                },
                "image_shape": datasets[0][0].tag.image_shape,
            },
            **figures,
            "versions": _versions(),
            "times": {
                "written": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                "seconds": dict(seconds),
            },
        }
    )


def save_report(folder: str | os.PathLike, html: str, figures: dict) -> Path:
    """Write the two files, and return the path of the page."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "report.json") as temporary:
        temporary.write_text(
            json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    # A file name need not be text, and the name of the data set is on the page.
    with replacing(folder / "report.html") as temporary:
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")
    return folder / "report.html"


def _versions() -> dict[str, str]:
    names = ("deeptutorial", "pytensor", "numba", "numpy", "scipy", "pillow")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a clone that is not installed
        return "not installed"


def _rounded(value, digits: int = 6):
    """Round every float in nested lists and dicts, so that a file shows no digits that mean nothing.

    What is not finite becomes None, which JSON has.
    """  # noqa: E501
    if isinstance(value, dict):
        return {str(key): _rounded(item, digits) for key, item in value.items()}
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return [_rounded(item, digits) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{digits}g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
