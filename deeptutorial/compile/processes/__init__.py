"""Several processes that train one model: how they come together, and stop together."""

from deeptutorial.compile.processes.joining import JoinError, group, join, join_cluster
from deeptutorial.compile.processes.watching import DifferingProcessError, Group

__all__ = ["DifferingProcessError", "Group", "JoinError", "group", "join", "join_cluster"]
