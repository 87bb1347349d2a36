"""How a rewrite gets into PyTensor's list of those that a mode has."""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import GraphRewriter, NodeRewriter

__all__ = ["register"]


def register(
    name: str, rewriter: GraphRewriter | NodeRewriter, *tags: str, position: float
) -> None:
    """Register a rewrite under its name, its tags and the name ``deeptutorial``.

    It takes the place of one of the same name, from when the package was imported before: editors
    that load a user's code anew take its modules out of ``sys.modules``.
    """
    optdb.register(
        name, rewriter, *tags, "deeptutorial", position=position, overwrite_existing=True
    )
