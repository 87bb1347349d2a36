"""Each backend that is installed, beside the default one: the same costs, parameters and masks."""

import copy
import importlib.util
import pickle
import sys
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import dA as script
import deeptutorial
from deeptutorial import BackendError, LogisticRegression, RandomStreams, SdA, dA
from deeptutorial.commands.script_options import dA_options
from deeptutorial.compile import BACKENDS
from deeptutorial.training import mean_cost

BATCH_SIZE = 10
N_TRAIN = 50 * BATCH_SIZE
TOLERANCE = {"float32": 1e-4, "float64": 1e-8}


def why_not(backend):
    """Return why a backend is not tested here; an empty text if it is."""
    if backend == "c" and sys.version_info >= (3, 12):
        return "compiling C++ takes a minute; it is tested on Python 3.11"
    if backend == "c":
        return "" if pytensor.config.cxx else "there is no C++ compiler"
    module = {"pytorch": "torch"}.get(backend, backend)
    return "" if importlib.util.find_spec(module) else f"{module} is not installed"


OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(why_not(name)), reason=why_not(name)))
    for name in BACKENDS
    if name != "numba"
]
ON_DEVICES = [backend for backend in OTHERS if backend.values != ("c",)]
PRECISIONS = [
    # Compiling C++ takes long; one precision is enough.
    pytest.param(*backend.values, floatX, marks=backend.marks)
    for backend in OTHERS
    for floatX in ("float32", "float64")
    if backend.values != ("c",) or floatX == "float32"
]


@contextmanager
def using(backend, floatX="float32"):
    """Compile for a backend, and put everything back afterwards."""
    before = pytensor.config.mode
    try:
        with pytensor.config.change_flags(floatX=floatX):
            deeptutorial.use(backend)
            yield
    finally:
        pytensor.config.mode = before


@pytest.fixture(params=ON_DEVICES)
def backend(request):
    """Return a backend with a device of its own, for which there is code in this project."""
    with using(request.param):
        yield request.param


def images(n):
    """Return rows that have some structure: noisy copies of five patterns, mostly zeros."""
    rng = np.random.default_rng(7)
    labels = np.arange(n) % 5
    patterns = rng.random((5, 36)) < 0.3
    return np.where(rng.random((n, 36)) < 0.1, rng.random((n, 36)), patterns[labels]), labels


def shared_part(n):
    rows, labels = images(n)
    in_floatX = (np.asarray(part, dtype=pytensor.config.floatX) for part in (rows, labels))
    set_x, set_y = map(pytensor.shared, in_floatX)
    return set_x, pt.cast(set_y, "int32")


def compiled_dA(corruption_level, n_train=N_TRAIN, corruption="masking"):
    """Compile the step of a small dA as `dA.py` does."""
    set_x, _ = shared_part(n_train)
    index, x = pt.lscalar("index"), pt.matrix("x")
    rng = np.random.RandomState(123)
    stream = RandomStreams(rng.randint(2**30))
    da = dA(rng, stream, input=x, n_visible=36, n_hidden=20, corruption=corruption)
    cost, updates = da.get_cost_updates(corruption_level, learning_rate=0.3)
    train_da = pytensor.function(
        [index],
        cost,
        updates=updates,
        givens={x: set_x[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]},
    )
    return da, train_da


def four_epochs(train):
    return np.array([train(i) for _ in range(4) for i in range(50)], dtype="float64")


def values(params):
    return [param.get_value() for param in params]


@cache
def run_dA(backend, floatX, corruption_level):
    with using(backend, floatX):
        da, train_da = compiled_dA(corruption_level)
        return four_epochs(train_da), values(da.params)


@cache
def run_SdA(backend, floatX):
    with using(backend, floatX):
        network = SdA(np.random.RandomState(5), None, 36, [20, 15], n_outs=5)
        datasets = [shared_part(n) for n in (N_TRAIN, 60, 50)]
        rate = pytensor.shared(np.asarray(0.5, dtype=floatX))
        train_fn, valid_score, test_score = network.build_finetune_functions(
            datasets, BATCH_SIZE, rate
        )
        costs = []
        for _ in range(4):
            costs += [train_fn(i) for i in range(50)]
            rate.set_value((rate.get_value() * 0.8).astype(floatX))
        scores = valid_score() + test_score()
        return np.array(costs, dtype="float64"), scores, values(network.params)


def training_step(n_rows, batch_size=4):
    """Compile the step of a small dA; return it and the dA."""
    da = dA(numpy_rng=np.random.RandomState(1), n_visible=6, n_hidden=3)
    index = pt.lscalar("index")
    rows = pytensor.shared(np.linspace(0, 1, n_rows * 6).reshape(n_rows, 6).astype("float32"))
    cost, updates = da.get_cost_updates(0.0, 0.1)
    batch = rows[index * batch_size : (index + 1) * batch_size]
    return pytensor.function([index], cost, updates=updates, givens={da.x: batch}), da


@pytest.mark.parametrize("name", ["numba", *OTHERS])
def test_a_minibatch_that_does_not_exist(name):
    """Index and number are named, and nothing is learned from no rows."""
    with using(name):
        step, da = training_step(n_rows=22)
        costs = [float(step(i)) for i in range(6)]  # the last one has two rows
        assert np.isfinite(costs).all()
        before = [param.get_value() for param in da.params]
        for index in (6, -1, 40, 2**62, -(2**62)):
            with pytest.raises(IndexError, match=f"no minibatch {index}: 22 rows make 6 minib"):
                float(step(index))
        for old, param in zip(before, da.params, strict=True):
            np.testing.assert_array_equal(param.get_value(), old)


@pytest.mark.parametrize(("name", "floatX"), PRECISIONS)
def test_dA_without_corruption(name, floatX):
    costs, params = run_dA(name, floatX, 0.0)
    expected_costs, expected_params = run_dA("numba", floatX, 0.0)
    assert costs[-1] < 0.8 * costs[0]
    np.testing.assert_allclose(costs, expected_costs, rtol=TOLERANCE[floatX])
    for param, expected in zip(params, expected_params, strict=True):
        assert type(param) is np.ndarray
        assert param.dtype == floatX
        np.testing.assert_allclose(
            param, expected, rtol=TOLERANCE[floatX], atol=TOLERANCE[floatX] / 10
        )


@pytest.mark.parametrize(
    ("name", "floatX"),
    # Compiling it in C++ takes twenty seconds.
    [
        pytest.param(*p.values, marks=[*p.marks, *([pytest.mark.slow] if "c" in p.values else [])])
        for p in PRECISIONS
    ],
)
def test_finetuning(name, floatX):
    costs, scores, params = run_SdA(name, floatX)
    expected_costs, expected_scores, expected_params = run_SdA("numba", floatX)
    assert costs[-50:].mean() < 0.8 * costs[:50].mean()
    np.testing.assert_allclose(costs, expected_costs, rtol=TOLERANCE[floatX])
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-6)
    for param, expected in zip(params, expected_params, strict=True):
        np.testing.assert_allclose(
            param, expected, rtol=TOLERANCE[floatX], atol=TOLERANCE[floatX] / 10
        )


@pytest.mark.parametrize("name", ON_DEVICES)
def test_an_epoch_with_corruption_costs_as_much(name):
    costs, _ = run_dA(name, "float32", 0.3)
    expected, _ = run_dA("numba", "float32", 0.3)
    clean, _ = run_dA("numba", "float32", 0.0)
    assert costs[-50:].mean() == pytest.approx(expected[-50:].mean(), rel=5e-3)
    assert costs[-50:].mean() > 1.05 * clean[-50:].mean()  # it is corrupted


def test_the_same_seed_gives_the_same_bits(backend):
    first, again = (compiled_dA(0.3) for _ in range(2))
    np.testing.assert_array_equal(four_epochs(first[1]), four_epochs(again[1]))
    np.testing.assert_array_equal(first[0].W.get_value(), again[0].W.get_value())


def test_masks(backend):
    coin = RandomStreams(1).binomial(size=(100, 784), n=1, p=0.7, dtype="float32")
    other_coin = RandomStreams(2).binomial(size=(100, 784), n=1, p=0.7, dtype="float32")
    throw = pytensor.function([], [coin, other_coin])
    masks = np.stack([np.asarray(mask) for _ in range(10) for mask in throw()])
    assert masks.dtype == np.float32
    assert set(np.unique(masks)) == {0, 1}
    # Binomial: five standard deviations of the mean, and of the agreement of two masks.
    assert masks.mean() == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / masks.size))
    agreement = (masks[:-1] == masks[1:]).mean(axis=(1, 2))
    expected = 0.7**2 + 0.3**2
    assert np.abs(agreement - expected).max() < 5 * np.sqrt(expected * (1 - expected) / 78400)
    with using("numba"):
        on_numba = pytensor.function([], RandomStreams(1).binomial((100, 784), 1, 0.7, "float32"))
        np.testing.assert_array_equal(masks[0], on_numba())


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_uniform_and_normal(backend, floatX):
    """The numbers of the default backend, to the last bit, call by call."""

    def draws():
        streams = RandomStreams(3)
        drawn = [streams.uniform((1000, 9)), streams.normal((1001, 9))]
        return pytensor.function([], drawn)

    with pytensor.config.change_flags(floatX=floatX):
        draw = draws()
        with using("numba", floatX):
            expected = draws()
        for _ in range(3):
            for numbers, same in zip(draw(), expected(), strict=True):
                assert np.asarray(numbers).dtype == floatX
                np.testing.assert_array_equal(numbers, same)


def test_what_is_left_over_at_the_end_of_a_set(backend):
    expected_costs, expected_W = left_over_costs("numba")
    costs, W = left_over_costs(backend)
    np.testing.assert_allclose(costs, expected_costs, rtol=1e-4)
    np.testing.assert_allclose(W, expected_W, rtol=1e-4, atol=1e-5)


def left_over_costs(backend):
    """Train on two whole minibatches, on one of four rows, and on those before the end of a set."""
    with using(backend):
        da, train_da = compiled_dA(0.3, n_train=2 * BATCH_SIZE + 4)
        return [float(train_da(i)) for i in (0, 1, 2, 0, 2, -2)], da.W.get_value()


@pytest.mark.parametrize("corruption", ["salt-and-pepper", "gaussian"])
def test_other_corruption(backend, corruption):
    with using("numba"):
        expected = four_epochs(compiled_dA(0.2, corruption=corruption)[1])
    costs = four_epochs(compiled_dA(0.2, corruption=corruption)[1])
    assert costs[-50:].mean() == pytest.approx(expected[-50:].mean(), rel=1e-3)


def test_shared_variables_in_between(backend):
    """What is read is up to date, and what is set is taken."""
    with using("numba"):
        expected = in_between()
    np.testing.assert_allclose(in_between(), expected, rtol=1e-4)


def in_between():
    da, train_da = compiled_dA(0.0)
    seen = []
    for i in range(6):
        cost = train_da(i)
        seen.append(float(da.W.get_value(borrow=True)[0, 0]))
        if i == 2:
            da.W.set_value(da.W.get_value() / 2)
        if i == 4:
            da.b.set_value(np.full(20, 0.1, dtype="float32"), borrow=True)
        seen.append(float(cost))
    changed = da.W.get_value()
    changed[:] = 0  # a copy
    seen.append(float(da.W.get_value()[0, 0]))
    train_da(7)
    seen += [float(v.get_value().sum()) for v in (copy.deepcopy(da.W), copy.deepcopy(da.b))]
    train_da(8)
    seen.append(float(pickle.loads(pickle.dumps(da.W)).get_value().sum()))
    return seen


def test_costs_are_numbers(backend):
    _, train_da = compiled_dA(0.0)
    first, second = train_da(0), train_da(1)
    assert f"{float(first):.3f}" == "%.3f" % first == f"{first:.3f}"  # noqa: UP031
    assert first + 1 == pytest.approx(float(first) + 1)
    assert max(first, second) in (first, second)
    assert np.isfinite([first, second]).all()
    assert mean_cost([first, second], 0.3) == pytest.approx((float(first) + float(second)) / 2)
    assert first.dtype == "float32"


@pytest.mark.parametrize("corruption", ["masking", "gaussian"])
def test_a_state_that_is_put_back_goes_on_the_same(backend, corruption):
    """As a checkpoint does: everything that the function changes, in terms of NumPy."""
    _, train_da = compiled_dA(0.3, corruption=corruption)
    changed = [given.variable for given in train_da.maker.inputs if given.update is not None]
    train_da(0)
    kept = [variable.get_value() for variable in changed]
    going_on = [float(train_da(i)) for i in range(1, 4)]
    for variable, value in zip(changed, kept, strict=True):
        assert isinstance(value, np.random.Generator) or value.dtype == variable.dtype
        variable.set_value(value)
    assert [float(train_da(i)) for i in range(1, 4)] == going_on


def test_it_says_what_runs_where():
    with using("numba"):
        assert deeptutorial.use("numba").startswith("Numba ")
        assert deeptutorial.use("numba", "cpu").endswith(" on the CPU")


@pytest.mark.parametrize(
    ("backend", "device", "words"),
    [
        ("theano", "auto", ["theano", "numba", "jax"]),
        ("numba", "gpu", ["gpu", "cpu", "cuda"]),
        ("numba", "cuda", ["numba", "cuda", "--backend jax"]),
        ("c", "cuda:1", ["cuda:1", "--backend jax"]),
    ],
)
def test_what_is_not_there(backend, device, words, capsys):
    before = pytensor.config.mode
    with pytest.raises(BackendError) as caught:
        deeptutorial.use(backend, device)
    assert pytensor.config.mode is before
    assert all(word in str(caught.value) for word in words)
    with pytest.raises(SystemExit) as exit_:
        dA_options(script.test_dA, ["--backend", backend, "--device", device])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("backend", "module"), [("jax", "jax"), ("pytorch", "torch")])
def test_a_package_that_is_not_installed(backend, module, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "deeptutorial.compile.backends.devices.find_spec",
        lambda m: None if m == module else find_spec(m),
    )
    with pytest.raises(BackendError, match=f"pip install {module}"):
        deeptutorial.use(backend)


def test_no_compiler():
    with (
        pytensor.config.change_flags(cxx=""),
        pytest.raises(BackendError, match=r"C\+\+ compiler.*g\+\+"),
    ):
        deeptutorial.use("c")


def test_too_little_memory_on_the_device(backend, monkeypatch):
    """That is told as Python's own MemoryError, which the scripts make one line of."""
    if backend == "jax":
        from jax.errors import JaxRuntimeError as OutOfMemoryError

        translation = "deeptutorial.compile.backends.jax.linker.jax_funcify"
    else:
        from torch import OutOfMemoryError

        translation = "deeptutorial.compile.backends.pytorch.linker.fgraph_to_python"

    def fail(*_):
        raise OutOfMemoryError("RESOURCE_EXHAUSTED: asked for 3 TB\nand more")

    monkeypatch.setattr(translation, lambda *_, **__: fail)
    function = pytensor.function([], pt.zeros(3))
    with pytest.raises(MemoryError, match=r"RESOURCE_EXHAUSTED: asked for 3 TB$"):
        function()


@pytest.mark.skipif(bool(why_not("jax")), reason="JAX is not installed")
def test_products_are_of_float32_unless_jax_is_told_otherwise(monkeypatch):
    """On a GPU JAX rounds their factors to ten bits; there `test_finetuning` would see it too."""
    import jax

    from deeptutorial.compile.backends.jax import linker

    asked = []

    def funcify(fgraph, **_):
        def function(x):
            asked.append(jax.config.jax_default_matmul_precision)
            return (x @ x,)

        return function

    monkeypatch.setattr(linker, "jax_funcify", funcify)
    x = pt.fmatrix("x")
    given = np.array([[1 / 3]], "float32")
    with using("jax"):
        assert pytensor.function([x], x @ x)(given) == given @ given
        with jax.default_matmul_precision("tensorfloat32"):
            pytensor.function([x], x @ x)(given)
    assert asked == ["float32", "tensorfloat32"]


@pytest.mark.skipif(bool(why_not("jax")), reason="JAX is not installed")
def test_no_gpu():
    import jax

    if jax.default_backend() != "cpu":
        pytest.skip("there is one")
    with pytest.raises(BackendError, match=r"CUDA.*pip install 'jax\[cuda"):
        deeptutorial.use("jax", "cuda")


@pytest.mark.parametrize("corruption", ["masking", "salt-and-pepper"])
@pytest.mark.parametrize("backend", ["numba", *OTHERS])
def test_a_symbolic_level_that_is_no_probability_is_not_taken_for_one(backend, corruption):
    with using(backend):
        rng = np.random.RandomState(1)
        da = dA(rng, RandomStreams(5), n_visible=36, n_hidden=20, corruption=corruption)
        level = pt.scalar("level")
        cost, updates = da.get_cost_updates(level, 0.1)
        step = pytensor.function([da.x, level], cost, updates=updates)
        rows = images(BATCH_SIZE)[0].astype("float32")
        assert all(np.isfinite(float(step(rows, good))) for good in (0, 0.3, 1))
        before = values(da.params)
        for level in (1.01, -0.01, np.nan):
            if backend == "jax":  # which cannot raise an error from within
                assert np.isnan(float(step(rows, level)))
                continue
            with pytest.raises(
                ValueError, match=r"coin cannot fall with probability .* in \[0, 1\]"
            ):
                step(rows, level)
            for value, kept in zip(values(da.params), before, strict=True):
                np.testing.assert_array_equal(value, kept)


@pytest.mark.parametrize("backend", ["numba", *OTHERS])
def test_a_label_outside_the_classes_is_no_number_of_another_class(backend):
    with using(backend):
        x, y = pt.matrix("x"), pt.ivector("y")
        model = LogisticRegression(x, 36, 5)
        cost = model.negative_log_likelihood(y)
        updates = [
            (p, p - 0.1 * g) for p, g in zip(model.params, pt.grad(cost, model.params), strict=True)
        ]
        step = pytensor.function([x, y], cost, updates=updates)
        rows, labels = images(BATCH_SIZE)
        rows, labels = rows.astype("float32"), labels.astype("int32")
        assert float(step(rows, labels)) == pytest.approx(np.log(5))
        before = values(model.params)
        for wrong in (5, -1, 1000):
            labels[3] = wrong
            if backend == "jax":  # which cannot raise an error from within
                assert np.isnan(float(step(rows, labels)))
                continue
            with pytest.raises(IndexError, match=f"there is no class {wrong}: .* 0 to 4"):
                step(rows, labels)
            for value, kept in zip(values(model.params), before, strict=True):
                np.testing.assert_array_equal(value, kept)
