"""The four views: their measures against formulas in NumPy, and a small run from end to end."""

import itertools
import sys

import numpy as np
import pytensor
import pytest
from PIL import Image
from scipy.stats import norm

from deeptutorial import RandomStreams, dA
from studies.views import __main__ as views
from studies.views import digits, generative, information, manifold, operator
from studies.views.results import Results


def small_dA(n_visible, n_hidden, corruption):
    with pytensor.config.change_flags(floatX="float64"):
        return dA(
            np.random.RandomState(1),
            RandomStreams(2),
            n_visible=n_visible,
            n_hidden=n_hidden,
            corruption=corruption,
        )


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# ---- manifold


def test_the_score_is_the_slope_of_the_smoothed_density():
    rng = np.random.default_rng(0)
    points, at, level, step = manifold.curve(50, rng), rng.uniform(-8, 8, (20, 2)), 1.3, 1e-5

    def log_density(at):
        return np.log(norm.pdf(at[:, None], points, level).prod(axis=2).mean(axis=1))

    found, arrows = manifold.smoothed(points, at, level)
    np.testing.assert_allclose(found - found[0], log_density(at) - log_density(at)[0], rtol=1e-9)
    for k, shift in enumerate(step * np.eye(2)):
        slope = (log_density(at + shift) - log_density(at - shift)) / (2 * step)
        np.testing.assert_allclose(arrows[:, k] / level**2, slope, atol=1e-7)


def test_arrows_are_held_against_others():
    score = np.random.default_rng(0).normal(size=(100, 2))
    shorter = manifold.compare(score / 2, score)
    assert shorter == pytest.approx({"correlation": 1, "cosine": 1, "length": 0.5})
    turned = manifold.compare(score[:, ::-1] * [1, -1], score)
    assert turned["cosine"] == pytest.approx(0, abs=1e-12)


# ---- information


def test_the_bound_is_met_by_the_best_decoder_of_a_noisy_bit():
    """A fair bit that is flipped with probability p: ln 2 - H(p) are known of it.

    The weight is chosen so that the dA's decoder is the true probability of the bit.
    """
    W = 3.0
    a = sigmoid(-W / 2)  # the code of 0; that of 1 is 1 - a
    p = sigmoid(-W * (1 - 2 * a) / 2)
    known = np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p)
    da = small_dA(1, 1, "salt-and-pepper")
    for param, value in zip(da.params, (W, -W / 2, -W / 2), strict=True):
        param.set_value(np.full(param.get_value().shape, value))
    cost = information.measured_cost(da, 2 * p)  # a hit pixel is the wrong one half of the time
    bits = np.tile([[0.0], [1.0]], (50_000, 1))
    one = {"without a code": information.cost_without_code(bits, bits), "corrupted": [cost(bits)]}
    assert one["without a code"] == pytest.approx(np.log(2))  # H(X): its bound is 0
    assert information.gains(one, "corrupted")[0] == pytest.approx(known, abs=0.01)
    da.b_prime.set_value(np.array([-0.4]))  # a worse decoder knows less of the same code
    worse = {**one, "corrupted": [cost(bits)]}
    assert information.gains(worse, "corrupted")[0] < known - 0.05


def test_the_mean_image_tells_no_more_than_the_pixels_entropies():
    p = np.array([0.2, 0.5, 0.75])
    rows = np.array(list(itertools.product([0, 1], repeat=3)))
    counts = np.rint(80 * np.where(rows, p, 1 - p).prod(axis=1)).astype(int)
    drawn = np.repeat(rows, counts, axis=0)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum()
    assert information.cost_without_code(drawn, drawn) == pytest.approx(entropy)


# ---- operator and chain


def test_a_step_of_the_chain_has_the_distribution_of_the_formula():
    """All corrupted inputs of three pixels, each with its probability, and all that follow."""
    da = small_dA(3, 2, "salt-and-pepper")
    rng = np.random.default_rng(3)
    for param in da.params:
        param.set_value(rng.normal(size=param.get_value().shape))
    W, b, b_prime = (param.get_value() for param in da.params)
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    x = states[5]
    hit = generative.LEVEL / 2
    corrupted = np.where(states == x, 1 - hit, hit).prod(axis=1)
    z = sigmoid(sigmoid(states @ W + b) @ W.T + b_prime)
    to_each = np.where(states[None] == 1, z[:, None], 1 - z[:, None]).prod(axis=2)
    expected = corrupted @ to_each

    n = 40_000
    means, drawn = generative.chain_step(da)(np.tile(x, (n, 1)))
    found = (drawn[:, None] == states).all(axis=2).mean(axis=0)
    assert found.sum() == 1
    np.testing.assert_allclose(found, expected, atol=4.5 * np.sqrt(0.25 / n))
    assert np.abs(means[:, None] - z).max(axis=2).min(axis=1).max() < 1e-12


def test_walkback_of_one_step_is_the_usual_training():
    x = np.random.default_rng(0).random((7, 4))
    after = []
    for build in (
        lambda da: generative.walkback_updates(da, 0.0, 0.5, 1),
        lambda da: da.get_cost_updates(0.0, 0.5),
    ):
        da = small_dA(4, 3, "salt-and-pepper")
        cost, updates = build(da)
        after.append([pytensor.function([da.x], cost, updates=updates)(x), da.W.get_value()])
    np.testing.assert_allclose(after[0][0], after[1][0])
    np.testing.assert_allclose(after[0][1], after[1][1])


def test_starts_are_spoilt():
    images = np.full((50, 400), 0.3)
    spoilt = operator.spoilt(images)
    assert (spoilt != 0.3).mean() == pytest.approx(0.5, abs=0.02)
    assert set(np.unique(spoilt)) == {0, 0.3, 1}


# ---- measures


def test_nearest_and_spread():
    rng = np.random.default_rng(0)
    rows, data = rng.random((450, 6)), rng.random((80, 6))
    distances = np.linalg.norm(rows[:, None] - data, axis=2)
    found, which = digits.nearest(rows, data)
    np.testing.assert_allclose(found, distances.min(axis=1))
    np.testing.assert_array_equal(which, distances.argmin(axis=1))
    pairs = np.linalg.norm(rows[:, None] - rows, axis=2)
    assert digits.spread(rows) == pytest.approx(np.sqrt((pairs**2).mean()))


def test_the_parzen_window_is_a_mean_of_gaussians():
    rng = np.random.default_rng(0)
    samples, x = rng.random((30, 4)), rng.random((450, 4))
    density = norm.pdf(x[:, None], samples, 0.3).prod(axis=2).mean(axis=1)
    found = generative.log_likelihoods(samples, x, 0.3)
    np.testing.assert_allclose(found, np.log(density), rtol=1e-9)
    chosen = generative.parzen(samples, x, x)
    assert chosen["width"] in generative.WIDTHS
    assert chosen["log-likelihood"] == pytest.approx(
        max(generative.log_likelihoods(samples, x, width).mean() for width in generative.WIDTHS)
    )


# ---- results


def test_a_part_is_kept_as_soon_as_it_is_there(tmp_path):
    results = Results(tmp_path, {"quick": True})
    picture = np.arange(12, dtype="uint8").reshape(3, 4)
    with results.timed("manifold", "noise 1") as record:
        record({"correlation": 0.5}, {"a b": picture})
    again = Results(tmp_path, {"quick": True})
    assert again.find("manifold", "noise 1")["figures"] == {"correlation": 0.5}
    np.testing.assert_array_equal(again.pictures("manifold", "noise 1")["a b"], picture)
    assert again.find("manifold", "noise 2") is None
    assert again.pictures("manifold", "noise 2") == {}
    assert Results(tmp_path, {"quick": False}).find("manifold", "noise 1") is None


@pytest.fixture
def run(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")

    def run(*options):
        words = ["views", "--dataset", "digits", "--quick", "--folder", str(tmp_path), *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytensor.config.change_flags(floatX="float32"):
            views.main()

    return run


@pytest.mark.slow
def test_all_four_views_and_none_of_it_twice(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits, "N_QUICK", 200)
    monkeypatch.setattr(manifold, "N_QUICK_STEPS", 1000)
    monkeypatch.setattr(generative, "N_MOMENTS", 40)
    monkeypatch.setattr(generative, "EVERY", 1)
    run()
    out = capsys.readouterr().out
    for name, view in views.VIEWS.items():
        assert out.count(f"\n{name}: ") == 1
        assert all(f"{name}, {part}: " in out for part in view.PARTS)
        with Image.open(tmp_path / f"views_{name}.png") as picture:
            assert picture.size[0] > 1000
        monkeypatch.setattr(view, "work_out", None)
    tables = [line for line in out.splitlines() if line.startswith("|")]
    run()
    again = capsys.readouterr().out.splitlines()
    assert [line for line in again if line.startswith("|")] == tables


def test_a_view_that_there_is_not(run, capsys):
    with pytest.raises(SystemExit):
        run("maniflod")
    assert "no view 'maniflod': choose of manifold" in capsys.readouterr().err
