"""The way of a table of gene expression: trained on, encoded, denoised, and taken elsewhere.

The table is made: samples that a few factors explain, and noise. The commands are those that the
README shows. What comes out is compared with NumPy's calculation from the arrays of the model's
file, and with the table before the noise.
"""

import csv
import json
import shlex

import numpy as np
import onnxruntime
import pytensor
import pytest
from PIL import Image

from deeptutorial.commands import main

COMMANDS = """
deeptutorial train dA --dataset genes.tsv --transpose --scale minmax \
    --n-hidden 50 --batch-size 10 --training-epochs 30 --corruption-level 0.1 --output-folder genes
deeptutorial encode genes/dA_corruption_10.npz genes.tsv --transpose --output codes.tsv
deeptutorial denoise genes/dA_corruption_10.npz genes.tsv --transpose --output denoised.tsv
deeptutorial filters genes/dA_corruption_10.npz --output heaviest.png
deeptutorial filters genes/dA_corruption_10.npz --output high_weights.tsv
deeptutorial export genes/dA_corruption_10.npz --to onnx
""".strip().splitlines()
N_SAMPLES, N_GENES, N_HIDDEN = 200, 1000, 50
SAMPLES = [f"GSM{i}" for i in range(N_SAMPLES)]
GENES = [f"PA{i:04}" for i in range(N_GENES)]


def made():
    """Return samples without noise and with it; each gene has a level and a spread of its own."""
    rng = np.random.default_rng(0)
    factors, loadings = rng.normal(size=(N_SAMPLES, 4)), rng.normal(size=(4, N_GENES))
    spread = rng.uniform(0.2, 4, N_GENES)
    clean = rng.uniform(3, 14, N_GENES) + spread * (factors @ loadings / 2)
    return clean, clean + 0.7 * spread * rng.normal(size=clean.shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the commands in a folder that has the table, and return it."""
    folder = tmp_path_factory.mktemp("expression")
    _, noisy = made()
    with open(folder / "genes.tsv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["gene", *SAMPLES])
        writer.writerows([gene, *map(str, row)] for gene, row in zip(GENES, noisy.T, strict=True))
    before = pytensor.config.floatX, pytensor.config.mode
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in COMMANDS:
            assert run(command) == 0, command
    pytensor.config.floatX, pytensor.config.mode = before
    return folder


def run(command):
    program, *options = shlex.split(command)
    assert program == "deeptutorial"
    try:
        return main(options)
    except SystemExit as ended:  # as a script does
        return ended.code


def of_model(folder):
    """Return the arrays of the model's file and its scaling, with no help of the package."""
    with np.load(folder / "genes" / "dA_corruption_10.npz") as file:
        arrays = {name: file[name].astype("float64") for name in ("W", "b", "b_prime")}
        data = json.loads(bytes(file["header.json"]))["data"]
    assert data["columns"] == GENES
    return arrays, data["scaling"]


def expected(folder):
    """Return what NumPy makes of the noisy table: codes, and reconstructions in its units."""
    arrays, scaling = of_model(folder)
    shift, factor = np.array(scaling["shift"]), np.array(scaling["factor"])
    X = np.clip((made()[1] - shift) * factor, 0, 1)
    codes = sigmoid(X @ arrays["W"] + arrays["b"])
    return codes, sigmoid(codes @ arrays["W"].T + arrays["b_prime"]) / factor + shift


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def table(path):
    """Return the heads of the columns, the first column, and the numbers in the others."""
    with open(path, newline="") as file:
        heads, *rows = csv.reader(file, delimiter="\t")
    return heads, [row[0] for row in rows], np.array([row[1:] for row in rows], dtype="float64")


def test_codes_with_the_names_of_the_samples(folder):
    heads, names, codes = table(folder / "codes.tsv")
    assert heads == ["identifier", *(f"unit_{i}" for i in range(N_HIDDEN))]
    assert names == SAMPLES
    np.testing.assert_allclose(codes, expected(folder)[0], atol=2e-5)


def test_the_denoised_table_is_in_its_units(folder):
    heads, names, denoised = table(folder / "denoised.tsv")
    assert heads == ["identifier", *GENES]
    assert names == SAMPLES
    np.testing.assert_allclose(denoised, expected(folder)[1], rtol=1e-5, atol=1e-3)


def test_half_of_the_noise_is_gone(folder):
    clean, noisy = made()
    left, was = table(folder / "denoised.tsv")[2] - clean, noisy - clean
    assert (left**2).sum() < 0.5 * (was**2).sum()


def test_the_model_runs_elsewhere(folder):
    path = folder / "genes" / "dA_corruption_10.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    raw = made()[1].astype("float32")
    codes, denoised = session.run(["code", "reconstruction"], {"x": raw})
    np.testing.assert_allclose(codes, table(folder / "codes.tsv")[2], atol=2e-5)
    np.testing.assert_allclose(denoised, table(folder / "denoised.tsv")[2], rtol=1e-5, atol=1e-3)


def test_high_weights_by_the_names_of_genes(folder):
    W = of_model(folder)[0]["W"]
    deviations = (W - W.mean(axis=0)) / W.std(axis=0)
    with open(folder / "high_weights.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = {(int(row["unit"]), row["input"]): float(row["deviations"]) for row in rows}
    assert set(found) == {(unit, GENES[i]) for i, unit in np.argwhere(np.abs(deviations) > 2)}
    assert len(found) > N_HIDDEN
    for (unit, gene), deviation in found.items():
        assert deviation == pytest.approx(deviations[GENES.index(gene), unit], abs=2e-3)


def test_the_heaviest_genes_of_each_unit_as_a_chart(folder):
    with Image.open(folder / "heaviest.png") as chart:
        width, height = chart.size
        assert len(chart.convert("RGB").getcolors(1 << 24)) > 2
    # Readable, and no picture of a thousand pixels in a row.
    assert 300 < width < 5000
    assert 300 < height < 5000
