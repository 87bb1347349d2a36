"""Data sets: files and downloads in, shared variables out."""

from deeptutorial.datasets.errors import DatasetError, DatasetNotFoundError
from deeptutorial.datasets.load import load_data, read_dataset

__all__ = ["DatasetError", "DatasetNotFoundError", "load_data", "read_dataset"]
