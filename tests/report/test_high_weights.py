"""High weights of units: as a table, as a chart, on a page, in the scripts' pictures."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image

from dA import save_filters
from deeptutorial import SdA, dA
from deeptutorial.datasets.description import Description
from deeptutorial.report import Trained, draw_mistakes, write_dA_report, write_SdA_report
from deeptutorial.report.high_weights import deviations, heaviest, high_weights_table
from deeptutorial.report.weight_chart import (
    BARS,
    GAP,
    HEADING,
    MARGIN,
    NAMES,
    NEGATIVE,
    POSITIVE,
    ROW,
    TITLE,
    WIDTH,
    draw_high_weights,
)  # fmt: skip
from deeptutorial.report.weights_html import weights_html

NAMES_OF_12 = tuple(f"gene {i}" for i in range(12))


def weights(n_visible=40, n_hidden=3, seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.1, (n_visible, n_hidden)).astype("float32")


def read(text, delimiter="\t"):
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def test_table_has_what_lies_beyond_two_standard_deviations():
    W = weights(200, 4)
    names = [f"gene {i}" for i in range(200)]
    found = read(high_weights_table(W, names))
    expected = []
    for unit in range(4):
        w = W[:, unit].astype("float64")
        z = (w - w.mean()) / np.sqrt(np.mean((w - w.mean()) ** 2))
        inputs = sorted(np.flatnonzero(abs(z) > 2), key=lambda i, z=z: -abs(z[i]))
        expected += [(str(unit), names[i], w[i], z[i]) for i in inputs]
    assert [(row["unit"], row["input"]) for row in found] == [row[:2] for row in expected]
    for row, (_, _, weight, z) in zip(found, expected, strict=True):
        assert float(row["weight"]) == pytest.approx(weight, rel=1e-5)
        assert float(row["deviations"]) == pytest.approx(z, abs=1e-3)
    assert {row["unit"] for row in found} == {"0", "1", "2", "3"}
    assert min(float(row["deviations"]) for row in found) < -2


@pytest.mark.parametrize("columns", [(), ("too", "few")])
def test_inputs_without_names_are_numbered_from_0(columns):
    W = np.zeros((30, 1))
    W[[0, 29], 0] = 1, -1
    assert [row["input"] for row in read(high_weights_table(W, columns))] == ["0", "29"]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_names_may_hold_anything(delimiter):
    W = np.zeros((30, 1))
    W[7] = 1
    names = ["plain"] * 30
    names[7] = 'a "b",\tc\nd'
    (row,) = read(high_weights_table(W, names, delimiter), delimiter)
    assert row["input"] == names[7]


@pytest.mark.parametrize("value", [0, 0.1, -3])
def test_unit_of_equal_weights_has_no_high_ones(value):
    W = np.full((50, 2), value, "float32")
    assert not deviations(W).any()
    assert read(high_weights_table(W)) == []
    draw_high_weights(W)
    weights_html(W, range(2))


def test_the_heaviest_come_first_whatever_their_sign():
    assert heaviest(np.array([0.5, -3, 2, 0, 2.5]), 3) == [1, 4, 2]


def panel(picture, unit, across):
    row, column = divmod(unit, across)
    height = TITLE + 8 * ROW
    return MARGIN + column * (WIDTH + GAP), HEADING + row * (height + GAP)


def test_bars_of_the_chart_are_as_long_as_the_deviations():
    W = weights()
    W[5, 1] = -2  # far below all others: what all bars are measured by
    across = 2
    picture = np.asarray(draw_high_weights(W, across=across))
    z = deviations(W)
    furthest = abs(z).max()
    for unit in range(3):
        x, y = panel(picture, unit, across)
        for place, i in enumerate(heaviest(z[:, unit], 8)):
            line = picture[y + TITLE + place * ROW + ROW // 2, x + NAMES : x + NAMES + BARS + 1]
            for colour, sign in ((POSITIVE, 1), (NEGATIVE, -1)):
                rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
                length = (line == rgb).all(axis=1).sum()
                expected = abs(z[i, unit]) / furthest * BARS / 2 if z[i, unit] * sign > 0 else 0
                assert length == pytest.approx(expected, abs=2)


def test_size_of_the_chart_depends_on_the_units_and_not_on_the_inputs():
    sizes = {draw_high_weights(weights(n, 30)).size for n in (8, 100, 5000)}
    assert len(sizes) == 1
    (size,) = sizes
    assert size == (2 * MARGIN + 10 * (WIDTH + GAP) - GAP, HEADING + MARGIN + 3 * 156 - GAP)
    assert draw_high_weights(weights(3, 1)).width < 300
    assert draw_high_weights(weights(30, 500)).size == draw_high_weights(weights(30, 100)).size


def test_names_of_any_length_and_letters_are_drawn():
    names = ["x" * 1_000_000, "\n\x1b[2J", "", "数字", *"abcdef"]
    draw_high_weights(weights(10, 2), names)
    html = weights_html(weights(10, 2), range(2), ["<script>", *names[1:]])
    assert "<script" not in html


# --- where it is to be seen


def model(n_visible=12, n_hidden=30):
    da = dA(numpy_rng=np.random.RandomState(0), n_visible=n_visible, n_hidden=n_hidden)
    da.image_shape = (1, n_visible)
    if n_visible == 12:
        da.data = Description(columns=NAMES_OF_12)
    return da


@pytest.mark.parametrize("image_shape", [(1, 5000), None])
def test_filters_of_what_is_no_picture_are_a_chart_and_a_table(tmp_path, image_shape):
    da = model(5000, 20)
    save_filters(da, image_shape, str(tmp_path / "filters_corruption_12.5.png"))
    with Image.open(tmp_path / "filters_corruption_12.5.png") as picture:
        assert picture.format == "PNG"
        assert max(picture.size) < 2500
    table = (tmp_path / "filters_corruption_12.5.tsv").read_text(encoding="utf-8")
    assert table == high_weights_table(da.W.get_value())


@pytest.fixture
def datasets(data_set):
    return data_set((9, 6, 30), (1, 12), 3)


def test_page_of_a_dA_names_the_inputs(tmp_path, datasets, structure):
    da = model()
    page = write_dA_report(tmp_path, [0.3], [Trained(da)], datasets)
    assert structure(page).count.get("img", 0) == 0  # no strips of single rows
    text = page.read_text(encoding="utf-8")
    assert "Heaviest inputs" in text
    z = deviations(da.W.get_value())
    unit_0 = re.search(r"<caption>unit 0</caption>(.*?)</table>", text)[1]
    listed = re.findall(r"<th>(.*?)</th>", unit_0)
    assert listed == [NAMES_OF_12[i] for i in heaviest(z[:, 0], 8)]
    kinds = re.findall(r'class="(more|less)"', unit_0)
    assert kinds == ["more" if z[i, 0] > 0 else "less" for i in heaviest(z[:, 0], 8)]


def test_page_and_mistakes_of_a_stack(tmp_path, datasets, structure):
    sda = SdA(
        numpy_rng=np.random.RandomState(0), n_ins=12, hidden_layers_sizes=(5,), n_outs=3,
        corruption_levels=(0.1,),
    )  # fmt: skip
    sda.data = Description(columns=NAMES_OF_12)
    page = write_SdA_report(tmp_path, sda, datasets)
    assert structure(page).count.get("img", 0) == 0
    text = page.read_text(encoding="utf-8")
    assert "Heaviest inputs of the first layer" in text
    assert "gene 11" in text
    X, labels = datasets[2][0].get_value(), datasets[2][1].eval()
    wrong = np.flatnonzero(sda.predict(X) != labels)
    listed = text.split("<h2>Mistakes</h2>")[1].split("</section>")[0]
    assert sorted(map(int, re.findall(r"<tr><th>(\d+)</th>", listed))) == wrong.tolist()
    picture = draw_mistakes(X, labels, sda.predict_proba(X), (1, 12))
    assert picture.size == draw_mistakes(X, labels, sda.predict_proba(X), None).size
    assert max(picture.size) < 1200
