"""The rewrites are sound: random training functions compute the same with and without them.

``python -m tests.compile.random_graphs --count 2000 --seed 7`` builds 2000 functions and runs each,
step by step, beside the same graph without the rewrites. What may differ is the rounding, and by
how much is estimated for each entry of each result (see `tests.compile.perturbed`). A table tells
what was found; ``--first N --count 1`` builds function N of that seed again and prints its graph.
A run fails if functions disagree; one of hundreds also if too many entries are undecided
or known too badly for an agreement to mean much (`SHARES`).

The rewrites are those of the Numba backend, those that work in place included. So that two thousand
functions do not take a day to compile, the Ops run in Python; with ``--numba`` they are compiled.
"""

import argparse
import contextlib
import copy
import gc
import itertools
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytensor
from pytensor.compile.executor import Function
from pytensor.compile.mode import Mode, predefined_modes
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply
from pytensor.link.basic import PerformLinker
from pytensor.link.numba.linker import NumbaLinker
from pytensor.tensor.elemwise import Elemwise

from tests.compile.perturbed import ORDERS, Vectorised, evaluate, has_no_function
from tests.compile.random_training import Training, draft

__all__ = ["Comparison", "compare", "plain_mode", "rewritten_mode"]

N_STEPS = 2
N_PERTURBED = 6
N_MORE = 24
"""So many further runs before a difference counts: of very many entries, six errors may be small
by chance in one."""

SHARES = {
    "compared": ("built", 0.95, 1),
    "changed by the rewrites": ("built", 0.6, 1),
    "undecided of a function": ("compared", 0, 0.03),
    "known to 0.1% of a function": ("compared", 0.85, 1),
}
"""Of what, at least and at most: a run of many functions that is beyond says too little.

The last two are means, in which a function with a million entries counts as much as one with ten.
"""
ENOUGH = 300
"""Functions, for shares to mean something."""


class PythonLinker(PerformLinker):
    """Run a graph that was rewritten for Numba in Python."""

    required_rewrites = NumbaLinker.required_rewrites
    incompatible_rewrites = NumbaLinker.incompatible_rewrites

    def make_all(self, *arguments, **keywords):
        made = super().make_all(*arguments, **keywords)
        for node in self.fgraph.apply_nodes:
            if isinstance(node.op, Elemwise):
                _vectorise(node)
        return made


def _vectorise(node) -> None:
    """Let NumPy calculate what PyTensor would hand to Python entry by entry."""
    op = node.op.scalar_op
    if has_no_function(op):
        node.op.ufunc = Vectorised(op)
    elif op.nin < 0:
        node.tag.ufunc = Vectorised(op)


def rewritten_mode(*including: str, numba: bool = False) -> Mode:
    """Return the mode that is tested: all rewrites of the Numba backend."""
    rewrites = predefined_modes["NUMBA"].provided_optimizer.including(*including)
    if numba:
        return Mode(NumbaLinker(), rewrites)
    # PyTensor wraps its random draws for Numba in graphs that Python cannot run in place.
    return Mode(PythonLinker(), rewrites.excluding("random_make_inplace"))


def plain_mode() -> Mode:
    """Return the mode to compare with: none of the package's rewrites, and each step by itself."""
    rewrites = predefined_modes["NUMBA"].provided_optimizer
    return Mode(PythonLinker(), rewrites.excluding("deeptutorial", "fusion", "inplace"))


@dataclass
class Comparison:
    """What came of one function."""

    training: Training
    problems: list[str] = field(default_factory=list)
    not_compared: str = ""
    functions: tuple[Function, ...] = ()
    is_changed: bool = False
    n_entries: int = 0
    n_undecided: int = 0
    n_sharp: int = 0
    seconds: Counter = field(default_factory=Counter)

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start


def compare(seed: int, number: int, mode: Mode, **chosen) -> Comparison:
    """Build a random function with and without the rewrites, and run both side by side.

    Parameters
    ----------
    seed, number : int
        Which function.
    mode : Mode
        With the rewrites.
    **chosen
        As `draft` takes it.
    """
    # The mode is for graphs within the graph, which PyTensor compiles when they first run.
    with (
        pytensor.config.change_flags(cxx="", mode=Mode(PerformLinker(), None)),
        np.errstate(all="ignore"),
    ):
        return _compared(seed, number, mode, chosen)


def _compared(seed: int, number: int, mode: Mode, chosen: dict) -> Comparison:
    training, same = (draft(seed, number, **chosen) for _ in range(2))
    comparison = Comparison(training)
    try:
        with comparison.timed("plain"), _log() as usual:
            plain = _compiled(same, plain_mode())
    except Exception as error:  # PyTensor's own
        comparison.not_compared = _told(error)
        return comparison
    try:
        with comparison.timed("rewritten"), _log() as records:
            rewritten = _compiled(training, mode)
        comparison.problems += [f"logged: {r}" for r in records if r not in usual]
        comparison.functions = rewritten, plain
        comparison.is_changed = any(map(_is_ours, rewritten.maker.fgraph.apply_nodes))
        _run(comparison, rewritten, plain)
    except Exception as error:
        comparison.problems.append(_told(error))
    return comparison


def _compiled(training: Training, mode: Mode) -> Function:
    return pytensor.function(
        training.inputs(),
        training.outputs,
        updates=training.updates,
        mode=mode,
        on_unused_input="ignore",
    )


def _is_ours(node: Apply) -> bool:
    return type(node.op).__module__.startswith("deeptutorial.compile")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


@contextlib.contextmanager
def _log() -> Iterator[list[str]]:
    """Collect what PyTensor would print: of a rewrite that fails, it says no more than that."""
    records: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger = logging.getLogger("pytensor")
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        yield records
    finally:
        logger.handlers = handlers


# ---- running and comparing


def _run(comparison: Comparison, rewritten: Function, plain: Function) -> None:
    """Run some steps of both functions, each from the same values of the shared variables."""
    training, returned = comparison.training, []
    for step in range(N_STEPS):
        values = [_copied(value) for value in _values(plain)]
        for variable, value in zip(_shared(rewritten), values, strict=True):
            variable.set_value(_copied(value), borrow=True)
        given = training.arguments(step)
        try:
            with comparison.timed("plain"):
                expected = [*plain(*training.arguments(step)), *copy.deepcopy(_values(plain))]
        except Exception as error:  # an empty array has no maximum, for one
            comparison.not_compared = _told(error)
            return
        with comparison.timed("rewritten"):
            outputs = rewritten(*given)
        got = [*outputs, *copy.deepcopy(_values(rewritten))]
        names = [f"output {i}" for i in range(len(outputs))]
        names += [f"shared {i}" for i in range(len(got) - len(outputs))]
        kept = [a for a, g in zip(given, training.given, strict=True) if not g.mutable]
        found = _in_one_place(names, [*outputs, *_values(rewritten)], kept)
        found += [
            f"it writes to input {i}"
            for i, (array, before) in enumerate(zip(given, training.arguments(step), strict=True))
            if not training.given[i].mutable and _memory(array) != _memory(before)
        ]
        inputs = [*training.arguments(step), *values]
        with comparison.timed("perturbed"):
            exact = _reference(plain, inputs)
            perturbed = [_perturbed(plain, inputs, k) for k in range(N_PERTURBED)]
        verdicts = [_judge(*r) for r in zip(got, expected, exact, *perturbed, strict=True)]
        if any(verdict.problem for verdict in verdicts):
            perturbed += [_perturbed(plain, inputs, N_PERTURBED + k) for k in range(N_MORE)]
            verdicts = [_judge(*r) for r in zip(got, expected, exact, *perturbed, strict=True)]
        for name, verdict in zip(names, verdicts, strict=True):
            comparison.n_entries += verdict.n_entries
            comparison.n_undecided += verdict.n_undecided
            comparison.n_sharp += verdict.n_sharp
            found += [f"{name}: {verdict.problem}"] if verdict.problem else []
        found += [
            "it writes to an earlier output"
            for array, before in returned
            if array.tobytes() != before
        ]
        returned = [(array, np.asarray(array).tobytes()) for array in outputs]
        comparison.problems += [f"step {step}, {problem}" for problem in found]


def _shared(function: Function) -> list[SharedVariable]:
    variables = (given.variable for given in function.maker.inputs)
    return [variable for variable in variables if isinstance(variable, SharedVariable)]


def _values(function: Function) -> list:
    return [variable.get_value(borrow=True) for variable in _shared(function)]


def _in_one_place(names: list[str], values: list, given: list[np.ndarray]) -> list[str]:
    """Tell which results lie in each other's memory, or in an input's: one would change with it."""
    arrays = [*zip(names, values, strict=True), *(("an input", array) for array in given)]
    arrays = [(name, value) for name, value in arrays if isinstance(value, np.ndarray)]
    return [
        f"{name} and {other_name} lie in one place"
        for (name, value), (other_name, other) in itertools.combinations(arrays, 2)
        if name != "an input" and np.may_share_memory(value, other)
    ]


def _copied(value):
    """Copy a shared variable's value, an array in the same memory layout."""
    if not isinstance(value, np.ndarray) or not isinstance(value.base, np.ndarray):
        return copy.deepcopy(value)
    base = value.base.copy(order="K")
    offset = value.ctypes.data - value.base.ctypes.data
    return np.ndarray(value.shape, value.dtype, base.data, offset, value.strides)


def _memory(array: np.ndarray) -> bytes:
    """Return what is in an array, and around it."""
    array = np.asarray(array)
    return (array.base if isinstance(array.base, np.ndarray) else array).tobytes()


def _perturbed(plain: Function, inputs: list, k: int) -> list:
    return _reference(plain, inputs, np.random.default_rng(k), list(ORDERS)[k % len(ORDERS)])


def _reference(plain: Function, inputs: list, *how) -> list:
    """Return outputs and new shared values as `evaluate` has them."""
    graph = plain.maker.fgraph
    n_outputs = len(graph.outputs) - len(graph.update_mapping)
    results, after = evaluate(graph, inputs, *how), list(inputs)
    for output, place in graph.update_mapping.items():
        after[place] = results[output]
    is_shared = [isinstance(given.variable, SharedVariable) for given in plain.maker.inputs]
    return results[:n_outputs] + [v for v, own in zip(after, is_shared, strict=True) if own]


@dataclass
class Verdict:
    """What a result is found to be: how it differs from what it may be, and what that says."""

    problem: str = ""
    n_entries: int = 0
    n_undecided: int = 0
    n_sharp: int = 0


def _judge(got, plain, exact, *perturbed) -> Verdict:
    """Compare a result with what it may be.

    An entry is undecided where the references are not all finite, all NaN or all the same infinity;
    it is sharp where a thousandth of the largest entry would be found.
    """
    if isinstance(plain, np.random.Generator):
        is_same = got.bit_generator.state == plain.bit_generator.state
        return Verdict("" if is_same else "another state")
    got, plain = np.asarray(got), np.asarray(plain)
    if (got.dtype, got.shape) != (plain.dtype, plain.shape):
        return Verdict(f"{got.dtype} {got.shape} instead of {plain.dtype} {plain.shape}")
    if plain.dtype.kind != "f":
        is_same = np.array_equal(got, plain)
        return Verdict("" if is_same else f"{np.sum(got != plain)} other integers")

    with np.errstate(all="ignore"):
        kinds = np.array([_kind(np.asarray(reference)) for reference in (plain, exact, *perturbed)])
        kind, is_decided = kinds[0], (kinds == kinds[0]).all(axis=0)
        limits = np.finfo(plain.dtype)
        spread = np.max([np.abs(reference - exact) for reference in perturbed], axis=0)
        tolerance = 8 * spread + 4 * np.abs(plain.astype("float64") - exact)
        tolerance += 8 * (limits.eps * np.abs(exact) + limits.smallest_subnormal)
        is_wrong = is_decided & np.where(
            (kind == FINITE) & (_kind(got) == FINITE),
            np.abs(got.astype("float64") - exact) > tolerance,
            _kind(got) != kind,
        )
        largest = np.abs(exact[np.isfinite(exact)]).max(initial=0)
        is_sharp = is_decided & ((kind != FINITE) | (tolerance <= 1e-3 * largest))
    verdict = Verdict("", got.size, int(np.sum(~is_decided)), int(np.sum(is_sharp)))
    if is_wrong.any():
        worst = tuple(int(indices[0]) for indices in np.nonzero(is_wrong)) if got.ndim else ()
        verdict.problem = (
            f"{is_wrong.sum()} of {got.size} entries differ; first at {worst}: {got[worst]:.9g} "
            f"instead of {plain[worst]:.9g} (in float64 {exact[worst]:.9g}, "
            f"+- {tolerance[worst]:.2g})"
        )
    return verdict


FINITE = 0


def _kind(values: np.ndarray) -> np.ndarray:
    """Return 0 for a finite number, 1 for NaN, 2 and 3 for the infinities."""
    return np.isnan(values) + 2 * np.isposinf(values) + 3 * np.isneginf(values)


# ---- the script


class Tally:
    """What was built, and what came of it."""

    def __init__(self, seed: int):
        self.seed = seed
        self.counts = Counter()
        self.seconds = Counter()
        self.with_word = Counter()
        self.wrong_with_word = Counter()
        self.wrong: list[int] = []

    def add(self, number: int, comparison: Comparison) -> None:
        is_compared, is_wrong = not comparison.not_compared, bool(comparison.problems)
        self.counts["built"] += 1
        self.counts["compared"] += is_compared or is_wrong
        self.counts["agreed"] += is_compared and not is_wrong
        self.counts["changed by the rewrites"] += comparison.is_changed
        self.counts["disagreed"] += is_wrong
        self.counts["entries"] += comparison.n_entries
        self.counts["undecided"] += comparison.n_undecided
        n_entries = max(comparison.n_entries, 1)
        self.counts["undecided of a function"] += comparison.n_undecided / n_entries
        self.counts["known to 0.1% of a function"] += comparison.n_sharp / n_entries
        self.seconds.update(comparison.seconds)
        words = set(comparison.training.words)
        self.with_word.update(words)
        if is_wrong:
            self.wrong.append(number)
            self.wrong_with_word.update(words)

    def table(self) -> str:
        names = ("built", "compared", "agreed", "disagreed", "changed by the rewrites")
        rows = [("seed", self.seed)]
        rows += [(name, self.counts[name]) for name in (*names, "entries", "undecided")]
        rows += [(f"share {name}", f"{self._share(name):.2%}") for name in SHARES]
        built = max(self.counts["built"], 1)
        rows += [
            (f"seconds a function, {name}", f"{seconds / built:.2f}")
            for name, seconds in self.seconds.items()
        ]
        return "\n".join(f"{name:<36}{value:>12}" for name, value in rows)

    def _share(self, name: str) -> float:
        whole, _, _ = SHARES[name]
        return self.counts[name] / max(self.counts[whole], 1)

    def shortcomings(self) -> list[str]:
        """Tell what is too rare or too frequent for the run to say much."""
        return [
            f"{name}: {self._share(name):.1%}, not {low:.0%} to {high:.0%}"
            for name, (_, low, high) in SHARES.items()
            if not low <= self._share(name) <= high
        ]

    def suspects(self) -> str:
        """Tell in which kinds of functions disagreements are the most frequent."""
        rates = {
            word: (n / self.with_word[word], n) for word, n in self.wrong_with_word.items() if n > 1
        }
        highest = sorted(rates.items(), key=lambda item: item[1], reverse=True)[:12]
        return "\n".join(
            f"  {n} of {self.with_word[word]} with: {word}" for word, (_, n) in highest
        )


def main(arguments: list[str] | None = None) -> int:
    """Compare as many functions as asked for; return 1 if any disagreed, or too little was said."""
    options = _parser().parse_args(arguments)
    mode = rewritten_mode(*options.including, numba=options.numba)
    tally = Tally(options.seed)
    for number in range(options.first, options.first + options.count):
        comparison = compare(options.seed, number, mode)
        tally.add(number, comparison)
        told = f"{options.seed}/{number}: {', '.join(comparison.training.words)}"
        if comparison.problems or options.verbose or options.count == 1:
            print(f"\n{told}")
        if comparison.not_compared and (options.verbose or options.count == 1):
            print(f"  not compared: {comparison.not_compared}")
        for problem in comparison.problems[: None if options.verbose else 3]:
            print(f"  {problem}")
        if options.count == 1:
            for function in comparison.functions:
                print()
                pytensor.dprint(function, print_type=options.verbose)
        print("x" if comparison.problems else ".", end="", flush=True)
        del comparison
        if number % 10 == 0:
            gc.collect()  # functions go round in circles, and 2000 of them fill the memory
    print(f"\n\n{tally.table()}")
    if tally.wrong:
        print(f"disagreed: {', '.join(map(str, tally.wrong))}\n{tally.suspects()}")
        print(
            "again, with its graph: python -m tests.compile.random_graphs "
            f"--seed {options.seed} --first {tally.wrong[0]} --count 1"
        )
    shortcomings = tally.shortcomings() if options.count >= ENOUGH else []
    if shortcomings:
        print(f"this says too little: {'; '.join(shortcomings)}")
    return int(bool(tally.wrong or shortcomings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.compile.random_graphs", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--count", type=int, default=300, help="functions (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of all choices (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first function")
    parser.add_argument("--verbose", action="store_true", help="describe each function")
    parser.add_argument("--numba", action="store_true", help="compile: 10 seconds a function")
    parser.add_argument(
        "--including", nargs="*", default=[], metavar="TAG", help="further rewrites, by their tags"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
