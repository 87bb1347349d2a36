"""Exported models: run by ONNX's runtime and by PyTorch, read by csv, against NumPy."""

import csv
import io
import json
import sys

import numpy as np
import onnxruntime
import pytensor
import pytest
from safetensors import safe_open

from deeptutorial import SdA, dA
from deeptutorial.commands import main
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.scaling import Scaling

N_VALUES, N_HIDDEN, N_CLASSES = 6, 4, 3
COLUMNS = ("=gene 1", 'g"2', "g,3", "g4", "g5", "Ä6")
ATOL = {"float32": 1e-6, "float64": 1e-12}


@pytest.fixture(autouse=True, params=["float32", "float64"])
def floatX(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytensor.config.change_flags(floatX=request.param):
        yield request.param


def randomised(model):
    rng = np.random.default_rng(1)
    for param in model.named_params().values():
        value = param.get_value()
        param.set_value(rng.normal(size=value.shape).astype(value.dtype))
    return model


def make_da(path="da.npz", scaling=None, **options):
    da = randomised(dA(np.random.RandomState(0), n_visible=N_VALUES, n_hidden=N_HIDDEN, **options))
    da.data = Description(columns=COLUMNS, scaling=scaling)
    da.save(path)
    return {name: param.get_value() for name, param in da.named_params().items()}


@pytest.fixture
def stack():
    sda = SdA(
        np.random.RandomState(0), n_ins=N_VALUES, hidden_layers_sizes=[5, 4], n_outs=N_CLASSES
    )
    sda.data = Description(columns=COLUMNS, class_names=("a", "b", "10"))
    randomised(sda).save("sda.npz")
    return {name: param.get_value() for name, param in sda.named_params().items()}


@pytest.fixture
def x(floatX):
    return np.random.default_rng(2).random((7, N_VALUES)).astype(floatX)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a):
    exp = np.exp(a - a.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def run_onnx(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"x": x}), strict=True)), session


def probabilities_of(stack, x):
    code = sigmoid(x @ stack["layer_0_W"] + stack["layer_0_b"])
    code = sigmoid(code @ stack["layer_1_W"] + stack["layer_1_b"])
    return code, softmax(code @ stack["output_W"] + stack["output_b"])


@pytest.mark.parametrize("reconstruction_cost", ["cross-entropy", "squared-error"])
def test_a_dA_in_onnx(x, floatX, reconstruction_cost):
    values = make_da(reconstruction_cost=reconstruction_cost)
    assert main(["export", "da.npz", "--to", "onnx"]) == 0
    outputs, session = run_onnx("da.onnx", x)
    code = sigmoid(x @ values["W"] + values["b"])
    z = code @ values["W"].T + values["b_prime"]
    z = z if reconstruction_cost == "squared-error" else sigmoid(z)
    np.testing.assert_allclose(outputs["code"], code, atol=ATOL[floatX])
    np.testing.assert_allclose(outputs["reconstruction"], z, atol=10 * ATOL[floatX])
    assert tuple(json.loads(session.get_modelmeta().custom_metadata_map["columns"])) == COLUMNS


@pytest.mark.parametrize("kind", ["minmax", "max", "standardize"])
def test_onnx_takes_and_gives_the_units_of_the_data(x, floatX, kind):
    data = 20 * x
    data[:, 3] = 5
    scaling = Scaling.fitted(kind, data)
    values = make_da(scaling=scaling)
    assert main(["export", "da.npz", "--to", "onnx"]) == 0
    beyond = 1.5 * data
    outputs, _ = run_onnx("da.onnx", beyond)
    shift = {"minmax": data.min(axis=0), "max": np.zeros(6), "standardize": data.mean(axis=0)}[kind]
    width = {
        "minmax": np.ptp(data, axis=0),
        "max": np.full(6, data.max()),
        "standardize": data.std(axis=0),
    }[kind]
    constant = width < 1e-6
    scaled = np.where(constant, 0, (beyond - shift) / np.where(constant, 1, width))
    scaled = scaled if kind == "standardize" else scaled.clip(0, 1)
    code = sigmoid(scaled @ values["W"] + values["b"])
    z = sigmoid(code @ values["W"].T + values["b_prime"]) * width + shift
    np.testing.assert_allclose(outputs["code"], code, atol=10 * ATOL[floatX])
    np.testing.assert_allclose(outputs["reconstruction"], z, atol=100 * ATOL[floatX])


def test_a_stack_in_onnx(stack, x, floatX):
    assert main(["export", "sda.npz", "--to", "onnx"]) == 0
    outputs, session = run_onnx("sda.onnx", x)
    code, probabilities = probabilities_of(stack, x)
    np.testing.assert_allclose(outputs["code"], code, atol=ATOL[floatX])
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=ATOL[floatX])
    assert outputs["class"].tolist() == probabilities.argmax(axis=1).tolist()
    described = session.get_modelmeta().custom_metadata_map
    assert json.loads(described["class_names"]) == ["a", "b", "10"]


def test_a_state_dict_in_pytorch(stack, x, floatX):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    assert main(["export", "sda.npz", "--to", "torch"]) == 0
    arrays = torch.load("sda.pt", weights_only=True)
    network = nn.Sequential()
    for name, (n_in, n_out) in {
        "layer_0": (N_VALUES, 5),
        "layer_1": (5, 4),
        "output": (4, N_CLASSES),
    }.items():
        network.add_module(name, nn.Linear(n_in, n_out, dtype=getattr(torch, floatX)))
        network.add_module(f"{name}_sigmoid", nn.Softmax(1) if name == "output" else nn.Sigmoid())
    network.load_state_dict(arrays)
    with torch.no_grad():
        found = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, probabilities_of(stack, x)[1], atol=ATOL[floatX])


def test_safetensors(floatX):
    scaling = Scaling("max", (0.0,), (0.5,))
    values = make_da(scaling=scaling)
    assert main(["export", "da.npz", "--to", "safetensors", "--output", "of.safetensors"]) == 0
    with safe_open("of.safetensors", "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    np.testing.assert_array_equal(arrays["encoder.weight"], values["W"].T)
    np.testing.assert_array_equal(arrays["encoder.bias"], values["b"])
    np.testing.assert_array_equal(arrays["decoder.weight"], values["W"])
    np.testing.assert_array_equal(arrays["decoder.bias"], values["b_prime"])
    assert arrays["encoder.weight"].dtype == floatX
    assert Description.from_plain(json.loads(metadata["data"]), N_VALUES).scaling == scaling


def test_a_table_of_a_dA(floatX, capsysbinary):
    values = make_da()
    assert main(["export", "da.npz", "--to", "csv", "--output", "-"]) == 0
    text = capsysbinary.readouterr().out.decode()
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["input", "b_prime", "0", "1", "2", "3"]
    assert [row[0] for row in rows] == ["b", *COLUMNS]
    np.testing.assert_array_equal(np.array(rows[0][2:], floatX), values["b"])
    np.testing.assert_array_equal(np.array([row[1] for row in rows[1:]], floatX), values["b_prime"])
    np.testing.assert_array_equal(np.array([row[2:] for row in rows[1:]], floatX), values["W"])


def test_tables_of_a_stack(stack, tmp_path, floatX, capsys):
    assert main(["export", "sda.npz", "--to", "csv"]) == 0
    names = ["sda_layer_0.csv", "sda_layer_1.csv", "sda_output.csv"]
    assert capsys.readouterr().err.splitlines() == names
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == names
    header, *rows = csv.reader(io.StringIO((tmp_path / names[2]).read_text()))
    assert header == ["input", "a", "b", "10"]
    np.testing.assert_array_equal(
        np.array([row[1:] for row in rows[1:]], floatX), stack["output_W"]
    )

    assert main(["export", "sda.npz", "--to", "csv", "--output", "-"]) == 2
    assert "3 files do not fit standard output" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["onnx", "safetensors", "torch"])
def test_what_is_not_installed_is_told(missing, monkeypatch, capsys, floatX, tmp_path):
    make_da()
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, f"{missing}.numpy", None)
    assert main(["export", "da.npz", "--to", missing]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--to {missing} needs {missing}: pip install" in line
    assert [path.name for path in tmp_path.iterdir()] == ["da.npz"]
