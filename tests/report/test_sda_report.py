"""The report of a stack: its figures against what the network says."""

import json

import numpy as np
import pytest

from deeptutorial import SdA
from deeptutorial.report import Trained, write_SdA_report


@pytest.fixture(scope="module")
def report(tmp_path_factory, data_set):
    """Return a report of an untrained stack, the stack, and the test set as arrays."""
    datasets = data_set(n=(9, 6, 40))
    sda = SdA(
        numpy_rng=np.random.RandomState(0), n_ins=12, hidden_layers_sizes=(5, 4), n_outs=3,
        corruption_levels=(0.1, 0.2),
    )  # fmt: skip
    # A classifier starts with zeros, which takes everything for the first class.
    W = sda.logLayer.W
    W.set_value(np.random.default_rng(0).normal(size=W.get_value().shape).astype(W.dtype) * 5)
    path = write_SdA_report(
        tmp_path_factory.mktemp("report"),
        sda,
        datasets,
        pretraining=[
            Trained(layer, costs, 0.5)
            for layer, costs in zip(sda.dA_layers, ([3.0, 2.0], [4.0, 3.5]), strict=True)
        ],
        errors={"validation": [(1.0, 30.0), (2.0, 20.0)], "test": [(2.0, 25.0)]},
    )
    figures = json.loads((path.parent / "report.json").read_text(encoding="utf-8"))
    return path, figures, sda, datasets[2][0].get_value(), datasets[2][1].eval()


def test_the_confusion_counts_every_example_where_it_belongs(report):
    _, figures, sda, X, labels = report
    confusion = np.array(figures["test"]["confusion"])
    predicted = sda.predict(X)
    for i in range(3):
        for j in range(3):
            assert confusion[i, j] == np.sum((labels == i) & (predicted == j))
    assert figures["test"]["error_in_percent"] == pytest.approx(100 * (predicted != labels).mean())


def test_the_mistakes_are_all_there_the_surest_first(report):
    _, figures, sda, X, labels = report
    mistakes, predicted = figures["test"]["mistakes"], sda.predict(X)
    wrong = np.flatnonzero(predicted != labels)
    assert 0 < len(wrong) < len(X)
    assert sorted(m["example"] for m in mistakes) == wrong.tolist()
    sureness = [m["probability"] for m in mistakes]
    assert sureness == sorted(sureness, reverse=True)
    for m in mistakes:
        assert (m["label"], m["taken_for"]) == (labels[m["example"]], predicted[m["example"]])


def test_each_layer_is_described_by_its_own_code(report):
    _, figures, sda, X, _ = report
    code = X
    for i, layer in enumerate(figures["layers"]):
        code = sda.encode(i, code)
        np.testing.assert_allclose(
            layer["hidden_units"]["mean_by_unit"], code.mean(axis=0), rtol=1e-4
        )
    assert [layer["corruption_level"] for layer in figures["layers"]] == [0.1, 0.2]
    assert [layer["pretraining_costs"] for layer in figures["layers"]] == [[3, 2], [4, 3.5]]
    assert figures["times"]["seconds"] == {"pre-training": 1.0}


def test_the_page_is_whole(report, structure):
    path, figures, *_ = report
    page = structure(path)
    assert page.count["section"] == 9
    assert page.sources.pop(0) == "playground.html"
    assert path.with_name("playground.html").is_file()
    assert page.count["img"] == 2 + len(figures["test"]["mistakes"])
    assert page.count["td"] >= 9
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


def test_nothing_but_a_network(report, tmp_path, data_set, structure):
    sda = report[2]
    structure(write_SdA_report(tmp_path, sda, data_set(n=(3, 2, 1))))
