"""Matrix products and the elementwise graph behind them, as one Op."""

from collections.abc import Sequence

import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.type import TensorType

from deeptutorial.compile.backends.numba.kernels.epilogue import Epilogue
from deeptutorial.compile.backends.numba.kernels.vector_math import FLOATS

__all__ = ["FusedProducts"]


class FusedProducts(Op):
    """Matrix products of one shape (M, N), and what is done to each number of their results.

    Inputs are the factors A and B of each product, as they are stored, and what the elementwise
    graph takes besides: a matrix (M, N), a row (N,) or (1, N), a column (M,) or (M, 1), a scalar.
    Outputs are those of the graph that are stored (M, N), and sums of its outputs over an axis or
    both. There may be no product, only the graph and its sums.

    Parameters
    ----------
    products : sequence of (kind, result)
        Kind "nn" is A B, "nt" is A B.T and "tn" is A.T B. Products with the same result are added
        up; result r is the graph's input r.
    scalar_inputs, scalar_outputs : sequence of scalar variables
        The elementwise graph.
    roles : sequence of {"full", "row", "column", "scalar"}
        Of the graph's inputs behind the results.
    stored : sequence of int
        Which of the graph's outputs are stored.
    sums : sequence of (output, axis)
        Axis 0, 1 or None for all.
    output_types : sequence of TensorType
        Of what is stored and of the sums.
    inplace : sequence of (output, input)
        Outputs that are written over inputs of the graph (places among its inputs behind the
        results).

    Attributes
    ----------
    dtype : {"float32", "float64"}
        The type of all floats.

    Raises
    ------
    TypeError
        For floats of several types, or none.
    ValueError
        When it runs: for shapes that do not fit together. Nothing is written then.
    """

    __props__ = ("key", "inplace")

    def __init__(
        self,
        products: Sequence[tuple[str, int]],
        scalar_inputs: Sequence[Variable],
        scalar_outputs: Sequence[Variable],
        roles: Sequence[str],
        stored: Sequence[int],
        sums: Sequence[tuple[int, int | None]],
        output_types: Sequence[TensorType],
        inplace: Sequence[tuple[int, int]] = (),
    ):
        self.products, self.roles = tuple(products), tuple(roles)
        self.stored, self.sums = tuple(stored), tuple(sums)
        self.output_types, self.inplace = tuple(output_types), tuple(inplace)
        self.n_results = len(scalar_inputs) - len(roles)
        types = {v.type.dtype for v in (*scalar_inputs, *scalar_outputs)} & set(FLOATS)
        if len(types) != 1:
            raise TypeError(f"all floats must be of one type, float32 or float64, got {types}")
        (self.dtype,) = types
        made = [scalar_outputs[k].type.dtype for k in (*stored, *(k for k, _ in sums))]
        if made != [output_type.dtype for output_type in output_types]:
            raise TypeError(f"the graph makes {made}, the outputs are {[*output_types]}")
        steps = [1] * self.n_results + [int(role in ("full", "row")) for role in roles]
        self.epilogue = Epilogue(scalar_inputs, scalar_outputs, steps, stored, sums)
        self.key = (self.products, self.roles, self.output_types, self.epilogue.digest())
        first = 2 * len(self.products)
        self.destroy_map = {output: [first + place] for output, place in self.inplace}

    def written_over(self, inplace: Sequence[tuple[int, int]]) -> "FusedProducts":
        """Return the same Op, writing outputs over inputs."""
        graph = self.epilogue
        return FusedProducts(
            self.products, graph.inputs, graph.outputs, self.roles, self.stored, self.sums,
            self.output_types, inplace,
        )  # fmt: skip

    def __str__(self) -> str:
        products = {"nn": "A B", "nt": "A B.T", "tn": "A.T B"}
        made = " + ".join(products[kind] for kind, _ in self.products) or "no product"
        sums = f", {len(self.sums)} sums" if self.sums else ""
        over = f", {len(self.inplace)} in place" if self.inplace else ""
        return f"FusedProducts{{{made}; {len(self.stored)} stored{sums}{over}}}"

    def make_node(self, *inputs):
        variables = [pt.as_tensor_variable(v) for v in inputs]
        return Apply(self, variables, [output_type() for output_type in self.output_types])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        return self.output_shapes(*self.shape(arguments[-1]))

    def shape(self, shapes: Sequence[tuple]) -> tuple:
        """Return (M, N), for the shapes of the inputs."""
        if not self.products:  # a column and a row can make a matrix too
            of_role = dict(zip(self.roles, shapes, strict=True))
            M, *_ = of_role.get("full") or of_role["column"]
            *_, N = of_role.get("full") or of_role["row"]
            return M, N
        kind = self.products[0][0]
        return shapes[0][kind == "tn"], shapes[1][kind != "nt"]

    def output_shapes(self, M, N) -> list[tuple]:
        """Return the shapes of the outputs, for those of the products."""
        of_sums = {0: (N,), 1: (M,), None: ()}
        return [(M, N)] * len(self.stored) + [of_sums[axis] for _, axis in self.sums]

    def perform(self, node, inputs, output_storage):
        from deeptutorial.compile.backends.numba.kernels.plans import run_in_python

        for storage, value in zip(output_storage, run_in_python(self, inputs), strict=True):
            storage[0] = value
