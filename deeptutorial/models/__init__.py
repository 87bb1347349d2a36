"""Models as symbolic graphs."""

from deeptutorial.models.da import dA
from deeptutorial.models.hidden_layer import HiddenLayer
from deeptutorial.models.logistic_regression import LogisticRegression
from deeptutorial.models.sda import SdA

__all__ = ["HiddenLayer", "LogisticRegression", "SdA", "dA"]
