"""Matrix products take along what is done elementwise to their results.

Before, a step of a layer with momentum, say::

    p = dot(x, W)                   y = tanh(p + b)
    g = dot(x.T, d)                 new_v = 0.9 * v - 0.1 * clip(g, -5, 5)
    db = sum(d, axis=0)             new_W = W + new_v

After::

    y = FusedProducts{x W; tanh(i0 + i1)}(x, W, b)
    new_v, new_W = FusedProducts{x.T d; ...}(x, d, v, W)

Nothing is recognised: whatever elementwise graph stands behind a product becomes the Op's graph as
it is, up to where something else than elementwise work begins. Sums over the results (a cost, the
gradient of a bias) come out of the same pass. Two products that are added are one.

A cluster of nodes can become one Op if no path leads out of it and back into it. It is grown from a
product: first forward, to what is elementwise made of it; then backward, to what only the cluster
needs. What the cluster would have to store, though another could make it of what is stored anyway,
is left to the other.

It is applied in Numba mode, where a function trains: it updates a matrix by something that is made
of a product; elsewhere if it is asked for, by ``mode.including("fuse_every_product")``.
``mode.excluding("deeptutorial")`` leaves it out.
"""

from collections.abc import Iterable

import pytensor.scalar as ps
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import walk
from pytensor.graph.utils import InconsistencyError
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.kernels.scalar_ops import can_emit
from deeptutorial.compile.backends.numba.kernels.vector_math import FLOATS
from deeptutorial.compile.ops.fused_products import FusedProducts
from deeptutorial.compile.rewrites.patterns import (
    before,
    is_product,
    replace,
    trains,
    transposed,
    updates_of,
)
from deeptutorial.compile.rewrites.registration import register

__all__ = ["FuseProducts", "WriteOver"]


class FuseProducts(GraphRewriter):
    """Make each product, with what is elementwise made of it, a `FusedProducts`.

    Parameters
    ----------
    everywhere : bool
        In functions that do not train, too.
    """

    def __init__(self, everywhere: bool = False):
        super().__init__()
        self.everywhere = everywhere

    def apply(self, fgraph: FunctionGraph):
        if not (self.everywhere or trains(fgraph)):
            return
        for is_seed in (is_product, _is_sum_of_elementwise):
            for node in fgraph.toposort():
                if node in fgraph.apply_nodes and is_seed(node):
                    seed = node if is_seed is is_product else node.inputs[0].owner
                    replace(fgraph, *_Cluster(fgraph, seed).replacement(), "fuse_products")


def _is_elementwise(node: Apply | None, space: tuple[bool, ...]) -> bool:
    """Tell whether a node works on each number of matrices of this (broadcasting) shape."""
    return (
        node is not None
        and isinstance(node.op, Elemwise)
        and all(v.type.broadcastable == space for v in node.outputs)
        and len(node.outputs) == 1
        and can_emit(
            node.op.scalar_op, [v.dtype for v in node.inputs], [v.dtype for v in node.outputs]
        )
    )


def _has_floats_of(node: Apply, dtype: str) -> bool:
    """Tell whether all floats that go in and out are of one type."""
    return all(v.dtype == dtype or v.dtype not in FLOATS for v in (*node.inputs, *node.outputs))


def _axis_of_sum(node: Apply) -> int | str | None:
    """Return the axis of a sum over a matrix, None for both; "no" for another node."""
    if not isinstance(node.op, Sum) or node.inputs[0].ndim != 2:
        return "no"
    if node.inputs[0].dtype not in FLOATS or node.outputs[0].dtype != node.inputs[0].dtype:
        return "no"
    axis = node.op.axis
    return None if axis is None or len(axis) == 2 else axis[0]


def _is_sum_of_elementwise(node: Apply) -> bool:
    if _axis_of_sum(node) == "no":
        return False
    (v,) = node.inputs
    return _is_elementwise(v.owner, v.type.broadcastable) and _has_floats_of(v.owner, v.dtype)


class _Cluster:
    """Nodes that become one Op."""

    def __init__(self, fgraph: FunctionGraph, seed: Apply):
        self.fgraph, self.space = fgraph, seed.outputs[0].type.broadcastable
        self.dtype = seed.outputs[0].dtype
        self.place = {node: k for k, node in enumerate(fgraph.toposort())}
        self.nodes = {seed}
        while self._grow_forward():
            pass
        while self._grow_backward():
            pass
        while self._leave_to_others():
            pass

    # -- which nodes

    def _takes(self, node: Apply | None) -> bool:
        if node is None or node in self.nodes:
            return False
        if is_product(node):
            takes = node.outputs[0].type.broadcastable == self.space
        else:
            takes = _is_elementwise(node, self.space)
        return takes and _has_floats_of(node, self.dtype)

    def _clients(self, variable: Variable) -> list[Apply]:
        return [client for client, _ in self.fgraph.clients.get(variable, ())]

    def _outside(self, nodes: Iterable[Apply]) -> list[Variable]:
        return [v for node in nodes for v in node.inputs if v.owner not in self.nodes]

    def _grow_forward(self) -> bool:
        """Add one node that is elementwise made of the cluster."""
        reached = {c for n in self.nodes for v in n.outputs for c in self._clients(v)}
        for node in sorted((n for n in reached if n in self.place), key=self.place.__getitem__):
            if (
                self._takes(node)
                and not is_product(node)
                and not self._depend_on_cluster(self._outside([node]))
            ):
                self.nodes.add(node)
                return True
        return False

    def _depend_on_cluster(self, variables: list[Variable]) -> bool:
        earliest = min(self.place[node] for node in self.nodes)

        def makers(inputs):
            nodes = {v.owner for v in inputs if v.owner is not None}
            return [node for node in nodes if self.place[node] >= earliest]

        behind = walk(makers(variables), lambda node: makers(node.inputs))
        return not self.nodes.isdisjoint(behind)

    def _grow_backward(self) -> bool:
        """Add one node that only the cluster needs."""
        elementwise = {node for node in self.nodes if not is_product(node)}
        for variable in self._outside(elementwise):
            node = variable.owner
            if self._takes(node) and all(c in elementwise for c in self._clients(variable)):
                self.nodes.add(node)
                return True
        return False

    def _leave_to_others(self) -> bool:
        """Take out a chain of nodes that need not be stored, if less is stored then."""
        stored = self._stored()
        for variable in stored:
            users = self._clients(variable)
            if is_product(variable.owner) or not all(
                isinstance(user.op, Elemwise) and user not in self.nodes for user in users
            ):
                continue
            kept, trial = self.nodes, {variable.owner}
            while True:
                self.nodes = kept - trial
                more = {
                    v.owner for v in self._stored()
                    if v not in stored and not is_product(v.owner)
                    and all(c in trial for c in self._clients(v))
                }  # fmt: skip
                if not more:
                    break
                trial |= more
            if self.nodes and len(self._stored()) < len(stored):
                return True
            self.nodes = kept
        return False

    # -- what goes in and out

    def _stored(self) -> list[TensorVariable]:
        """Return what the cluster makes and others need as a matrix, not only its sums."""
        return [
            v for node in self._sorted() for v in node.outputs
            if any(c not in self.nodes and _axis_of_sum(c) == "no" for c in self._clients(v))
        ]  # fmt: skip

    def _sums(self) -> list[tuple]:
        """Return each sum's terms, its axis and its total."""
        return [
            (v, _axis_of_sum(c), c.outputs[0])
            for node in self._sorted() for v in node.outputs for c in self._clients(v)
            if c not in self.nodes and _axis_of_sum(c) != "no"
        ]  # fmt: skip

    def _sorted(self) -> list[Apply]:
        return sorted(self.nodes, key=self.place.__getitem__)

    def replacement(self) -> tuple[list[Variable], list[Variable]]:
        """Return what the cluster makes for others, and the outputs of one Op instead."""
        scalars, products, operands = self._scalar_products()
        inputs, roles, graph_inputs = [], [], [*scalars.values()]  # first the products
        for node in self._sorted():
            if node.outputs[0] in scalars or is_product(node):
                continue
            for v in node.inputs:
                if v in scalars:
                    continue
                if isinstance(v, Constant) and v.data.size == 1:
                    scalars[v] = ps.constant(v.data.reshape(()).astype(v.dtype), dtype=v.dtype)
                    continue
                role, source = self._role(v)
                scalars[v] = ps.get_scalar_type(v.dtype)()
                inputs.append(source)
                roles.append(role)
                graph_inputs.append(scalars[v])
            scalars[node.outputs[0]] = _scalar_node(
                node.op.scalar_op, [scalars[v] for v in node.inputs], node.outputs[0].dtype
            )
        stored, sums = self._stored(), self._sums()
        outputs = list(dict.fromkeys([*stored, *(v for v, _, _ in sums)]))
        replaced = [*stored, *(total for _, _, total in sums)]
        op = FusedProducts(
            products,
            graph_inputs,
            [scalars[v] for v in outputs],
            roles,
            [outputs.index(v) for v in stored],
            [(outputs.index(v), axis) for v, axis, _ in sums],
            [v.type for v in replaced],
        )
        return replaced, op(*operands, *inputs, return_list=True)

    def _scalar_products(self):
        """Give each product its place; those that are only added to each other share one."""
        scalars: dict = {}
        products, operands = [], []
        nodes = [node for node in self._sorted() if is_product(node)]
        group: dict = {}
        for node in self._sorted():
            added = [v for v in node.inputs if v.owner in nodes]
            if (
                isinstance(node.op, Elemwise)
                and isinstance(node.op.scalar_op, ps.Add)
                and len(added) == len(node.inputs) == len(set(added)) > 1
                and all(self._clients(v) == [node] for v in added)
                and sum(_factors(v.owner)[0] == "nt" for v in added) == 0
            ):
                group |= {v.owner: node.outputs[0] for v in added}
        for node in nodes:
            result = group.get(node, node.outputs[0])
            kind, a, b = _factors(node)
            scalars.setdefault(result, ps.get_scalar_type(self.dtype)())
            products.append((kind, list(scalars).index(result)))
            operands += [a, b]
        return scalars, products, operands

    def _role(self, v: TensorVariable) -> tuple[str, TensorVariable]:
        """Return what an input has numbers for, and the input without the axes made for it."""
        one_row, one_column = (
            b and not s for b, s in zip(v.type.broadcastable, self.space, strict=True)
        )
        role, order = {
            (False, False): ("full", None),
            (True, False): ("row", ("x", 0)),
            (False, True): ("column", (0, "x")),
            (True, True): ("scalar", ("x", "x")),
        }[one_row, one_column]
        source = before(order, v)
        return role, v if source is None else source


def _factors(node: Apply) -> tuple[str, TensorVariable, TensorVariable]:
    """Return the kind of a product and its factors as they are stored."""
    a, b = node.inputs
    if transposed(a) is not None:
        return "tn", transposed(a), b
    if transposed(b) is not None:
        return "nt", a, transposed(b)
    return "nn", a, b


def _scalar_node(scalar_op: ps.ScalarOp, arguments: list[Variable], dtype: str) -> Variable:
    """Apply a scalar Op, a graph of several as these.

    Its type is given: the Op would ask floatX, which can be another one now than when it was made.
    """
    if not isinstance(scalar_op, ps.Composite):
        result = ps.get_scalar_type(dtype)()
        Apply(scalar_op, arguments, [result])
        return result
    known = dict(zip(scalar_op.fgraph.inputs, arguments, strict=True))
    for node in scalar_op.fgraph.toposort():
        known[node.outputs[0]] = _scalar_node(
            node.op, [known.get(v, v) for v in node.inputs], node.outputs[0].type.dtype
        )
    return known[scalar_op.fgraph.outputs[0]]


class WriteOver(GraphRewriter):
    """Let new values of shared variables be written over the old ones, where nobody needs these."""

    def apply(self, fgraph: FunctionGraph):
        for old in updates_of(fgraph):
            new = updates_of(fgraph)[old]
            node = new.owner
            if node is None or not isinstance(node.op, FusedProducts):
                continue
            op, output = node.op, node.outputs.index(new)
            first = 2 * len(op.products)
            if node.inputs.count(old) != 1 or old.type.dtype != new.dtype:
                continue
            place = node.inputs.index(old) - first
            if place < 0 or output >= len(op.stored) or op.roles[place] != "full":
                continue
            written = op.written_over([*op.inplace, (output, place)])(
                *node.inputs, return_list=True
            )
            try:
                fgraph.replace_all_validate(
                    list(zip(node.outputs, written, strict=True)), reason="write_over"
                )
            except InconsistencyError:
                continue  # somebody still needs the old value


# Behind PyTensor's work on single nodes, before it fuses what is left.
register("fuse_products", FuseProducts(), "numba", position=48.9)
register("fuse_every_product", FuseProducts(everywhere=True), position=48.9)
register("write_over", WriteOver(), "numba", "inplace", position=50.95)
