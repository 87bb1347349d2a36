"""The report of trained dAs: its figures against NumPy, and its page."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from deeptutorial import dA
from deeptutorial.report import Trained, write_dA_report
from deeptutorial.report.measure import activity


def model(n_visible=12, n_hidden=5, seed=1, **kinds):
    da = dA(numpy_rng=np.random.RandomState(seed), n_visible=n_visible, n_hidden=n_hidden, **kinds)
    for bias in da.params[1:]:
        noise = np.random.default_rng(seed).normal(size=bias.get_value().shape)
        bias.set_value(noise.astype(bias.dtype))
    return da


def read(path):
    return json.loads((path.parent / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory, data_set):
    """Return a report of two dAs, with what it was made of."""
    datasets, models = data_set(), {0.0: model(seed=1), 0.3: model(seed=2)}
    trainings = [Trained(models[0.0], [9.0, 8.5], 1.5), Trained(models[0.3], [9.5, 9.0], 2.5)]
    folder = tmp_path_factory.mktemp("report")
    path = write_dA_report(folder, list(models), trainings, datasets, {"learning_rate": 0.1})
    return path, datasets, models


def by_hand(da, X):
    W, b, b_prime = (p.get_value().astype("float64") for p in da.params)
    code = 1 / (1 + np.exp(-(X @ W + b)))
    z = 1 / (1 + np.exp(-(code @ W.T + b_prime)))
    return code, -(X * np.log(z) + (1 - X) * np.log(1 - z)).sum(axis=1)


def test_costs_are_those_of_the_formula(report):
    path, datasets, models = report
    X = datasets[2][0].get_value().astype("float64")
    labels = datasets[2][1].eval()
    for described, da in zip(read(path)["models"], models.values(), strict=True):
        code, cost = by_hand(da, X)
        assert described["test_cost"]["clean"] == pytest.approx(cost.mean(), rel=1e-5)
        assert described["test_cost"]["corrupted"] != described["test_cost"]["clean"]
        for row in described["test_cost_by_class"]:
            chosen = labels == row["class"]
            assert row["examples"] == chosen.sum()
            assert row["clean"] == pytest.approx(cost[chosen].mean(), rel=1e-5)
        units = described["hidden_units"]
        np.testing.assert_allclose(units["mean_by_unit"], code.mean(axis=0), rtol=1e-5)
        assert units["most_active"] == np.argsort(-code.mean(axis=0)).tolist()
        share = np.histogram(code, bins=25, range=(0, 1))[0] / code.size
        np.testing.assert_allclose(units["histogram"], share, rtol=1e-5)


def test_another_noise_and_another_cost(tmp_path, data_set):
    datasets = data_set()
    da = model(corruption="gaussian", reconstruction_cost="squared-error")
    path = write_dA_report(tmp_path, [0.5], [Trained(da)], datasets)
    X = datasets[2][0].get_value().astype("float64")
    W, _, b_prime = (p.get_value().astype("float64") for p in da.params)
    z = by_hand(da, X)[0] @ W.T + b_prime
    (described,) = read(path)["models"]
    assert described["corruption"] == "gaussian"
    cost = ((X - z) ** 2).sum(axis=1).mean()
    assert described["test_cost"]["clean"] == pytest.approx(cost, rel=1e-5)
    text = path.read_text(encoding="utf-8")
    assert "normal noise of deviation 0.5 added" in text
    assert "set to black" not in text


def test_what_was_handed_over_is_kept(report):
    figures = read(report[0])
    assert [m["costs"] for m in figures["models"]] == [[9.0, 8.5], [9.5, 9.0]]
    assert figures["times"]["seconds"]["training, no corruption"] == 1.5
    assert figures["settings"] == {"learning_rate": 0.1}
    assert figures["data"]["examples"] == {"training": 9, "validation": 6, "test": 30}
    assert figures["data"]["source"] == "noise"


def test_the_page_is_whole_and_needs_nothing_else(report, structure):
    page = structure(report[0])
    assert page.count["section"] == 10
    assert page.sources.pop(0) == "playground.html"  # beside it, to be moved along or not
    assert report[0].with_name("playground.html").is_file()
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    text = report[0].read_text(encoding="utf-8")
    assert "<script" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    # filters twice a model; original, corrupted, two reconstructions; pixels and two morphs
    assert page.count["img"] == 2 * 2 + 4 + 3


def test_the_morph_ends_in_reconstructions(report):
    path, datasets, models = report
    first, last = read(path)["shown"]["morph"]
    labels = datasets[2][1].eval()
    assert labels[first] != labels[last]
    images = re.findall(r"base64,([^\"]+)", path.read_text(encoding="utf-8"))
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(images[-1]))))[..., 0]
    X = datasets[2][0].get_value().astype("float64")[[first, last]]
    W, _, b_prime = (p.get_value() for p in models[0.3].params)
    code, _ = by_hand(models[0.3], X)
    z = 1 / (1 + np.exp(-(code @ W.T + b_prime)))
    np.testing.assert_allclose(strip[:4, :3].ravel(), z[0] * 255, atol=1.01)
    np.testing.assert_allclose(strip[:4, -3:].ravel(), z[1] * 255, atol=1.01)


def test_the_same_but_for_the_times_and_nothing_is_touched(report, tmp_path):
    path, datasets, models = report
    before = [p.get_value().copy() for da in models.values() for p in da.params]
    draw = models[0.3].theano_rng.uniform(size=(3,)).eval()
    trainings = [Trained(models[0.0], [9.0, 8.5]), Trained(models[0.3], [9.5, 9.0])]
    folder = tmp_path / "a" / "b"
    again = write_dA_report(folder, list(models), trainings, datasets, {"learning_rate": 0.1})
    first, second = read(path), read(again)
    del first["times"], second["times"]
    assert first == second
    after = [p.get_value() for da in models.values() for p in da.params]
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    fresh = model(seed=2)
    assert np.array_equal(draw, fresh.theano_rng.uniform(size=(3,)).eval())


@pytest.mark.parametrize(
    ("shape", "classes", "n"),
    [((4, 3), 0, (3, 2, 1)), ((2, 2, 3), 1, (3, 2, 4)), ((1, 12), 3, (3, 2, 30))],
    ids=["no labels, one example", "colour, one class", "a single row"],
)
def test_unusual_data(tmp_path, data_set, structure, shape, classes, n):
    path = write_dA_report(tmp_path, [0.0], [Trained(model())], data_set(n, shape, classes))
    structure(path)
    assert len(read(path)["models"][0]["test_cost_by_class"]) == classes


def test_settings_that_were_not_given_are_not_on_the_page(tmp_path, data_set):
    settings = {"batch_size": 20, "finetune_batch_size": None}
    path = write_dA_report(tmp_path, [0.0], [Trained(model())], data_set(), settings)
    page = path.read_text(encoding="utf-8")
    assert "<dt>batch size</dt>" in page
    assert "finetune batch size" not in page


def test_models_of_different_sizes(tmp_path, data_set, structure):
    pair = [Trained(model(n_hidden=n)) for n in (9, 4)]
    path = write_dA_report(tmp_path, [0.0, 0.3], pair, data_set())
    structure(path)
    page = path.read_text(encoding="utf-8")
    assert "9, 4 hidden units" in page
    assert "9 of 9, 4 of 4" in page
    assert [len(m["hidden_units"]["most_active"]) for m in read(path)["models"]] == [9, 4]


def test_a_cost_without_end_is_said(tmp_path, data_set, structure):
    da = model(reconstruction_cost="squared-error")
    da.b_prime.set_value(np.full(12, 0.9 * np.finfo(da.b_prime.dtype).max ** 0.5, da.b_prime.dtype))
    path = write_dA_report(tmp_path, [0.0], [Trained(da)], data_set())
    structure(path)
    assert path.read_text(encoding="utf-8").count("<td>infinite</td>") == 2
    assert read(path)["models"][0]["test_cost"] == {"clean": None, "corrupted": None}


def test_models_that_do_not_fit_are_refused(tmp_path, data_set):
    with pytest.raises(ValueError, match="empty"):
        write_dA_report(tmp_path, [], [], data_set())
    with pytest.raises(ValueError, match="7 visible units, but the images 12 values"):
        write_dA_report(tmp_path, [0.0], [Trained(model(n_visible=7))], data_set())


def test_dead_and_saturated_units_are_counted():
    rng = np.random.default_rng(0)
    lively = rng.random((1000, 1))
    still = np.full((1000, 1), 0.4)
    off = np.full((1000, 1), 0.01)
    switch = (rng.random((1000, 2)) < 0.5) * 0.98 + 0.01
    found = activity(np.hstack([lively, still, off, switch]))
    assert found["dead"] == 2
    assert found["saturated"] == 2
    assert found["most_active"][-1] == 2
    assert sum(found["histogram"]) == pytest.approx(1)
