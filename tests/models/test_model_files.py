"""Saved models: what comes back, and what is refused."""

import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytensor
import pytest

from deeptutorial import ModelFileError, SdA, dA, load_model
from deeptutorial.archives import read_archive, write_archive
from deeptutorial.models import read_model
from deeptutorial.models.model_files import FORMAT


@pytest.fixture(autouse=True)
def in_float32():
    with pytensor.config.change_flags(floatX="float32"):
        yield


def small_dA():
    da = dA(np.random.RandomState(5), n_visible=6, n_hidden=4)
    for bias in (da.b, da.b_prime):
        bias.set_value(np.random.RandomState(6).normal(size=bias.get_value().shape).astype("f4"))
    da.image_shape = (3, 2)
    return da


def small_SdA():
    sda = SdA(
        np.random.RandomState(7),
        n_ins=6,
        hidden_layers_sizes=[5, 4],
        n_outs=3,
        corruption_levels=[0.1, 0.25],
    )
    for param in sda.named_params().values():
        noise = np.random.RandomState(8).normal(size=param.get_value().shape)
        param.set_value(param.get_value() + noise.astype("f4"))
    sda.image_shape = (3, 2)
    return sda


MODELS = pytest.mark.parametrize("make", [small_dA, small_SdA])


def values(model):
    return {name: param.get_value() for name, param in model.named_params().items()}


def rewritten(path, change):
    """Write a file anew, with a checksum that is right, after a change to its content."""
    header, arrays = read_archive(path, FORMAT, 1)
    change(header, arrays)
    write_archive(path, header, arrays)
    return path


# ---- what comes back


@MODELS
def test_what_is_saved_comes_back_to_the_bit(make, tmp_path):
    model = make()
    model.save(tmp_path / "model")
    for again in (type(model).load(tmp_path / "model"), load_model(str(tmp_path / "model"))):
        assert type(again) is type(model)
        assert again.image_shape == (3, 2)
        for name in model.hyperparameters:
            assert getattr(again, name) == getattr(model, name)
        for name, value in values(model).items():
            np.testing.assert_array_equal(values(again)[name], value)
            assert values(again)[name].dtype == value.dtype


def test_another_process_predicts_the_same(tmp_path):
    sda = small_SdA()
    sda.save(tmp_path / "sda.npz")
    X = np.random.default_rng(0).random((9, 6)).astype("float32")
    np.save(tmp_path / "X.npy", X)
    program = (
        "import numpy, pytensor\n"
        "pytensor.config.floatX = 'float32'\n"
        "from deeptutorial import SdA\n"
        "proba = SdA.load('sda.npz').predict_proba(numpy.load('X.npy'))\n"
        "numpy.save('proba.npy', proba)\n"
    )
    path = os.pathsep.join(sys.path)
    environment = os.environ | {"PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), sda.predict_proba(X))


def test_a_loaded_model_learns_on(tmp_path):
    small_dA().save(tmp_path / "da.npz")
    da = dA.load(tmp_path / "da.npz")
    cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
    train = pytensor.function([da.x], cost, updates=updates)
    x = np.random.default_rng(0).integers(0, 2, (8, 6)).astype("float32")
    costs = [float(train(x)) for _ in range(200)]
    assert np.mean(costs[-20:]) < np.mean(costs[:20])


@MODELS
def test_numpy_opens_it_without_pickle(make, tmp_path):
    model = make()
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        for name, value in values(model).items():
            np.testing.assert_array_equal(file[name], value)
        assert json.loads(file["header.json"])["model"] == type(model).__name__


def test_noise_and_cost_are_remembered(tmp_path):
    da = dA(
        np.random.RandomState(0),
        n_visible=6,
        n_hidden=4,
        corruption="salt-and-pepper",
        reconstruction_cost="squared-error",
    )
    da.save(tmp_path / "da.npz")
    again = load_model(tmp_path / "da.npz")
    assert (again.corruption, again.reconstruction_cost) == ("salt-and-pepper", "squared-error")


def test_a_stack_remembers_its_noise_and_cost(tmp_path):
    made = {
        "corruption": "gaussian",
        "corruption_levels": [2.0],
        "reconstruction_cost": "squared-error",
    }
    sda = SdA(np.random.RandomState(1), n_ins=6, hidden_layers_sizes=[5], n_outs=3, **made)
    sda.save(tmp_path / "sda.npz")
    loaded = SdA.load(tmp_path / "sda.npz")
    assert {name: getattr(loaded, name) for name in made} == made
    assert loaded.dA_layers[0].reconstruction_cost == "squared-error"

    rewritten(tmp_path / "sda.npz", _as_before_there_were_kinds)
    old = SdA.load(tmp_path / "sda.npz")
    assert (old.corruption, old.reconstruction_cost) == ("masking", "cross-entropy")


def _as_before_there_were_kinds(header, _):
    for name in ("corruption", "reconstruction_cost"):
        del header["hyperparameters"][name]
    header["hyperparameters"]["corruption_levels"] = [0.3]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        small_SdA().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_floatX_may_be_another_one(tmp_path):
    saved = small_dA()
    saved.save(tmp_path / "da.npz")
    with pytensor.config.change_flags(floatX="float64"):
        da = dA.load(tmp_path / "da.npz")
        assert da.W.dtype == "float64"
        np.testing.assert_array_equal(da.W.get_value(), saved.W.get_value())
        da.b.set_value(np.full(4, 1e300))
        da.save(tmp_path / "wide.npz")
    with pytest.raises(ModelFileError, match="b does not fit float32"):
        dA.load(tmp_path / "wide.npz")


def test_a_file_without_a_newer_hyperparameter_gets_its_default(tmp_path, monkeypatch):
    small_dA().save(tmp_path / "old.npz")
    monkeypatch.setattr(dA, "hyperparameters", (*dA.hyperparameters, "invented"))
    assert dA.load(tmp_path / "old.npz").n_hidden == 4


# ---- what is not saved


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = tmp_path / "da.npz"
    small_dA().save(path)
    before = path.read_bytes()
    da = small_dA()
    da.W.set_value(np.full((6, 4), np.nan, dtype="float32"))
    with pytest.raises(ValueError, match="W holds NaN"):
        da.save(path)
    da = small_dA()
    da.image_shape = (4, 4)
    with pytest.raises(ValueError, match="image_shape"):
        da.save(path)
    shared = small_dA()
    shared.corruption = lambda input, theano_rng, level: input
    with pytest.raises(TypeError, match=r"corruption is <function .* which a file cannot hold"):
        shared.save(path)
    tied = dA(np.random.RandomState(0), n_visible=4, n_hidden=6, W=shared.W.T)
    with pytest.raises(TypeError, match="W is computed"):
        tied.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["da.npz"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        small_dA().save(tmp_path / "nowhere" / "da.npz")


# ---- what is refused


def test_a_hyperparameter_of_a_later_version(tmp_path):
    small_dA().save(tmp_path / "da.npz")
    rewritten(tmp_path / "da.npz", lambda header, _: header["hyperparameters"].update(depth=3))
    with pytest.raises(ModelFileError, match=r"da\.npz.*'depth'.*later version.*update"):
        load_model(tmp_path / "da.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h.update(version=2), "later version of deeptutorial .*version 2; .* up to 1"),
        (lambda h, a: h.update(version="1"), "damaged"),
        (lambda h, a: h.update(format="something else"), "not a deeptutorial model"),
        (lambda h, a: h.pop("format"), "not a deeptutorial model"),
        (lambda h, a: h.update(model="RBM"), "'RBM', which is not known here"),
        (lambda h, a: h.pop("model"), "no model in its header"),
        (lambda h, a: h.update(hyperparameters=[6, 4]), "no hyperparameters in its header"),
        (lambda h, a: h["hyperparameters"].pop("n_hidden"), "n_hidden"),
        (lambda h, a: h["hyperparameters"].update(n_hidden=10**12), r"W must have shape"),
        (lambda h, a: h["hyperparameters"].update(n_hidden="4"), "n_hidden must be an integer"),
        (lambda h, a: h["hyperparameters"].update(n_hidden=-4), "n_hidden must be at least 1"),
        (lambda h, a: h["hyperparameters"].update(corruption="x"), "one of masking, .* got 'x'"),
        (lambda h, a: h["hyperparameters"].update(reconstruction_cost=[]), "one of cross.* got"),
        (lambda h, a: h.update(image_shape=[28, 28]), "image_shape"),
        (lambda h, a: h.update(image_shape="square"), "image_shape"),
        (lambda h, a: h.update(floatX="float16"), "unknown floatX 'float16'"),
        (lambda h, a: a.update(W=a["W"].T.copy()), r"W must have shape \(6, 4\), got \(4, 6\)"),
        (lambda h, a: a.update(W=a["W"].astype("float64")), "W is float64, not float32"),
        (lambda h, a: a.pop("b"), "array 'b' missing"),
        (lambda h, a: a.update(c=a["b"]), "array 'c' unknown"),
        (lambda h, a: a["b"].__setitem__(0, np.nan), "b holds NaN"),
        (lambda h, a: a["b"].__setitem__(0, np.inf), "b holds NaN or infinity"),
    ],
)
def test_wrong_content_is_named(change, message, tmp_path):
    path = tmp_path / "da.npz"
    small_dA().save(path)
    rewritten(path, change)
    with pytest.raises(ModelFileError, match=message) as caught:
        load_model(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h["hyperparameters"].update(hidden_layers_sizes=[5, 3]), "layer_1_W"),
        (lambda h, a: h["hyperparameters"].update(hidden_layers_sizes=[5]), "unknown"),
        (lambda h, a: h["hyperparameters"].update(hidden_layers_sizes=[]), "is empty"),
        (lambda h, a: h["hyperparameters"].update(hidden_layers_sizes="54"), "sequence"),
        (lambda h, a: h["hyperparameters"].update(hidden_layers_sizes=[5, [4]]), "integer"),
        (lambda h, a: h["hyperparameters"].update(corruption_levels=[2, 0]), "corruption_levels"),
        (lambda h, a: h["hyperparameters"].update(corruption_levels=[0]), "corruption_levels"),
        (lambda h, a: h["hyperparameters"].update(n_outs=10**15), "output_W must have shape"),
    ],
)
def test_wrong_content_of_a_stack_is_named(change, message, tmp_path):
    path = tmp_path / "sda.npz"
    small_SdA().save(path)
    rewritten(path, change)
    with pytest.raises(ModelFileError, match=message):
        load_model(path)


def test_the_other_kind(tmp_path):
    small_dA().save(tmp_path / "da.npz")
    with pytest.raises(ModelFileError, match="holds a model of the kind 'dA', not 'SdA'"):
        SdA.load(tmp_path / "da.npz")


def test_no_file_is_taken_for_half_of_one(tmp_path):
    """Cut off anywhere, it is refused."""
    path = tmp_path / "da.npz"
    small_dA().save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"da\.npz: not a deeptutorial model, or a damage"):
            read_model(path)


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path):
    """Each byte in turn; those that zip does not use, dates say, may be anything."""
    path = tmp_path / "da.npz"
    small_dA().save(path)
    whole, saved = path.read_bytes(), values(small_dA())
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            header, arrays = read_model(path)
        except ModelFileError:
            refused += 1
            continue
        assert header["hyperparameters"]["n_hidden"] == 4
        assert set(arrays) == set(saved)
        for name, value in saved.items():
            np.testing.assert_array_equal(arrays[name], value)
    assert refused > 0.8 * len(whole)


def test_altered_arrays_with_a_valid_zip_are_found(tmp_path):
    path = tmp_path / "da.npz"
    small_dA().save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["b.npy"] = members["b.npy"][:-1] + b"\x00"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(ModelFileError, match="its content is not what was written"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", pickle.dumps({"W": 1}), bytes(1000)])
def test_no_model_at_all(content, tmp_path):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"x\.npz: not a deeptutorial model"):
        load_model(tmp_path / "x.npz")


def test_an_npz_of_somebody_else(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    with pytest.raises(ModelFileError, match=r"there is no header\.json"):
        load_model(tmp_path / "x.npz")


def test_a_pickle_in_an_array_does_not_run(tmp_path):
    """With a control: NumPy runs it if it is allowed to."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "da.npz"
    np.savez(path, W=np.array([Bomb()], dtype=object), **{"header.json": np.zeros(1)})
    with np.load(path, allow_pickle=True) as file:
        assert file["W"].shape == (1,)
    (tmp_path / "ran").rmdir()
    with zipfile.ZipFile(path) as file:
        bomb = file.read("W.npy")
    small_dA().save(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("c.npy", bomb)
    with pytest.raises(ModelFileError):
        load_model(path)
    assert not (tmp_path / "ran").exists()


def test_compressed_members_are_refused(tmp_path):
    """No bomb: a file never holds more than it is large."""
    with zipfile.ZipFile(tmp_path / "da.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", b"{}")
        file.writestr("W.npy", bytes(10_000_000))
    with pytest.raises(ModelFileError, match="a member is compressed"):
        load_model(tmp_path / "da.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="pipe: not a regular file"):
        load_model(tmp_path / "pipe")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"da\.npz"):
        load_model(tmp_path / "da.npz")
