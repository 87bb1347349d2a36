"""The kinds of corruption and the two costs, against NumPy."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams, dA
from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.models.corruption import CORRUPTIONS

N_VISIBLE, N_HIDDEN = 7, 5
ROWS, COLUMNS = 300, 200


def corrupted(kind, level, x, seed=1):
    da = dA(np.random.RandomState(0), RandomStreams(seed), n_visible=x.shape[1], corruption=kind)
    return pytensor.function([da.x], da.get_corrupted_input(da.x, level))(x)


@pytest.fixture(scope="module")
def images():
    return (
        np.random.default_rng(3).uniform(0.1, 0.9, (ROWS, COLUMNS)).astype(pytensor.config.floatX)
    )


def within(share, p, n):
    """Whether a share of n trials is within five deviations of p."""
    return abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_salt_and_pepper_hits_its_share_with_a_fair_coin(images):
    level = 0.3
    result = corrupted("salt-and-pepper", level, images)
    hit = result != images
    assert set(np.unique(result[hit])) == {0, 1}
    assert within(hit.mean(), level, hit.size)
    assert within(result[hit].mean(), 0.5, hit.sum())
    # No row, no column, and no neighbour says anything about an entry.
    assert hit.mean(axis=0).std() < 1.3 * np.sqrt(level * (1 - level) / ROWS)
    assert hit.mean(axis=1).std() < 1.3 * np.sqrt(level * (1 - level) / COLUMNS)
    both = (hit[:, 1:] & hit[:, :-1]).mean()
    assert within(both, level**2, hit[:, 1:].size)


def test_salt_and_pepper_at_level_one_leaves_nothing(images):
    assert set(np.unique(corrupted("salt-and-pepper", 1.0, images))) == {0, 1}


@pytest.mark.parametrize("level", [0.25, 2.0])
def test_gaussian_noise_has_its_moments(images, level):
    noise = (corrupted("gaussian", level, images) - images) / level
    n = noise.size
    assert abs(noise.mean()) < 5 / np.sqrt(n)
    assert abs(noise.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((noise**4).mean() - 3) < 5 * np.sqrt(96 / n)  # the normal distribution's kurtosis
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < 5 / np.sqrt(n)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_draws_differ_from_call_to_call_and_repeat_with_the_seed(kind):
    x = np.full((4, 9), 0.5, dtype=pytensor.config.floatX)

    def calls(seed):
        da = dA(np.random.RandomState(0), RandomStreams(seed), n_visible=9, corruption=kind)
        corrupt = pytensor.function([da.x], da.get_corrupted_input(da.x, 0.5))
        return corrupt(x), corrupt(x)

    (first, second), (again, _), (other, _) = calls(1), calls(1), calls(2)
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert (first != other).any()


def test_a_function_of_ones_own():
    def darker(input, theano_rng, corruption_level):
        assert isinstance(theano_rng, RandomStreams)
        return input * (1 - corruption_level)

    x = np.arange(12, dtype=pytensor.config.floatX).reshape(3, 4)
    np.testing.assert_allclose(corrupted(darker, 0.25, x), 0.75 * x, rtol=1e-6)
    np.testing.assert_array_equal(corrupted(darker, 0, x), x)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_level_zero_is_the_input_itself(kind):
    da = dA(np.random.RandomState(0), n_visible=4, n_hidden=2, corruption=kind)
    assert da.get_corrupted_input(da.x, 0.0) is da.x


def test_the_default_is_masking():
    x = np.full((50, 20), 0.5, dtype=pytensor.config.floatX)
    da = dA(np.random.RandomState(0), RandomStreams(1), n_visible=20)
    default = pytensor.function([da.x], da.get_corrupted_input(da.x, 0.3))(x)
    np.testing.assert_array_equal(default, corrupted("masking", 0.3, x))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"corruption": "pepper"}, ValueError, "corruption must be one of .* got 'pepper'"),
        ({"corruption": 0.3}, TypeError, "corruption must be one of .* got 0.3"),
        (
            {"reconstruction_cost": "mse"},
            ValueError,
            "reconstruction_cost must be one of cross-entropy, squared-error, got 'mse'",
        ),
    ],
)
def test_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        dA(np.random.RandomState(0), n_visible=4, n_hidden=2, **arguments)


@pytest.mark.parametrize(
    ("corruption", "level", "wanted"),
    [("salt-and-pepper", 1.5, r"in \[0, 1\]"), ("gaussian", -1, "finite and at least 0")],
)
def test_refused_levels(corruption, level, wanted):
    da = dA(np.random.RandomState(0), n_visible=4, n_hidden=2, corruption=corruption)
    with pytest.raises(ValueError, match=f"corruption_level must be {wanted}, got {level}"):
        da.get_cost_updates(level, 0.1)


# ---- costs


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def numpy_cost(cost, x, tilde_x, W, b, b_prime):
    a = sigmoid(tilde_x @ W + b) @ W.T + b_prime
    if cost == "squared-error":
        return np.mean(np.sum((x - a) ** 2, axis=1))
    z = sigmoid(a)
    return -np.mean(np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))


def numpy_gradient(f, parameter, h=1e-6):
    """Central differences, entry by entry."""
    gradient = np.zeros_like(parameter)
    for i in np.ndindex(parameter.shape):
        kept = parameter[i]
        parameter[i] = kept + h
        above = f()
        parameter[i] = kept - h
        gradient[i] = (above - f()) / (2 * h)
        parameter[i] = kept
    return gradient


@pytest.mark.parametrize(
    ("cost", "kind"),
    [
        ("squared-error", "masking"),
        ("squared-error", "gaussian"),
        ("cross-entropy", "salt-and-pepper"),
        ("cross-entropy", "gaussian"),
    ],
)
def test_a_step_goes_down_the_slope(cost, kind):
    """One step's cost and update, with finite differences of a NumPy cost for the gradients."""
    with pytensor.config.change_flags(floatX="float64"):
        rng = np.random.RandomState(0)
        da = dA(
            rng, n_visible=N_VISIBLE, n_hidden=N_HIDDEN, corruption=kind, reconstruction_cost=cost
        )
        for bias in (da.b, da.b_prime):
            bias.set_value(rng.uniform(-1, 1, bias.get_value().shape))
        x = rng.uniform(size=(4, N_VISIBLE))
        if cost == "squared-error":
            x = 6 * x - 3
        before = [parameter.get_value() for parameter in da.params]

        # The corrupted input of the step, read out by a function that starts from the same state.
        seen = []
        corrupt = da.get_corrupted_input
        da.get_corrupted_input = lambda *given: seen.append(corrupt(*given)) or seen[-1]
        symbolic_cost, updates = da.get_cost_updates(corruption_level=0.4, learning_rate=0.01)
        states = [target for target, _ in updates if target not in da.params]
        started = [state.get_value() for state in states]
        tilde_x = pytensor.function([da.x], seen[0])(x)
        for state, value in zip(states, started, strict=True):
            state.set_value(value)

        train = pytensor.function([da.x], symbolic_cost, updates=updates)
        assert (tilde_x != x).any()
        assert train(x) == pytest.approx(numpy_cost(cost, x, tilde_x, *before), rel=1e-12)
        for i, parameter in enumerate(da.params):
            gradient = numpy_gradient(lambda: numpy_cost(cost, x, tilde_x, *before), before[i])
            moved = parameter.get_value() - before[i]
            np.testing.assert_allclose(moved, -0.01 * gradient, rtol=1e-5, atol=1e-8)

    # The one operation in the place of the whole step stands for cross-entropy, whatever the noise.
    fused = sum(isinstance(node.op, DenoisingStep) for node in train.maker.fgraph.apply_nodes)
    assert fused == (cost == "cross-entropy")


def test_squared_error_reconstructs_without_a_sigmoid():
    da = dA(np.random.RandomState(0), n_visible=4, n_hidden=2, reconstruction_cost="squared-error")
    da.b_prime.set_value(np.array([-2, 5, 0, 1], dtype=da.b_prime.dtype))
    y = np.array([[0.25, 0.75]], dtype=da.x.dtype)
    hidden = pt.matrix()
    z = pytensor.function([hidden], da.get_reconstructed_input(hidden))(y)
    expected = y @ da.W.get_value().T + [-2, 5, 0, 1]
    np.testing.assert_allclose(z, expected, rtol=1e-5)
