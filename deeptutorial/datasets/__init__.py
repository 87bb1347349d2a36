"""Data sets: files and downloads in, shared variables out."""

from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.labels import count_classes, label_values
from deeptutorial.datasets.load import load_data, read_dataset

__all__ = [
    "DatasetError",
    "DatasetNotFoundError",
    "count_classes",
    "label_values",
    "load_data",
    "read_dataset",
]
