"""Coin flips move their generator on in place, where nothing else needs its old state.

Before::

    next_rng, draw = CoinFlips(rng, shape, p)            rng is copied first

After::

    next_rng, draw = CoinFlips{inplace}(rng, shape, p)   rng itself is moved on

Copying a generator costs more than many draws. PyTensor does the same for its own draws.
"""

from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter

from deeptutorial.random import CoinFlips

__all__ = ["coin_flips_inplace"]


@node_rewriter([CoinFlips], inplace=True)
def coin_flips_inplace(fgraph: FunctionGraph, node: Apply):
    """Replace `CoinFlips` by its version in place."""
    if node.op.inplace:
        return False
    return CoinFlips(node.op.dtype, inplace=True)(*node.inputs, return_list=True)


optdb.register(
    "coin_flips_inplace",
    dfs_rewriter(coin_flips_inplace, ignore_newtrees=True),
    "fast_run",
    "inplace",
    "deeptutorial",
    position=50.9,
)
