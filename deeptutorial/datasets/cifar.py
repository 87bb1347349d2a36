"""CIFAR-10 and CIFAR-100 as they are published for Python: a folder of pickles."""

import os
from pathlib import Path

import numpy as np

from deeptutorial.datasets.arrays import Dataset, Examples, checked_part, without_last_sixth
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.pickled import read_pickled, unpickle

__all__ = ["is_cifar_folder", "read_cifar_folder"]

FILES = {
    "batches.meta": ([f"data_batch_{i}" for i in range(1, 6)], "test_batch", "label_names"),
    "meta": (["train"], "test", "fine_label_names"),
}
"""By the file that has the names of the classes: the training and the test set, and what the names
are called there."""


def is_cifar_folder(folder: Path) -> bool:
    """Tell by its files whether a folder is one of the two; some of them may be missing."""
    return any(
        os.path.isfile(folder / training[0]) and os.path.isfile(folder / test)
        for training, test, _ in FILES.values()
    )


def read_cifar_folder(folder: Path) -> Dataset:
    """Read the pictures and their classes; CIFAR-100's are the hundred fine ones.

    The last sixth of the training examples is set apart for validation.

    Raises
    ------
    DatasetError
        If one of the files cannot be read, or they do not fit together.
    """
    meta, (training, test, key) = next(
        (meta, of) for meta, of in FILES.items() if os.path.isfile(folder / of[0][0])
    )
    source = str(folder)
    batches = [_batch(folder / name) for name in training if os.path.isfile(folder / name)]
    if len({batch.image_shape for batch in batches}) > 1:
        raise DatasetError(f"{source}: the batches have images of different sizes")
    images = np.concatenate([batch.images for batch in batches])
    labels = [batch.labels for batch in batches if batch.labels is not None]
    all_labels = np.concatenate(labels) if len(labels) == len(batches) else None
    train, valid = without_last_sixth(source, checked_part(source, "training", images, all_labels))
    last = _batch(folder / test)
    if last.image_shape != batches[0].image_shape:
        raise DatasetError(f"{source}: {test} has images of another size")
    return Dataset(
        train,
        valid,
        checked_part(source, "test", last.images, last.labels),
        last.image_shape,
        class_names=_class_names(folder / meta, key),
        source=source,
    )


def _batch(path: Path) -> Examples:
    batch = read_pickled(path)
    if not isinstance(batch, Examples):
        raise DatasetError(f"{path}: expected a dictionary of data and labels")
    return batch


def _class_names(path: Path, key: str) -> tuple[str, ...]:
    """Read the names where they are, and are texts; the numbers do without."""
    if not os.path.isfile(path):
        return ()
    content = unpickle(path)
    names = content.get(key, content.get(key.encode())) if isinstance(content, dict) else None
    if not isinstance(names, list):
        return ()
    texts = [name.decode("latin1") if isinstance(name, bytes) else name for name in names]
    return tuple(texts) if all(isinstance(text, str) for text in texts) else ()
