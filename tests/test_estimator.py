"""The scikit-learn estimator: scikit-learn's own checks, NumPy's formulas, the dA underneath."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest

from deeptutorial import RandomStreams, dA
from deeptutorial.training import DivergenceError

pytest.importorskip("sklearn", reason="the extra .[sklearn] is not installed")

import joblib
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

import deeptutorial.estimator
from deeptutorial.estimator import DenoisingAutoencoder

ROOT = Path(__file__).parents[1]
KINDS = pytest.mark.parametrize("cost", ["cross-entropy", "squared-error"])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((60, 7))


def small(**arguments):
    return DenoisingAutoencoder(
        **{"n_hidden": 5, "n_epochs": 2, "batch_size": 10, "random_state": 3, **arguments}
    )


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.filterwarnings("ignore:cross-entropy is for data in")
@pytest.mark.filterwarnings("ignore:.*check_array_api_input:UserWarning")
@pytest.mark.filterwarnings("ignore:Skipping check:sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        DenoisingAutoencoder(),
        small(reconstruction_cost="squared-error", corruption="gaussian", learning_rate=0.001),
    ],
    ids=["defaults", "squared error"],
)
def test_scikit_learns_own_checks(estimator):
    results = check_estimator(estimator)
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert {"check_fit_idempotent", "check_transformer_preserve_dtypes"} <= passed
    assert len(passed) > 40


def test_a_pass_in_order_is_the_dAs(images):
    """The same bits as a loop over a dA's own function, as dA.py has it."""
    with pytensor.config.change_flags(floatX="float64"):
        rng = np.random.RandomState(3)
        theano_rng = RandomStreams(rng.randint(2**30))
        da = dA(numpy_rng=rng, theano_rng=theano_rng, n_visible=7, n_hidden=5)
        cost, updates = da.get_cost_updates(corruption_level=0.25, learning_rate=0.125)
        mode = deeptutorial.estimator._Functions._mode()
        train = pytensor.function([da.x], cost, updates=updates, mode=mode)
        costs = [float(train(images[i : i + 10])) for i in range(0, 60, 10)]
    estimator = small(corruption_level=0.25, learning_rate=0.125).partial_fit(images)
    np.testing.assert_array_equal(estimator.W_, da.W.get_value())
    np.testing.assert_array_equal(estimator.b_, da.b.get_value())
    np.testing.assert_array_equal(estimator.b_prime_, da.b_prime.get_value())
    assert estimator.costs_ == [pytest.approx(np.mean(costs), rel=1e-12)]


@KINDS
def test_codes_reconstructions_and_score_are_those_of_the_formulas(cost, images):
    estimator = small(reconstruction_cost=cost, learning_rate=0.01).fit(images)
    code = sigmoid(images @ estimator.W_ + estimator.b_)
    z = code @ estimator.W_.T + estimator.b_prime_
    if cost == "cross-entropy":
        z = sigmoid(z)
        L = -np.sum(images * np.log(z) + (1 - images) * np.log(1 - z), axis=1)
    else:
        L = np.sum((images - z) ** 2, axis=1)
    np.testing.assert_allclose(estimator.transform(images), code, rtol=1e-12)
    np.testing.assert_allclose(estimator.inverse_transform(code), z, rtol=1e-12)
    assert estimator.score(images) == pytest.approx(-L.mean(), rel=1e-12)


@KINDS
def test_it_learns(cost, images):
    estimator = small(reconstruction_cost=cost, learning_rate=0.02, n_epochs=30).fit(images)
    assert len(estimator.costs_) == 30
    assert np.mean(estimator.costs_[-5:]) < np.mean(estimator.costs_[:5])
    before = estimator.score(images)
    for _ in range(5):
        estimator.partial_fit(images)
    assert estimator.score(images) > before
    assert len(estimator.costs_) == 35


def test_the_seed_decides_and_noise_goes_on(images):
    first, again, other = (small(random_state=seed).fit(images) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.W_, again.W_)
    assert (first.W_ != other.W_).any()
    # Two epochs in two calls, with noise that is not the same in both.
    still = small(learning_rate=0).partial_fit(images).partial_fit(images)
    assert still.costs_[0] != still.costs_[1]
    assert small(learning_rate=0).partial_fit(images).partial_fit(images).costs_ == still.costs_


def test_the_last_minibatch_may_be_smaller(images):
    seen = small(batch_size=59, learning_rate=0.5, corruption_level=0).partial_fit(images)
    left_out = small(batch_size=59, learning_rate=0.5, corruption_level=0).partial_fit(images[:59])
    assert (seen.W_ != left_out.W_).any()


def test_a_pickle_holds_no_compiled_function(images):
    estimator = small().fit(images)
    data = pickle.dumps(estimator)
    assert len(data) < 10_000
    assert b"pytensor" not in data
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.transform(images), estimator.transform(images))
    np.testing.assert_array_equal(
        again.partial_fit(images).W_, estimator.partial_fit(images).W_
    )  # the noise goes on where it was


def test_divergence_leaves_what_was_learned(images):
    estimator = small().fit(images)
    before = estimator.W_.copy()
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match=r"1e\+300 is too high"):
        estimator.set_params(learning_rate=1e300).partial_fit(images).partial_fit(images)
    np.testing.assert_array_equal(estimator.W_, before)


def test_weights_come_and_go(images, tmp_path):
    estimator = small(corruption="salt-and-pepper").fit(images)
    with pytensor.config.change_flags(floatX="float64"):
        estimator.to_dA().save(tmp_path / "da.npz")
        da = dA.load(tmp_path / "da.npz")
    assert da.corruption == "salt-and-pepper"
    other = small().set_weights(*(param.get_value() for param in da.params))
    np.testing.assert_array_equal(other.transform(images), estimator.transform(images))
    assert other.partial_fit(images).costs_
    with pytest.raises(ValueError, match=r"W must have shape \(n_features, 4\)"):
        small(n_hidden=4).set_weights(*(param.get_value() for param in da.params))


@pytest.mark.parametrize("rate", [1e307, 1e300])
def test_weights_that_only_the_last_step_made_useless_are_an_error(rate, images):
    """The only step: its own cost is that of weights as they were drawn."""
    estimator = small(learning_rate=rate, n_epochs=1, batch_size=60)
    said = r"became too large|cost became|cost grew from .*1e\+30. is too high"
    with pytest.raises(DivergenceError, match=said):
        estimator.fit(images)
    assert not hasattr(estimator, "W_")
    estimator.set_params(learning_rate=0.1).fit(images)
    before = estimator.W_.copy()
    with pytest.raises(DivergenceError, match=said):
        estimator.set_params(learning_rate=rate).partial_fit(images)
    np.testing.assert_array_equal(estimator.W_, before)


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_data_give_the_bits_of_dense_ones(form, images):
    X = np.where(images < 0.7, 0, images)
    dense, sparse = small().fit(X), small().fit(form(X))
    np.testing.assert_array_equal(sparse.W_, dense.W_)
    np.testing.assert_array_equal(sparse.transform(form(X)), dense.transform(X))
    assert sparse.score(form(X)) == dense.score(X)
    assert sparse.partial_fit(form(X)).costs_ == dense.partial_fit(X).costs_


def test_the_number_of_threads_changes_no_bit():
    X = np.random.default_rng(1).random((90, 70), dtype="float32")  # enough to be divided

    def everything(n_threads):
        with threadpool_limits(n_threads):
            da = small(n_hidden=50, learning_rate=0.01).fit(X)
            code = da.transform(X)
            return [da.W_, da.b_, da.b_prime_, code, da.inverse_transform(code), da.score(X)]

    for alone, together in zip(everything(1), everything(2), strict=True):
        np.testing.assert_array_equal(alone, together)


def test_a_noise_of_ones_own_keeps_no_function_for_ever(images, monkeypatch):
    monkeypatch.setattr(deeptutorial.estimator, "MOST_IDLE", 2)
    fitted = small().fit(images)
    for _ in range(4):
        other = small(corruption=lambda input, theano_rng, corruption_level: input)
        other.set_weights(fitted.W_, fitted.b_, fitted.b_prime_).transform(images)
    idle = deeptutorial.estimator._idle
    assert len(idle) == 2
    assert {functions.get_weights()[0].shape for functions in idle} == {(1, 1)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_scaler_rounds_is_in_range(dtype):
    for seed in range(20):
        X = (1000 + np.random.default_rng(seed).normal(size=(20, 7))).astype(dtype)
        small(n_epochs=1).fit(MinMaxScaler().fit_transform(X))  # a warning would be an error


def test_data_that_do_not_fit_cross_entropy(images):
    with pytest.warns(UserWarning, match=r"in \[0, 1\], but X goes from -.*MinMaxScaler"):
        small().fit(images - 0.5)
    small(reconstruction_cost="squared-error", learning_rate=0.01).fit(images - 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_hidden": 0}, "n_hidden must be at least 1, got 0"),
        ({"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"learning_rate": -1}, "learning_rate must be finite and at least 0, got -1"),
        ({"corruption_level": 1.5}, r"corruption_level must be in \[0, 1\], got 1.5"),
        ({"corruption": "pepper"}, "corruption must be one of .*, got 'pepper'"),
        ({"reconstruction_cost": "mse"}, "reconstruction_cost must be one of .*, got 'mse'"),
    ],
)
def test_refused(arguments, message, images):
    with pytest.raises(ValueError, match=message):
        small(**arguments).fit(images)


@pytest.fixture(scope="module")
def search():
    """Return a search over corruption levels in a pipeline, and what it finds in one process."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    pipeline = make_pipeline(small(n_hidden=20), LogisticRegression(max_iter=1000))
    grid = {"denoisingautoencoder__corruption_level": [0.0, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    return search, X, y, clone(search).fit(X, y).cv_results_["mean_test_score"]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_in_several_workers_finds_the_same(backend, search):
    search, X, y, expected = search
    assert (expected > 0.5).all()  # a tenth would be chance
    with joblib.parallel_config(backend, n_jobs=2):
        found = clone(search).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, expected, atol=0.011)  # two of 150, from rounding


def test_importing_the_package_needs_no_scikit_learn():
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import deeptutorial, deeptutorial.commands\n"
        "print('imported', flush=True)\n"
        "import deeptutorial.estimator\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "imported\n"
    assert "needs scikit-learn 1.6 or newer: pip install" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_example_on_a_dask_cluster():
    pytest.importorskip("distributed", reason="Dask is not installed")
    example = ROOT / "examples" / "search_with_dask.py"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, example], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "best corruption level" in done.stdout


def test_the_layers_of_pytorch(images):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    da = small().fit(images)
    encoder, decoder = torch.nn.Linear(7, 5), torch.nn.Linear(5, 7)
    encoder.double(), decoder.double()
    with torch.no_grad():
        encoder.weight.copy_(torch.from_numpy(da.W_.T))
        encoder.bias.copy_(torch.from_numpy(da.b_))
        decoder.weight.copy_(torch.from_numpy(da.W_))
        decoder.bias.copy_(torch.from_numpy(da.b_prime_))
        code = torch.sigmoid(encoder(torch.from_numpy(images)))
        z = torch.sigmoid(decoder(code))
    np.testing.assert_allclose(code.numpy(), da.transform(images), rtol=1e-12)
    np.testing.assert_allclose(z.numpy(), da.inverse_transform(code.numpy()), rtol=1e-12)
    weights = (encoder.weight.T, encoder.bias, decoder.bias)
    again = small().set_weights(*(weight.detach().numpy() for weight in weights))
    np.testing.assert_array_equal(again.W_, da.W_)
