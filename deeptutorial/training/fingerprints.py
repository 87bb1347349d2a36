"""What tells one run from another: its settings, the bits of its data, and what computes."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytensor

from deeptutorial.compile.backends.numba.kernels.threads import MOST_THREADS
from deeptutorial.datasets import label_values
from deeptutorial.datasets.blocks import places_in_blocks

__all__ = ["check_surroundings", "comparable", "differences", "sha256"]


def comparable(settings: Mapping[str, object]) -> dict:
    """Return the settings that tell runs apart, as they are after a way through JSON.

    The name of the data set does not: the data are compared by their content.
    """
    chosen = {name: value for name, value in settings.items() if name != "dataset"}
    chosen |= {"floatX": pytensor.config.floatX}
    return json.loads(json.dumps(chosen, default=str))


def sha256(datasets: Sequence[tuple]) -> str:
    """Return a checksum of all images and labels, as `load_data` returns them."""
    digest = hashlib.sha256()
    for images, labels in datasets:
        for part in (images.get_value(borrow=True), label_values(labels)):
            digest.update(f"{part.dtype} {part.shape}\n".encode())
            for place in places_in_blocks(part):
                digest.update(np.ascontiguousarray(part[place]).data)
    return digest.hexdigest()


def check_surroundings(found: object) -> None:
    """Refuse what `surroundings` has not returned.

    Raises
    ------
    ValueError
    """
    if not isinstance(found, dict) or not isinstance(found.get("backend"), str):
        raise ValueError("it does not tell its backend")
    for name, value in found.items():
        if name != "threads" and not isinstance(value, str):
            raise ValueError(f"{name!r:.20} of its surroundings is {value!r:.20}")
    threads = found.get("threads")
    if type(threads) is not int or not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"it tells of {threads!r:.20} threads")


def differences(found: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Tell what differs in the surroundings of a run, and changes the last bits of its results.

    The number of threads does not on the backend numba, where work is cut as it was.
    """
    harmless = {"threads"} if now["backend"] == "numba" else set()
    return ", ".join(
        f"{name} ({found.get(name)!r:.40} before, {value!r} now)"
        for name, value in now.items()
        if found.get(name) != value and name not in harmless
    )
