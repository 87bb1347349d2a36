"""Several processes that train one model: how they come together, and stop together."""

from deeptutorial.training.processes.joining import JoinError, group, join, join_cluster
from deeptutorial.training.processes.watching import DifferingProcessError, Group

__all__ = ["DifferingProcessError", "Group", "JoinError", "group", "join", "join_cluster"]
