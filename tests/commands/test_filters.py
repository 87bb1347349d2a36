"""`deeptutorial filters` where the inputs are no pictures, and where a table is asked for."""

import io

import numpy as np
import pytest
from PIL import Image

from deeptutorial import SdA, dA
from deeptutorial.commands import main
from deeptutorial.datasets.description import Description
from deeptutorial.report.high_weights import high_weights_table
from deeptutorial.report.weight_chart import draw_high_weights

COLUMNS = tuple(f"gene {i}" for i in range(30))


@pytest.fixture(params=["dA", "SdA"])
def saved(request, tmp_path):
    """Return the path of a model of what is no picture, and its weights."""
    rng = np.random.RandomState(0)
    if request.param == "dA":
        model = layer = dA(numpy_rng=rng, n_visible=30, n_hidden=12)
    else:
        model = SdA(
            numpy_rng=rng, n_ins=30, hidden_layers_sizes=(12, 4), n_outs=3,
            corruption_levels=(0.1, 0.1),
        )  # fmt: skip
        layer = model.dA_layers[0]
    model.image_shape, model.data = (1, 30), Description(columns=COLUMNS)
    model.save(tmp_path / "model.npz")
    return str(tmp_path / "model.npz"), layer.W.get_value()


def test_chart(saved, tmp_path):
    path, W = saved
    output = tmp_path / "filters.png"
    assert main(["filters", path, "--output", str(output), "--rows", "2", "--columns", "3"]) == 0
    with Image.open(output) as picture:
        assert np.array_equal(picture, draw_high_weights(W, COLUMNS, 2, 3))


@pytest.mark.parametrize(("suffix", "delimiter"), [(".tsv", "\t"), (".csv", ","), (".TSV", "\t")])
def test_table(saved, tmp_path, suffix, delimiter):
    path, W = saved
    output = tmp_path / f"high{suffix}"
    assert main(["filters", path, "--output", str(output)]) == 0
    assert output.read_text(encoding="utf-8") == high_weights_table(W, COLUMNS, delimiter)


def test_more_columns_than_units_take_no_memory(tmp_path, monkeypatch, capfdbinary):
    da = dA(numpy_rng=np.random.RandomState(0), n_visible=6, n_hidden=5)
    da.image_shape = (2, 3)
    da.save(tmp_path / "da.npz")
    many = ["--columns", "100000000", "--output", "-"]
    assert main(["filters", str(tmp_path / "da.npz"), *many]) == 0
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as picture:
        assert picture.size == (10 * 4 - 1, 2)  # as the scripts draw it
