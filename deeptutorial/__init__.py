"""Denoising autoencoders as symbolic graphs, after the deeplearning.net tutorial."""

from deeptutorial.loading import let_ctrl_c_end_it

let_ctrl_c_end_it()  # before anything that takes its time

# isort: split
# It registers the graph rewrites with PyTensor, too.
from deeptutorial.compile import BackendError, use
from deeptutorial.datasets import load_data
from deeptutorial.images import scale_to_unit_interval, tile_raster_images
from deeptutorial.models import (
    HiddenLayer,
    LogisticRegression,
    ModelFileError,
    SdA,
    dA,
    load_model,
)
from deeptutorial.random import RandomStreams

__all__ = [
    "BackendError",
    "HiddenLayer",
    "LogisticRegression",
    "ModelFileError",
    "RandomStreams",
    "SdA",
    "dA",
    "load_data",
    "load_model",
    "scale_to_unit_interval",
    "tile_raster_images",
    "use",
]

__version__ = "0.3.0"
