"""Data sets: files and downloads in, shared variables out."""

from deeptutorial.datasets.arrays import PART_NAMES
from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.labels import count_classes, label_values
from deeptutorial.datasets.load import load_data, read_dataset
from deeptutorial.datasets.minibatches import count_minibatches

__all__ = [
    "PART_NAMES",
    "DatasetError",
    "DatasetNotFoundError",
    "count_classes",
    "count_minibatches",
    "label_values",
    "load_data",
    "read_dataset",
]
