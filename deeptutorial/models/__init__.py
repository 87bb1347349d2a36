"""Models as symbolic graphs."""

from deeptutorial.models.da import dA
from deeptutorial.models.hidden_layer import HiddenLayer
from deeptutorial.models.load import load_model
from deeptutorial.models.logistic_regression import LogisticRegression
from deeptutorial.models.model_files import ModelFileError, read_model
from deeptutorial.models.sda import SdA

__all__ = [
    "HiddenLayer",
    "LogisticRegression",
    "ModelFileError",
    "SdA",
    "dA",
    "load_model",
    "read_model",
]
