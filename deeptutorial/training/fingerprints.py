"""What tells one run from another: its settings, and the bits of its data."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytensor

from deeptutorial.datasets import label_values

__all__ = ["comparable", "sha256"]


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
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
