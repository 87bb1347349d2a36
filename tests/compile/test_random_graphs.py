"""Random training functions compute the same with the rewrites; `make drill` tries 2000.

One that fails here is built again, and its graph printed, by
``python -m tests.compile.random_graphs --seed 1 --first NUMBER --count 1``.
"""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.scalar import basic as scalar
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot

from tests.compile import random_graphs
from tests.compile.perturbed import ORDERS, evaluate
from tests.compile.random_graphs import Tally, compare, plain_mode, rewritten_mode

SEED = 1
N_FUNCTIONS = 40
# PyTensor inverts truths so, where it runs in Python; Python 3.12 and newer do not like it.
pytestmark = pytest.mark.filterwarnings("ignore:Bitwise inversion:DeprecationWarning")


@pytest.fixture(scope="module")
def mode():
    return rewritten_mode()


@pytest.fixture(scope="module")
def tally():
    return Tally(SEED)


@pytest.mark.parametrize("number", range(N_FUNCTIONS))
def test_functions_agree(mode, tally, number):
    comparison = compare(SEED, number, mode)
    tally.add(number, comparison)
    assert comparison.problems == []


def test_most_of_it_was_compared(tally):
    if tally.counts["built"] < N_FUNCTIONS:
        pytest.skip("this is about all functions")
    assert tally.shortcomings() == []


def test_a_function_can_be_built_again(mode):
    first, again = (compare(SEED, 3, mode) for _ in range(2))
    assert first.training.words == again.training.words
    graphs = [pytensor.dprint(c.functions[0], file="str", id_type="") for c in (first, again)]
    assert graphs[0] == graphs[1]
    for one, other in zip(first.training.arguments(1), again.training.arguments(1), strict=True):
        np.testing.assert_array_equal(one, other)


# ---- what nobody had in mind


def wobbly(draft, param, gradient, rate):
    """Descend as no optimiser does: arcs, remainders and running sums of old gradients."""
    memory, turns = draft.like(param), draft.counter()
    bent = pt.arctan(gradient) * pt.cosh(pt.clip(memory, -2, 2)) + pt.mod(memory, 0.3)
    if param.ndim:
        bent = bent + 0.01 * pt.cumsum(gradient[::-1], axis=0) / (1 + abs(gradient).max())
    step = pt.switch(pt.eq(pt.mod(turns, 2), 0), bent, pt.arcsinh(bent) ** 3)
    return [(memory, pt.maximum(memory / 2, -step))], param - rate * step / (1 + pt.sqr(step))


@pytest.mark.parametrize("number", range(100, 105))
def test_an_optimiser_never_heard_of(mode, number):
    assert compare(SEED, number, mode, optimiser=wobbly).problems == []


class Wave(scalar.UnaryScalarOp):
    """A user's own elementwise function, of which there is only what Python needs."""

    def impl(self, x):
        return x + np.sin(3 * x) / 4

    def pullback(self, inputs, outputs, gradients):
        (x,), (gradient,) = inputs, gradients
        return [gradient * (1 + 0.75 * scalar.cos(3 * x))]


wave = Elemwise(Wave(scalar.upgrade_to_float, name="wave"))


@pytest.mark.parametrize("number", range(200, 205))
def test_an_activation_of_ones_own(mode, number):
    assert compare(SEED, number, mode, activation=wave).problems == []


# ---- the comparison can fail


def with_rewrite(rewriter):
    """Return a mode with one more rewrite, which is wrong."""
    wrong = rewritten_mode()
    return wrong.register((dfs_rewriter(rewriter), 1.5))


def clipping(draft, param, gradient, rate):
    return [], param - rate * pt.clip(gradient, -1e-4, 1e-4)


def problems_of(mode, numbers=range(300, 305), **chosen):
    return list(
        itertools.chain.from_iterable(compare(SEED, n, mode, **chosen).problems for n in numbers)
    )


@pytest.mark.slow
def test_a_clip_that_is_dropped_is_found(mode):
    @node_rewriter([Elemwise])
    def drop_clip(fgraph, node):
        if not isinstance(node.op.scalar_op, scalar.Clip):
            return False
        return [node.inputs[0]] if node.inputs[0].type == node.outputs[0].type else False

    assert problems_of(mode, optimiser=clipping) == []
    assert problems_of(with_rewrite(drop_clip), optimiser=clipping)


class WrongDot(Op):
    """A product that is a little too large, or that leaves its first factor in disorder."""

    __props__ = ("factor", "scribbles")

    def __init__(self, factor=1.0, scribbles=False):
        self.factor, self.scribbles = factor, scribbles

    def make_node(self, x, y):
        return Apply(self, [x, y], [Dot().make_node(x, y).outputs[0].type()])

    def perform(self, node, inputs, output_storage):
        x, y = inputs
        product = np.dot(x, y) * self.factor
        output_storage[0][0] = product.astype(node.outputs[0].dtype)
        if self.scribbles and x.flags.writeable:
            x[...] = 0


@pytest.mark.slow
@pytest.mark.parametrize("op", [WrongDot(1 + 1e-4), WrongDot(scribbles=True)])
def test_a_wrong_product_is_found(op):
    @node_rewriter([Dot])
    def replace(fgraph, node):
        return [op(*node.inputs)]

    assert problems_of(with_rewrite(replace))


@pytest.mark.slow
def test_a_rewrite_that_raises_is_found():
    @node_rewriter([Dot])
    def broken(fgraph, node):
        raise ZeroDivisionError

    assert any(problem.startswith("logged") for problem in problems_of(with_rewrite(broken)))


def test_results_in_one_place_are_found():
    around = np.zeros((4, 6))
    found = random_graphs._in_one_place(
        ["output 0", "shared 0", "shared 1"], [around[1:], np.zeros(3), around[:2]], [around[3]]
    )
    assert found == [
        "output 0 and shared 1 lie in one place",
        "output 0 and an input lie in one place",
    ]


def test_a_disagreement_is_told(capsys, monkeypatch):
    found = random_graphs.Comparison(random_graphs.draft(SEED, 7), ["output 0: it differs"])
    monkeypatch.setattr(random_graphs, "compare", lambda *_: found)
    assert random_graphs.main(["--first", "7", "--count", "2", "--seed", str(SEED)]) == 1
    told = capsys.readouterr().out
    assert "output 0: it differs" in told
    assert "disagreed: 7, 8" in told
    assert "--seed 1 --first 7 --count 1" in told


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("compared", 90),
        ("changed by the rewrites", 50),
        ("undecided of a function", 5),
        ("known to 0.1% of a function", 60),
    ],
)
def test_a_run_that_says_too_little_is_told(name, count):
    tally = Tally(SEED)
    tally.counts.update({"built": 100, "compared": 100, "changed by the rewrites": 80})
    tally.counts.update({"undecided of a function": 0.5, "known to 0.1% of a function": 90})
    assert tally.shortcomings() == []
    tally.counts[name] = count
    (shortcoming,) = tally.shortcomings()
    assert shortcoming.startswith(name)


# ---- how far rounding may carry


def spread(expression, x, value):
    graph = pytensor.function([x], [expression], mode=plain_mode()).maker.fgraph
    value = np.asarray(value, x.dtype)
    exact = evaluate(graph, [value])[0]
    runs = [evaluate(graph, [value], np.random.default_rng(i))[0] for i in range(6)]
    with np.errstate(invalid="ignore"):
        return exact, np.max([abs(run - exact) for run in runs], axis=0)


def test_nothing_is_lost_without_cancellation():
    x = pt.fvector()
    exact, error = spread(pt.exp(x), x, [0.5, 2.0])
    np.testing.assert_allclose(exact, np.exp([0.5, 2.0]))
    assert (error < 1e-6 * exact).all()
    assert (error > 1e-8 * exact).all()


def test_a_cancellation_is_seen():
    x = pt.fvector()
    exact, error = spread(pt.sum(x), x, [1000.25, -1000.0])
    assert exact == 0.25
    assert 1e-5 < error < 1e-2


@pytest.mark.parametrize("order", ["", *ORDERS])
def test_the_error_of_a_product_is_carried_on_to_a_sum(order):
    x, y = pt.fmatrices(2)
    graph = pytensor.function([x, y], [pt.dot(x, y) + 1], mode=plain_mode()).maker.fgraph
    inputs = [np.float32([[1000, -1000]]), np.float32([[1], [1]])]
    runs = [evaluate(graph, inputs, np.random.default_rng(i), order)[0] for i in range(6)]
    assert 1e-5 < np.max(np.abs(np.array(runs) - 1)) < 1e-2


def test_what_overflows_in_float32_does():
    x = pt.fvector()
    exact, _ = spread(pt.exp(x), x, [80.0, 100.0])
    np.testing.assert_array_equal(np.isinf(exact), [False, True])


# ---- terms that overflow


def kinds_of_all_orders(terms):
    """Return what a sum in float32 can be: -inf, inf, NaN, or 0 for any finite number.

    In every order: as a chain that rounds each sum once or each term too, or as two such chains.
    """
    found = set()
    with np.errstate(over="ignore", invalid="ignore"):
        for order in itertools.permutations(terms):
            for cut in range(len(order)):
                for terms_are_rounded in (False, True):
                    parts = [chain(part, terms_are_rounded) for part in (order[:cut], order[cut:])]
                    found.add(kind(np.float32(parts[0] + parts[1])))
    return found


def chain(terms, terms_are_rounded):
    total = np.float32(0)
    for term in terms:
        term = np.float64(np.float32(term)) if terms_are_rounded else term
        total = np.float32(np.float64(total) + term)
    return total


def kind(value):
    return str(value) if not np.isfinite(value) else "finite"


@pytest.mark.parametrize("seed", range(30))
def test_three_orders_make_of_a_product_what_all_orders_make(seed):
    rng = np.random.default_rng(seed)
    x, y = pt.fmatrices(2)
    graph = pytensor.function([x, y], [pt.dot(x, y)], mode=plain_mode()).maker.fgraph
    a, b = (
        (rng.choice([-1, 1], 4) * 10 ** rng.uniform(17, 20.5, 4)).astype("float32")
        for _ in range(2)
    )
    a[rng.random(4) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    runs = [evaluate(graph, [a[None], b[:, None]], order=order)[0] for order in ("", *ORDERS)]
    possible = kinds_of_all_orders(a.astype("float64") * b.astype("float64"))
    found = {kind(run.item()) for run in runs}
    assert possible <= found
    if np.isfinite(a).all():
        assert possible == found


@pytest.mark.parametrize("bias", [0, 1])
def test_an_overflow_that_depends_on_the_order_is_seen_behind_a_clip(bias):
    x, y = pt.fmatrices(2)
    clipped = pt.clip(pt.dot(x, y) + bias, -5, 5)
    graph = pytensor.function([x, y], [clipped], mode=plain_mode())
    a, b = np.float32([[1e21, 3e21, 1]]), np.float32([[1e26], [-1e26], [1]])
    runs = [evaluate(graph.maker.fgraph, [a, b], order=order)[0] for order in ORDERS]
    np.testing.assert_array_equal(np.ravel(runs), [np.nan, 5, -5])


def test_a_product_that_is_added_unrounded_does_not_overflow_by_itself():
    x = pt.fvector()
    graph = pytensor.function([x], [x[:1] * x[:1] - x[1:] * x[1:]], mode=plain_mode())
    runs = [
        evaluate(graph.maker.fgraph, [np.float32([3e19, 2.9e19])], order=order)[0]
        for order in ORDERS
    ]
    assert np.isnan(runs[0])
    np.testing.assert_array_equal(np.ravel(runs[1:]), [np.inf, -np.inf])
