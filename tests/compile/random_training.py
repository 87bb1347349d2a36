"""Random training functions, put together from what people write.

`draft` chooses a model, activations, noise, a cost, penalties, what is done to the gradients, an
optimiser, what is done to the new weights, what else is returned and updated, and of what values
and in which memory layout the arrays are. All follows from a seed and a number, so the same
function can be built as often as it is needed, each time with shared variables of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.io import In
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.variable import TensorVariable

from deeptutorial import HiddenLayer, LogisticRegression, RandomStreams, dA

__all__ = ["Training", "draft"]

_FLOATS = ("float32", "float64")
BATCHES = (0, 1, 1, 2, 3, 5, 7, 10, 13, 17, 20, 20, 20, 31, 32, 33, 64, 100, 130)
BIASES = ("row", "scalar", "none")
WIDTHS = (1, 2, 3, 5, 7, 10, 13, 16, 17, 20, 31, 33, 48, 64, 97, 100, 130, 150, 200, 260)


@dataclass
class Given:
    """An input of the function, and what it is fed with."""

    variable: TensorVariable
    shape: tuple[int, ...]
    values: str
    layout: str
    mutable: bool

    def array(self, rng: np.random.Generator) -> np.ndarray:
        return LAYOUTS[self.layout](_values(rng, self.shape, self.values, self.variable.dtype))


@dataclass
class Training:
    """A function that is not yet compiled: what it is given, returns and updates."""

    words: list[str]
    seed: tuple[int, int]
    given: list[Given] = field(default_factory=list)
    outputs: list[Variable] = field(default_factory=list)
    updates: list[tuple[SharedVariable, Variable]] = field(default_factory=list)

    def inputs(self) -> list[In]:
        return [In(g.variable, mutable=g.mutable) for g in self.given]

    def arguments(self, step: int) -> list[np.ndarray]:
        """Return what to call the function with; the same at each call, in memory of its own."""
        rng = np.random.default_rng([*self.seed, step])
        return [given.array(rng) for given in self.given]


def draft(seed: int, number: int, **chosen: Callable) -> Training:
    """Build a random training function; some of its parts may be chosen.

    Parameters
    ----------
    optimiser, activation : function, optional
        In place of a random one: ``optimiser(draft, param, gradient, rate)`` returns other updates
        and the new value; ``activation(a)`` an array.
    """
    drawn = Draft(np.random.default_rng([seed, number]), chosen)
    with pytensor.config.change_flags(floatX=drawn.floatX):
        outputs, updates = drawn.function()
    return Training(drawn.words, (seed, number), drawn.given, outputs, updates)


class Draft:
    """A training function while it is put together."""

    def __init__(self, rng: np.random.Generator, chosen: dict[str, Callable]):
        self.rng, self.chosen = rng, chosen
        self.words: list[str] = []
        self.given: list[Given] = []
        self.params: list[TensorVariable] = []  # to be differentiated by, shared or given
        self.hidden: list[TensorVariable] = []
        self.products: list[TensorVariable] = []
        self.updates: list[tuple[SharedVariable, Variable]] = []
        self.own_gradients: dict[Variable, Variable] = {}
        self.floatX = "float32" if self.flip(0.85) else "float64"
        self.n_examples = int(rng.choice(BATCHES))
        self.n_rows = self.n_examples  # of the loss
        self.oddity = self.one_of((0, 0, 0.2, 0.5, 1))  # how seldom a part is a common one
        self.is_large = self.flip(0.02)
        self.data = self.one_of(ODD_VALUES if self.flip(0.25) else COMMON_VALUES)
        self.weight_values = self.one_of(ODD_VALUES) if self.flip(0.15) else "normal"
        self.words += [self.floatX, f"{self.n_examples} examples"]
        self.words += [f"{self.data} data", f"{self.weight_values} weights"]

    # ---- choices

    def flip(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one_of(self, values: Sequence):
        return values[self.rng.integers(len(values))]

    def pick(self, options: dict[str, Callable], common: Sequence[str] = ()) -> Callable:
        """Choose one, the common ones more often, and keep its name for the description."""
        is_odd = not common or self.flip(self.oddity)
        name = self.one_of(list(options) if is_odd else common)
        self.words.append(name)
        return options[name]

    def width(self) -> int:
        return int(self.one_of((500, 784) if self.is_large else WIDTHS))

    # ---- inputs and shared variables

    def input(self, shape: tuple, values: str = "", dtype: str = "", static=None) -> TensorVariable:
        """Let the function be given an array, in any memory layout."""
        variable = pt.tensor(dtype=dtype or self.floatX, shape=static or (None,) * len(shape))
        mutable = self.flip(0.03)
        layout = "C" if mutable or self.flip(0.6) else str(self.one_of(list(LAYOUTS)))
        self.given.append(Given(variable, shape, values or self.data, layout, mutable))
        return variable

    def shared(self, value: np.ndarray, static: tuple | None = None) -> SharedVariable:
        """Make a shared variable; now and then in another layout, or of a fixed shape."""
        if static is None and self.flip(0.1):
            static = value.shape
        variable = pytensor.shared(value, shape=static)
        if self.flip(0.15):
            layout = LAYOUTS[self.one_of(("Fortran", "strided", "reversed", "cut out"))]
            variable.set_value(layout(value), borrow=True)
        return variable

    def like(self, param: SharedVariable) -> SharedVariable:
        """Make an optimiser's memory of a parameter."""
        value = 0.1 * self.rng.random(param.get_value().shape)
        return pytensor.shared(np.asarray(value, param.dtype), shape=param.type.shape)

    def weights(self, n_in: int, n_out: int) -> TensorVariable:
        if self.flip(0.06):
            self.words.append("given weights")
            W = self.input((n_in, n_out), "normal")
        else:
            dtype = "float64" if self.flip(0.02) else self.floatX
            value = _values(self.rng, (n_in, n_out), self.weight_values, "float64")
            with np.errstate(over="ignore"):
                value = (value / np.sqrt(n_in) * self.one_of((0.3, 1, 4))).astype(dtype)
            W = self.shared(value)
        self.params.append(W)
        return W

    def bias(self, n: int):
        kind = "vector" if not self.flip(self.oddity / 2) else self.one_of(BIASES)
        if kind == "none":
            return 0
        shape = {"vector": (n,), "row": (1, n), "scalar": ()}[kind]
        value = self.rng.normal(size=shape).astype(self.floatX)
        b = self.shared(value, (1, None) if kind == "row" else None)
        self.params.append(b)
        return b

    def rate(self):
        """Return a learning rate, in one of the ways to have one."""
        value = self.one_of((0.01, 0.1, 0.1, 0.5, 1.0, 0.0))
        return self.pick(
            {
                "constant rate": lambda: value,
                "shared rate": lambda: pytensor.shared(np.asarray(value, self.floatX)),
                "given rate": lambda: self.input((), "unit"),
                "double rate": lambda: pt.cast(self.input((), "unit", "float64"), self.floatX),
                "decaying rate": lambda: value / (1 + 0.1 * self.counter()),
            },
            common=["constant rate"],
        )()

    def counter(self) -> TensorVariable:
        """Return a shared variable plus one, which the function counts with."""
        count = pytensor.shared(np.asarray(self.rng.integers(5), self.floatX))
        self.updates.append((count, count + 1))
        return count + 1

    def stream(self) -> RandomStreams:
        return RandomStreams(int(self.rng.integers(2**31)))

    def minibatch(self, n: int) -> TensorVariable:
        """Return examples of n numbers, in one of the ways to get them."""
        B = self.n_examples

        def of_a_set():
            data = self.shared(_values(self.rng, (3 * B + 1, n), self.data, self.floatX))
            index = pt.lscalar()
            self.given.append(Given(index, (), "binary", "C", mutable=False))
            return data[index * B : (index + 1) * B]

        ways = {
            "matrix": lambda: self.input((B, n)),
            "of a set": of_a_set,
            "transposed": lambda: self.input((n, B)).T,
            "integers": lambda: pt.cast(self.input((B, n), "bytes", "int64"), self.floatX),
            "bytes": lambda: self.input((B, n), "bytes", "uint8") / np.asarray(255, self.floatX),
            "booleans": lambda: pt.cast(self.input((B, n), "binary", "bool"), self.floatX),
            "doubles": lambda: pt.cast(self.input((B, n), "", "float64"), self.floatX),
        }
        if B == 1:
            ways["static row"] = lambda: self.input((1, n), static=(1, None))
        if n == 1:
            ways["static column"] = lambda: self.input((B, 1), static=(None, 1))
        return self.pick(ways, common=["matrix"])()

    # ---- parts of models

    def dropped(self, y: TensorVariable, n: int) -> TensorVariable:
        """Make noise in hidden units, now and then."""
        return self.noisy(y, n) if self.flip(0.12) else y

    def noisy(self, x: TensorVariable, n: int) -> TensorVariable:
        B, floatX = self.n_examples, self.floatX
        ways = {
            "no noise": lambda: x,
            "given mask": lambda: x * self.input((B, n), "binary"),
            "given booleans": lambda: x * self.input((B, n), "binary", "bool"),
            "given noise": lambda: x + self.input((B, n), "normal"),
            "hardly anything": lambda: x * self.input((B, n), "rare", "int8"),
            "integers": lambda: x * (2 * self.input((B, n), "binary", "int16") - 1),
            "salt and pepper": lambda: pt.switch(
                pt.neq(self.input((B, n), "bytes", "uint8") % 4, 0),
                x,
                self.input((B, n), "binary", "int8"),
            ),
            "compared": lambda: x * pt.cast(self.input((B, n), "unit") > 0.3, floatX),
            "chosen": lambda: pt.switch(self.input((B, n), "unit") > 0.3, x, 0),
            "coin flips": lambda: x * self.stream().binomial(x.shape, p=0.7, dtype=floatX),
            "normal draws": lambda: x + self.stream().normal(x.shape, std=0.1),
        }
        return self.pick(ways, common=["no noise", "coin flips", "given mask"])()

    def product(self, x: TensorVariable, W: TensorVariable) -> TensorVariable:
        self.products.append(pt.dot(x, W))
        return self.products[-1]

    def activate(self, a: TensorVariable) -> TensorVariable:
        function = self.chosen.get("activation") or self.pick(ACTIVATIONS, common=["sigmoid"])
        self.hidden.append(function(a))
        return self.hidden[-1]

    def layer(self, x: TensorVariable, n_in: int, n_out: int) -> TensorVariable:
        y = self.activate(self.product(x, self.weights(n_in, n_out)) + self.bias(n_out))
        return self.dropped(y, n_out)

    def loss(self, a: TensorVariable, target: TensorVariable) -> TensorVariable:
        """Return what each output unit costs."""
        return self.pick(LOSSES, common=["cross-entropy"])(a, target)

    def reduced(self, loss: TensorVariable) -> TensorVariable:
        """Make one number of the costs of all examples and units."""

        def by_rows():
            return loss.sum(axis=1) if loss.ndim == 2 else loss

        ways = {
            "mean of sums": lambda: by_rows().mean(),
            "mean": lambda: loss.mean(),
            "sum": lambda: loss.sum(),
            "mean over examples": lambda: loss.mean(axis=0).sum(),
            "weighted by a scalar": lambda: (self.input((), "unit") * loss).sum(),
            "weighted by a vector": lambda: (by_rows() * self.input((self.n_rows,), "unit")).mean(),
        }
        if loss.ndim == 2:
            column, row = (None, 1), (1, None)
            ways |= {
                "weighted by a column": lambda: (
                    loss * self.input((self.n_rows, 1), "unit", static=column)
                ).mean(),
                "weighted by a row": lambda: (
                    loss * self.input((1, 800), "unit", static=row)[:, : loss.shape[1]]
                ).sum(),
            }
        return self.pick(ways, common=["mean of sums"])()

    def penalise(self) -> list[TensorVariable]:
        """Return what is added to the cost."""
        matrices = [W for W in self.params if W.ndim == 2]
        terms = []
        if matrices and self.flip(0.35):
            strength = self.one_of((1e-4, 0.01, 0.3))
            terms += [strength * self.pick(PENALTIES)(W) for W in matrices]
        if self.hidden and self.flip(0.2):
            terms.append(0.1 * self.pick(SPARSITIES)(self.one_of(self.hidden)))
        return terms

    # ---- the whole function

    def function(self) -> tuple[list, list]:
        """Return the outputs and the updates."""
        loss = self.pick(MODELS, common=["tied", "tutorial's", "deep"])(self)
        if isinstance(loss, tuple):  # the library's own updates
            cost, updates = loss
            gradients, params = [], [target for target, _ in updates]
        else:
            cost = sum(self.penalise(), start=self.reduced(loss))
            params = list(dict.fromkeys(self.params))
            gradients = self.gradients(cost, params)
            updates = self.descend(params, gradients) if self.flip(0.93) else []
        updates = self.updates + updates
        outputs = self.outputs(cost, loss, params, gradients, updates)
        updates += self.further_updates(params, dict(updates), outputs)
        taken = {target for target, _ in updates}
        updates += [
            (state, state.default_update)
            for state in graph_inputs(outputs + [new for _, new in updates])
            if isinstance(state, SharedVariable)
            and state.default_update is not None
            and state not in taken
        ]
        return outputs, [(target, _as_value_of(target, new)) for target, new in updates]

    def gradients(self, cost: TensorVariable, params: list) -> list[TensorVariable]:
        if self.own_gradients:
            return [self.own_gradients.get(p, p * 0.01) for p in params]
        gradients = pt.grad(cost, params, disconnected_inputs="ignore")
        if self.flip(0.5):
            limit = self.one_of(LIMITS)
            gradients = self.pick(TREATMENTS)(gradients, limit)
            self.words.append(f"to {limit}")
        return gradients

    def descend(self, params: list, gradients: list) -> list[tuple]:
        optimiser = self.chosen.get("optimiser") or self.pick(OPTIMISERS, common=["descent"])
        finish = self.pick(FINISHES) if self.flip(0.3) else lambda draft, new: new
        rate, updates = self.rate(), []
        for param, gradient in zip(params, gradients, strict=True):
            if isinstance(param, SharedVariable):
                memory, new = optimiser(self, param, gradient, rate)
                updates += [*memory, (param, finish(self, new))]
        return updates

    def outputs(self, cost, loss, params: list, gradients: list, updates: list) -> list[Variable]:
        """Choose what else is returned besides the cost."""
        matrices = [p for p in params if getattr(p, "ndim", 0) == 2]
        choices = {
            "all gradients": gradients,
            "a gradient": gradients[:1],
            "its norm": [pt.sqrt(pt.sum(pt.sqr(g))) for g in gradients[:1]],
            "a product": self.products[:1],
            "hidden units": self.hidden[-1:],
            "old weights": matrices[:1],
            "old weights, transposed": [W.T for W in matrices[-1:]],
            "new weights": [new for target, new in updates if target in matrices][:1],
            "costs": [] if isinstance(loss, tuple) else [loss],
            "an input": [self.given[0].variable],
            "a product of its own": [
                pt.dot(self.input((3, W.get_value().shape[0])).astype(W.dtype), W)
                for W in matrices[:1]
                if isinstance(W, SharedVariable)
            ],
        }
        outputs = [cost]
        while self.flip(0.35):
            name = self.one_of(list(choices))
            self.words.append(f"returns {name}")
            outputs += choices[name]
        return outputs if self.flip(0.95) else outputs[1:]

    def further_updates(self, params: list, updates: dict, outputs: list) -> list[tuple]:
        """Choose what else is updated besides parameters and the memory of the optimiser."""
        learned = [p for p in params if p in updates and getattr(p, "dtype", "") in _FLOATS]
        ways = {
            "averages": lambda: [
                (mean, 0.9 * mean + 0.1 * updates[p]) for p in learned for mean in [self.like(p)]
            ],
            "keeps old values": lambda: [(self.like(p), p) for p in learned],
            "keeps new values": lambda: [(self.like(p), updates[p]) for p in learned],
            "keeps the transpose": lambda: [
                (self.shared(p.get_value().T), p.T)
                for p in learned
                if p.ndim == 2 and 1 not in p.type.shape
            ],
            "swaps": lambda: _swapped(self.weights(4, 6), self.weights(4, 6)),
            "uses another's old value": lambda: [
                (self.shared(np.ones((), self.floatX)), pt.sum(p)) for p in learned[:1]
            ],
            "counts": lambda: [(pytensor.shared(np.int64(3)), self.counter() * 2)],
        }
        if not self.flip(0.3):
            return []
        further = self.pick(ways)()
        counted = [update for update in self.updates if update[0] not in updates]
        return [*further, *counted]


def _swapped(P: Variable, Q: Variable) -> list[tuple]:
    if isinstance(P, SharedVariable) and isinstance(Q, SharedVariable):
        return [(P, Q), (Q, P)]
    return []


def _as_value_of(target: SharedVariable, new: Variable) -> Variable:
    """Cast a new value to the type of a shared variable, as one has to."""
    is_other = getattr(target, "dtype", None) != getattr(new, "dtype", None)
    return pt.cast(new, target.dtype) if is_other else new


# ---- values and layouts

COMMON_VALUES = ("unit", "unit", "normal", "wide")
ODD_VALUES = ("large", "huge", "tiny", "denormal", "zero", "sparse", "NaN", "infinite", "mixed")


def _values(rng: np.random.Generator, shape: tuple, kind: str, dtype: str) -> np.ndarray:
    """Draw an array of some kind of values."""
    normal = rng.normal(size=shape)
    if kind == "unit":
        values = rng.random(shape)
    elif kind == "binary":
        values = rng.integers(2, size=shape)
    elif kind == "rare":
        values = rng.random(shape) < 0.15
    elif kind == "bytes":
        values = rng.integers(256, size=shape)
    elif kind in ("NaN", "infinite"):
        values = np.array(normal)
        for _ in range(min(rng.integers(1, 4), values.size)):
            sign = rng.choice([-1, 1])
            values.flat[rng.integers(values.size)] = np.nan if kind == "NaN" else sign * np.inf
    else:
        scales = {
            "wide": 30,
            "large": 10 ** rng.uniform(3, 15),
            "huge": 10 ** rng.uniform(18, 37),
            "tiny": 10 ** -rng.uniform(10, 30),
            "denormal": 10 ** -rng.uniform(37, 45),
            "zero": 0,
            "sparse": rng.random(shape) < 0.1,
            "mixed": 10 ** rng.uniform(-6, 6, shape),
        }
        values = normal * scales.get(kind, 1)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype)


def _strided(array: np.ndarray) -> np.ndarray:
    spread = np.zeros([2 * n for n in array.shape], array.dtype)
    view = spread[(..., *[slice(None, None, 2)] * array.ndim)]
    view[...] = array
    return view


def _cut_out(array: np.ndarray) -> np.ndarray:
    around = np.full([n + 5 for n in array.shape], 77, array.dtype)
    view = around[(..., *[slice(2, -3)] * array.ndim)]
    view[...] = array
    return view


def _repeated(array: np.ndarray) -> np.ndarray:
    """Return the first row as often as there are rows, all in one place."""
    return np.broadcast_to(array[:1], array.shape) if array.ndim and array.size else array


def _reversed(array: np.ndarray) -> np.ndarray:
    backwards = (..., *[slice(None, None, -1)] * array.ndim)
    return array[backwards].copy()[backwards]


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


LAYOUTS = {
    "C": lambda array: array,
    "Fortran": lambda array: array.copy(order="F"),
    "strided": _strided,
    "reversed": _reversed,
    "cut out": _cut_out,
    "repeated": _repeated,
    "read-only": _read_only,
}


# ---- elementwise functions

ACTIVATIONS = {
    "sigmoid": pt.sigmoid,
    "written sigmoid": lambda a: 1 / (1 + pt.exp(-a)),
    "tanh": pt.tanh,
    "relu": lambda a: pt.maximum(0, a),
    "leaky relu": lambda a: pt.switch(a > 0, a, 0.01 * a),
    "relu by product": lambda a: a * (a > 0),
    "softplus": pt.softplus,
    "linear": lambda a: a,
    "hard sigmoid": lambda a: pt.clip(0.2 * a + 0.5, 0, 1),
    "square": pt.sqr,
    "bell": lambda a: pt.exp(-pt.sqr(a)),
    "swish": lambda a: a * pt.sigmoid(a),
    "elu": lambda a: pt.switch(a > 0, a, pt.expm1(a)),
    "absolute": abs,
    "softsign": lambda a: a / (1 + abs(a)),
    "peak": lambda a: 1 / (1 + pt.sqr(a)),
    "power": lambda a: pt.sign(a) * abs(a) ** 0.7,
    "sine": pt.sin,
    "cosine": pt.cos,
    "logarithm": lambda a: pt.log1p(abs(a)),
    "cut": lambda a: pt.switch(abs(a) > 5, 0, a),
    "saturated sigmoid": lambda a: pt.switch(a > 8, 1, pt.sigmoid(a)),
    "sigmoid of clip": lambda a: pt.sigmoid(pt.clip(a, -6, 6)),
    "gelu": lambda a: 0.5 * a * (1 + pt.erf(a / np.float32(np.sqrt(2)))),
}

LOSSES = {
    "cross-entropy": lambda a, t: _cross_entropy(pt.sigmoid(a), t),
    "cross-entropy + epsilon": lambda a, t: _cross_entropy(pt.sigmoid(a), t, 1e-8),
    "cross-entropy of maximum": lambda a, t: (
        -(
            t * pt.log(pt.maximum(pt.sigmoid(a), 1e-6))
            + (1 - t) * pt.log(pt.maximum(1 - pt.sigmoid(a), 1e-6))
        )
    ),
    "cross-entropy of clip": lambda a, t: _cross_entropy(pt.clip(pt.sigmoid(a), 1e-6, 1 - 1e-6), t),
    "cross-entropy of softplus": lambda a, t: pt.softplus(a) - t * a,
    "half an entropy": lambda a, t: -t * pt.log(pt.sigmoid(a)),
    "squared error": lambda a, t: (a - t) ** 2,
    "squared error of sigmoid": lambda a, t: pt.sqr(pt.sigmoid(a) - t),
    "squared error of tanh": lambda a, t: 0.5 * pt.sqr(pt.tanh(a) - t),
    "absolute error": lambda a, t: abs(a - t),
    "Huber": lambda a, t: pt.switch(abs(a - t) < 1, 0.5 * (a - t) ** 2, abs(a - t) - 0.5),
    "hinge": lambda a, t: pt.maximum(0, 1 - (2 * t - 1) * a),
    "squared hinge": lambda a, t: pt.sqr(pt.maximum(0, 1 - (2 * t - 1) * a)),
    "Cauchy": lambda a, t: pt.log1p(pt.sqr(a - t)),
    "power of error": lambda a, t: abs(a - t) ** 1.5,
    "wrong signs": lambda a, t: pt.switch(pt.xor(a > 0, t > 0.5), abs(a), 0),
    "Poisson": lambda a, t: pt.exp(pt.clip(a, -10, 10)) - t * a,
    "linear": lambda a, t: a * t,
}


def _cross_entropy(z, t, epsilon=0):
    if epsilon:
        return -(t * pt.log(z + epsilon) + (1 - t) * pt.log(1 - z + epsilon))
    return -(t * pt.log(z) + (1 - t) * pt.log(1 - z))


PENALTIES = {
    "L1": lambda W: abs(W).sum(),
    "L2": lambda W: (W**2).sum(),
    "mean L2": lambda W: pt.sqr(W).mean(),
    "orthogonality": lambda W: pt.sqr(pt.dot(W.T, W)).sum(),
    "column norms": lambda W: pt.sqrt(pt.sqr(W).sum(axis=0) + 1e-6).sum(),
}

SPARSITIES = {
    "L1 of units": lambda y: abs(y).sum(axis=1).mean(),
    "L2 of units": lambda y: pt.sqr(y).mean(),
    "KL of means": lambda y: _divergence(0.05, pt.clip(y.mean(axis=0), 0.01, 0.99)).sum(),
    "variance of units": lambda y: y.var(axis=0).sum(),
}


def _divergence(rho, mean):
    return rho * pt.log(rho / mean) + (1 - rho) * pt.log((1 - rho) / (1 - mean))


# ---- what is done to gradients and to new weights


def _by_norm(gradients, limit):
    norm = pt.sqrt(sum(pt.sum(pt.sqr(g)) for g in gradients))
    return [pt.switch(norm > limit, g * limit / norm, g) for g in gradients]


LIMITS = (1e-3, 0.03, 0.1, 1, 3, 5, 100, 1e4)
TREATMENTS = {
    "clipped": lambda gs, limit: [pt.clip(g, -limit, limit) for g in gs],
    "clipped from above": lambda gs, limit: [pt.minimum(g, limit) for g in gs],
    "finite only": lambda gs, _: [pt.switch(pt.isnan(g) | pt.isinf(g), 0, g) for g in gs],
    "no NaN": lambda gs, _: [pt.switch(pt.isnan(g), 0, g) for g in gs],
    "unequal to themselves": lambda gs, _: [pt.switch(pt.neq(g, g), 0, g) for g in gs],
    "in between": lambda gs, limit: [
        pt.switch(~((g > limit) | (g <= -limit)), g, limit) for g in gs
    ],
    "by their norm": _by_norm,
    "each by its norm": lambda gs, _: [g / (pt.sqrt(pt.sum(pt.sqr(g))) + 1e-6) for g in gs],
    "centred": lambda gs, _: [g - g.mean() for g in gs],
    "by columns' means": lambda gs, _: [g - g.mean(axis=0) if g.ndim == 2 else g for g in gs],
    "squashed": lambda gs, limit: [limit * pt.tanh(g / limit) for g in gs],
    "large ones dropped": lambda gs, limit: [pt.switch(abs(g) > limit, 0, g) for g in gs],
}


def _max_norm(draft, new):
    if new.ndim != 2:
        return new
    norms = pt.sqrt(pt.sum(pt.sqr(new), axis=0))
    return new * (pt.clip(norms, 0, 1) / (norms + 1e-7))


FINISHES = {
    "clipped weights": lambda draft, new: pt.clip(new, -(c := draft.one_of(LIMITS)), c),
    "max-norm": _max_norm,
    "no negative weights": lambda draft, new: pt.maximum(new, 0),
    "shrunk weights": lambda draft, new: pt.sign(new) * pt.maximum(abs(new) - 1e-3, 0),
    "decayed weights": lambda draft, new: 0.999 * new,
    "capped weights": lambda draft, new: pt.switch(abs(new) > (c := draft.one_of(LIMITS)), c, new),
}


# ---- optimisers: (draft, param, gradient, rate) -> updates of their memory, the new value


def _descent(draft, p, g, rate):
    return [], p - rate * g


def _momentum(draft, p, g, rate):
    v = draft.like(p)
    step = 0.9 * v - rate * g
    return [(v, step)], p + step


def _nesterov(draft, p, g, rate):
    v = draft.like(p)
    step = 0.9 * v - rate * g
    return [(v, step)], p + 0.9 * step - rate * g


def _delayed(draft, p, g, rate):
    v = draft.like(p)
    return [(v, 0.5 * v + g)], p - rate * v


def _adagrad(draft, p, g, rate):
    s = draft.like(p)
    total = s + pt.sqr(g)
    return [(s, total)], p - rate * g / pt.sqrt(total + 1e-6)


def _rmsprop(draft, p, g, rate):
    s = draft.like(p)
    mean = 0.9 * s + 0.1 * g**2
    return [(s, mean)], p - rate * g / (pt.sqrt(mean) + 1e-6)


def _by_a_root(draft, p, g, rate):
    s = draft.like(p)
    mean = 0.9 * s + 0.1 * pt.sqr(g)
    return [(s, mean)], p - rate * g / (mean + 1e-6) ** 0.3


def _adadelta(draft, p, g, rate):
    s, d = draft.like(p), draft.like(p)
    mean = 0.95 * s + 0.05 * pt.sqr(g)
    step = pt.sqrt(d + 1e-6) / pt.sqrt(mean + 1e-6) * g
    return [(s, mean), (d, 0.95 * d + 0.05 * pt.sqr(step))], p - step


def _adam(draft, p, g, rate, decay=0):
    m, v, t = draft.like(p), draft.like(p), draft.counter()
    mean, square = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    step = mean / (1 - 0.9**t) / (pt.sqrt(square / (1 - 0.999**t)) + 1e-8)
    return [(m, mean), (v, square)], p - rate * (step + decay * p)


def _signs(draft, p, g, rate):
    return [], p - rate * pt.sign(g)


def _lion(draft, p, g, rate):
    m = draft.like(p)
    return [(m, 0.99 * m + 0.01 * g)], p - rate * (pt.sign(0.9 * m + 0.1 * g) + 0.01 * p)


def _rprop(draft, p, g, rate):
    before, size = draft.like(p), draft.like(p)
    grown = size * pt.switch(before * g > 0, 1.2, 0.5).astype(p.dtype)
    return [(before, g), (size, grown)], p - pt.sign(g) * grown


OPTIMISERS = {
    "descent": _descent,
    "descent, added": lambda draft, p, g, rate: ([], p + (-rate) * g),
    "descent with decay": lambda draft, p, g, rate: ([], p - rate * g - 0.01 * p),
    "momentum": _momentum,
    "Nesterov": _nesterov,
    "delayed": _delayed,
    "AdaGrad": _adagrad,
    "RMSProp": _rmsprop,
    "another root": _by_a_root,
    "AdaDelta": _adadelta,
    "Adam": _adam,
    "AdamW": lambda draft, p, g, rate: _adam(draft, p, g, rate, decay=0.01),
    "signs": _signs,
    "Lion": _lion,
    "Rprop": _rprop,
}


# ---- models: draft -> what each example, or each of its units, costs


def _tied(d: Draft):
    n, m = d.width(), d.width()
    x, W = d.minibatch(n), d.weights(n, m)
    y = d.dropped(d.activate(d.product(d.noisy(x, n), W) + d.bias(m)), m)
    return d.loss(d.product(y, W.T) + d.bias(n), x)


def _tutorial(d: Draft):
    """Write a dA as the tutorial does, up to what is done with its gradient."""
    n, m = d.width(), d.width()
    x, W = d.minibatch(n), d.weights(n, m)
    b, c = (d.shared(d.rng.normal(size=k).astype(d.floatX)) for k in (m, n))
    d.params += [b, c]
    d.hidden.append(pt.sigmoid(pt.dot(d.noisy(x, n), W) + b))
    z = pt.sigmoid(pt.dot(d.hidden[0], W.T) + c)
    return -pt.sum(x * pt.log(z) + (1 - x) * pt.log(1 - z), axis=1)


def _contractive(d: Draft):
    """Write a contractive autoencoder as the tutorial does, with an array of three axes."""
    n, m = min(d.width(), 64), min(d.width(), 64)
    x, W = d.minibatch(n), d.weights(n, m)
    y = pt.sigmoid(d.product(x, W) + d.bias(m))
    d.hidden.append(y)
    slope, shape = y * (1 - y), (d.n_examples, 1, m)
    slope = pt.reshape(slope, shape) if d.flip(0.5) else slope[:, None, :]
    jacobian = slope * (pt.reshape(W, (1, n, m)) if d.flip(0.5) else W[None])
    size = (
        pt.sum(jacobian**2, axis=(1, 2)) if d.flip(0.5) else pt.sum(jacobian**2) / max(d.n_rows, 1)
    )
    return d.loss(d.product(y, W.T) + d.bias(n), x).sum(axis=1) + 0.1 * size


def _library_dA(d: Draft):
    n, m = d.width(), d.width()
    kind = d.one_of(("masking", "masking", "gaussian", "salt-and-pepper"))
    cost = d.one_of(("cross-entropy", "cross-entropy", "squared-error"))
    d.words += [kind, cost]
    rng = np.random.RandomState(d.rng.integers(2**31))
    da = dA(
        rng,
        input=d.minibatch(n),
        n_visible=n,
        n_hidden=m,
        corruption=kind,
        reconstruction_cost=cost,
    )
    level = d.one_of((0.0, 0.3, 1.0, None))
    level = d.input((), "unit") if level is None else level
    cost, updates = da.get_cost_updates(level, d.one_of((0.1, 0.0, 1.0)))
    d.hidden.append(da.get_hidden_values(da.x))
    return cost, list(updates)


def _library_network(d: Draft):
    n, m, k = d.width(), d.width(), d.one_of((2, 3, 10))
    rng = np.random.RandomState(d.rng.integers(2**31))
    hidden = HiddenLayer(rng, d.minibatch(n), n, m, activation=d.one_of((pt.tanh, pt.sigmoid)))
    top = LogisticRegression(hidden.output, m, k)
    d.params += [*hidden.params, *top.params]
    d.hidden.append(hidden.output)
    return top.negative_log_likelihood(_labels(d, k)).dimshuffle("x")


def _untied(d: Draft):
    n, m = d.width(), d.width()
    x = d.minibatch(n)
    y = d.layer(d.noisy(x, n), n, m)
    return d.loss(d.product(y, d.weights(m, n)) + d.bias(n), x)


def _deep(d: Draft):
    widths = [d.width() for _ in range(d.one_of((2, 3, 4)))]
    x = d.noisy(d.minibatch(widths[0]), widths[0])
    for below, above in pairwise(widths):
        x = d.layer(x, below, above)
    k = d.width()
    a = d.product(x, d.weights(widths[-1], k)) + d.bias(k)
    return d.loss(a, d.input((d.n_examples, k)))


def _classifier(d: Draft):
    n, m, k = d.width(), d.width(), d.one_of((1, 2, 3, 10))
    y = d.layer(d.minibatch(n), n, m) if d.flip(0.6) else d.minibatch(m)
    a = d.product(y, d.weights(m, k)) + d.bias(k)
    labels = _labels(d, k)
    rows = pt.arange(labels.shape[0])
    return d.pick(
        {
            "log of softmax": lambda: -pt.log(pt.special.softmax(a, axis=1))[rows, labels],
            "log_softmax": lambda: -pt.special.log_softmax(a, axis=1)[rows, labels],
            "logsumexp": lambda: pt.logsumexp(a, axis=1) - a[rows, labels],
        }
    )()


def _labels(d: Draft, k: int) -> TensorVariable:
    labels = d.input((d.n_examples,), "bytes", d.one_of(("int32", "int64", "uint8")))
    return labels % k if labels.dtype != "uint8" else pt.cast(labels, "int32") % k


def _used_twice(d: Draft):
    n = min(d.width(), 130)
    x, W = d.minibatch(n), d.weights(n, n)
    y = d.activate(d.product(d.activate(d.product(x, W) + d.bias(n)), W) + d.bias(n))
    return d.loss(y, d.input((d.n_examples, n)))


def _recurrent(d: Draft):
    n, m = min(d.width(), 64), min(d.width(), 64)
    W, U, b = d.weights(n, m), d.weights(m, m), d.bias(m)
    activate = d.chosen.get("activation") or d.pick(ACTIVATIONS, common=["sigmoid"])
    h = pt.zeros((d.n_examples, m), dtype=d.floatX)
    for _ in range(3):
        h = activate(pt.dot(d.minibatch(n), W) + pt.dot(h, U) + b)
    return d.loss(h, d.input((d.n_examples, m)))


def _two_noises(d: Draft):
    n, m = d.width(), d.width()
    x, W, b = d.minibatch(n), d.weights(n, m), d.bias(m)
    first, second = (d.activate(d.product(d.noisy(x, n), W) + b) for _ in range(2))
    return d.loss(first, second)


def _linear(d: Draft):
    n, m = d.width(), d.width()
    x, W = d.minibatch(n), d.weights(n, m)
    return d.loss(d.product(d.product(x, W), W.T), x)


def _transposed(d: Draft):
    n, m = d.width(), d.width()
    W = d.weights(m, n)
    a = pt.dot(W, d.minibatch(n).T)
    d.hidden.append(d.activate(a.T))
    return d.loss(a.T, d.input((d.n_examples, m)))


def _regression(d: Draft):
    n = d.width()
    w = d.shared(d.rng.normal(size=n).astype(d.floatX))
    d.params.append(w)
    return d.loss(pt.dot(d.minibatch(n), w), d.input((d.n_examples,), "unit"))


def _gated(d: Draft):
    """Let two products come out of one layer, so that two come back to it."""
    k, n, m = d.width(), d.width(), d.width()
    x = d.layer(d.minibatch(k), k, n)
    a = d.product(x, d.weights(n, m)) * pt.sigmoid(d.product(x, d.weights(n, m)) + d.bias(m))
    return d.loss(a, d.input((d.n_examples, m)))


def _normalised(d: Draft):
    n, m = d.width(), d.width()
    a = d.product(d.minibatch(n), d.weights(n, m))
    a = (a - a.mean(axis=0)) / pt.sqrt(a.var(axis=0) + 1e-3)
    return d.loss(d.activate(a), d.input((d.n_examples, m)))


def _residual(d: Draft):
    n = d.width()
    x = d.minibatch(n)
    return d.loss(x + d.layer(x, n, n), d.input((d.n_examples, n)))


def _factors(d: Draft):
    n, m, k = d.width(), d.width(), d.one_of((1, 2, 5))
    U, V = d.weights(n, k), d.weights(m, k)
    d.n_rows = n
    return d.loss(d.product(U, V.T), d.input((n, m))) * d.input((n, m), "binary")


def _attention(d: Draft):
    n, m = min(d.width(), 64), min(d.width(), 64)
    x = d.minibatch(n)
    queries, keys, values = (d.product(x, d.weights(n, m)) for _ in range(3))
    mixed = pt.dot(pt.special.softmax(pt.dot(queries, keys.T) / np.float32(m), axis=1), values)
    return d.loss(mixed, d.input((d.n_examples, m)))


def _contrast(d: Draft):
    """Learn by a rule that is not the gradient of the cost, as contrastive divergence does."""
    n, m = d.width(), d.width()
    x, W, b, c = d.minibatch(n), d.weights(n, m), d.bias(m), d.bias(n)
    h = pt.sigmoid(pt.dot(x, W) + b)
    v = pt.sigmoid(pt.dot(d.noisy(h, m), W.T) + c)
    again = pt.sigmoid(pt.dot(v, W) + b)
    d.own_gradients[W] = (pt.dot(v.T, again) - pt.dot(x.T, h)) / np.float32(10)
    d.hidden += [h, v]
    return (x - v) ** 2


def _products_only(d: Draft):
    """Do nothing to a product, or hardly anything."""
    n, m = d.width(), d.width()
    x, W = d.minibatch(n), d.weights(n, m)
    return d.pick(
        {
            "bare": lambda: d.product(x, W),
            "summed": lambda: d.product(x, W).sum(axis=1),
            "times a column": lambda: (
                d.product(x, W) * d.input((d.n_examples, 1), static=(None, 1))
            ),
            "with itself": lambda: d.product(x, x.T),
            "squared": lambda: d.product(x, W) ** 2,
            "of products": lambda: d.product(x, pt.dot(W, W.T)),
        }
    )()


MODELS = {
    "tied": _tied,
    "tutorial's": _tutorial,
    "contractive": _contractive,
    "the library's dA": _library_dA,
    "the library's network": _library_network,
    "untied": _untied,
    "deep": _deep,
    "classifier": _classifier,
    "used twice": _used_twice,
    "recurrent": _recurrent,
    "two noises": _two_noises,
    "linear autoencoder": _linear,
    "transposed layer": _transposed,
    "regression": _regression,
    "gated": _gated,
    "normalised": _normalised,
    "residual": _residual,
    "factors": _factors,
    "attention": _attention,
    "contrast": _contrast,
    "products only": _products_only,
}
