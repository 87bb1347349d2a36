"""The rows of the benchmark train alike in all libraries, and end up in its tables."""

import importlib

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from benchmarks import variants
from benchmarks.measure import Measurement
from benchmarks.peers import VARIANTS, missing_packages
from benchmarks.peers.variants import ROWS, plain_classes, pytensor_rows
from benchmarks.setting import Setting

N_VISIBLE = 12
N_MINIBATCHES = 6
BATCH_SIZE = 5


@pytest.fixture(scope="module")
def small_set():
    rng = np.random.default_rng(0)
    n = BATCH_SIZE * N_MINIBATCHES
    return rng.random((n, N_VISIBLE), dtype=np.float32), rng.integers(0, 10, n)


@pytest.fixture
def costs(small_set, tmp_path):
    """Return a function that trains with an implementation, without noise, and returns costs."""
    train_x, train_y = small_set
    labels = tmp_path / "train_y.npy"
    np.save(labels, train_y)

    def train(name, row):
        if missing := missing_packages(f"variants.{name}"):
            pytest.skip(f"{', '.join(missing)} not installed")
        peer = importlib.import_module(f"benchmarks.peers.variants.{name}")
        setting = Setting(
            batch_size=BATCH_SIZE,
            n_hidden=7,
            corruption_level=0.0,
            learning_rate=ROWS[row].learning_rate,
            threads=1,
            row=row,
            labels=str(labels),
        )
        with pytensor.config.change_flags(floatX="float32"):
            step = peer.prepare(train_x.copy(), setting.initial_parameters(N_VISIBLE), setting)
            return np.concatenate([step(0, 2), step(2, N_MINIBATCHES - 2)])

    return train


# The others are compared at each run of the benchmark; here, compiling all would take too long.
@pytest.mark.parametrize("row", ["momentum", "contractive", "fine-tuning"])
def test_pytensor_trains_alike_with_and_without_this_project(row, costs):
    expected = costs("plain_pytensor", row)
    np.testing.assert_allclose(costs("deeptutorial", row), expected, rtol=1e-5)
    np.testing.assert_allclose(costs("jax_scan", row), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "constant", "value"), [("clip", "CLIP", 0.05), ("epsilon", "LOG_EPSILON", 0.1)]
)
def test_what_costs_do_not_show_is_done(row, constant, value, costs, monkeypatch):
    """As small as the benchmark has them, these two change no cost by as much as it looks at."""
    unchanged = costs("plain_pytensor", "nothing")
    monkeypatch.setattr(pytensor_rows, constant, value)
    expected = costs("plain_pytensor", row)
    assert abs(expected / unchanged - 1).max() > 1e-3
    np.testing.assert_allclose(costs("deeptutorial", row), expected, rtol=1e-5)


@pytest.mark.parametrize("row", ROWS)
def test_jax_and_pytorch_train_alike(row, costs):
    np.testing.assert_allclose(costs("jax_scan", row), costs("pytorch_eager", row), rtol=1e-5)


def test_rows_differ(costs):
    """A row that forgot its change would be measured as nothing changed."""
    firsts = {}
    for row in ROWS:
        if row not in ("salt-and-pepper", "gaussian", "clip", "epsilon"):  # alike without noise
            firsts.setdefault(costs("pytorch_eager", row)[-1], []).append(row)
    assert all(len(rows) == 1 for rows in firsts.values()), firsts


def jax_noise(row, x, level):
    jax = pytest.importorskip("jax")
    from benchmarks.peers.variants.jax_scan import NOISES, masking

    return NOISES.get(row, masking)(x, jax.random.key(0), level)


def pytorch_noise(row, x, level):
    torch = pytest.importorskip("torch")
    from benchmarks.peers.variants.pytorch_rows import NOISES, masking

    torch.manual_seed(0)
    return NOISES.get(row, masking)(torch.from_numpy(x), level)


def plain_noise(row, x, level):
    corruption = pytensor_rows.OPTIONS.get(row, {}).get("corruption", "masking")
    with pytensor.config.change_flags(floatX="float32"):
        streams = plain_classes.RandomStreams(0)
        W, bhid, bvis = pt.matrix(), pt.vector(), pt.vector()
        da = plain_classes.dA(None, streams, None, 80, 5, W, bhid, bvis, corruption)
        corrupted = da.get_corrupted_input(pytensor.shared(x), level)
        return pytensor.function([], corrupted, mode="FAST_COMPILE")()


@pytest.mark.parametrize("noise", [jax_noise, pytorch_noise, plain_noise])
def test_noise(noise):
    x = np.full((500, 80), 0.5, np.float32)
    masked = np.asarray(noise("nothing", x, 0.3))
    assert set(np.unique(masked)) == {np.float32(0), np.float32(0.5)}
    assert np.mean(masked == 0) == pytest.approx(0.3, abs=0.015)
    salted = np.asarray(noise("salt-and-pepper", x, 0.3))
    assert np.mean(salted == 0) == pytest.approx(0.15, abs=0.015)
    assert np.mean(salted == 1) == pytest.approx(0.15, abs=0.015)
    assert np.mean(salted == 0.5) == pytest.approx(0.7, abs=0.015)
    added = np.asarray(noise("gaussian", x, 0.3)) - x
    assert (added.mean(), added.std()) == pytest.approx((0, 0.3), abs=0.01)
    for corrupted in (masked, salted, added):
        assert corrupted.dtype == np.float32


@pytest.fixture
def small_file(small_set, tmp_path):
    images, labels = small_set
    path = tmp_path / "small.npz"
    np.savez(path, x=np.repeat(images, 3, axis=0), y=np.repeat(labels, 3))
    return path


def cells(page, row):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} ")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


@pytest.mark.slow
def test_real_run(small_file, tmp_path, capsys):
    names = ["pytorch_eager", "jax_scan"]
    if any(missing_packages(f"variants.{name}") for name in names):
        pytest.skip("JAX or PyTorch is not installed")
    output = tmp_path / "page.md"
    options = ["--dataset", str(small_file), "--batch-sizes", "5", "--n-hidden", "6"]
    options += ["--epochs", "1", "--repeats", "1", "--threads", "1", "--rows", "mlp"]
    assert variants.main([*options, "--only", *names, "--output", str(output)]) == 0
    page = output.read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    *seconds, ratio = cells(page, "MLP")
    assert len(seconds) == 2
    assert all(float(second) > 0 for second in seconds)
    assert ratio == "–"  # this project was left out


def test_page(small_file, tmp_path, monkeypatch, capsys):
    """What fails and what disagrees is told, and does not count as the fastest."""
    epochs = dict(zip(VARIANTS, (1.5, 8.0, 1.0, 4.0, 3.0), strict=True))

    def measured(names, train_x, setting, repeats, caches, tell):
        assert np.load(setting.labels).shape == (len(np.load(train_x)),)
        assert setting.epochs == pytest.approx(0.5 * ROWS[setting.row].part)
        found = [Measurement(name, epochs=[epochs[name]] * repeats) for name in names]
        if setting.row == "contractive":
            found[2].error = "the costs disagree: 2.0000 instead of 1.0000"
            found[3] = Measurement(names[3], error="out of luck")
        return found

    monkeypatch.setattr(variants, "measure", measured)
    monkeypatch.setattr(variants, "missing_packages", lambda name: [])
    output = tmp_path / "page.md"
    options = ["--dataset", str(small_file), "--batch-sizes", "5", "10", "--epochs", "0.5"]
    options += ["--output", str(output), "--rows", "contractive"]
    assert variants.main(options) == 1
    page = output.read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    assert page.index("## Batch 5") < page.index("## Batch 10")
    page = page[page.index("## Batch 10") :]
    row = cells(page, ROWS["contractive"].what)
    assert row == ["1.50", "8.00", "disagrees", "fails", "3.00", "0.50"]
    assert "PyTorch, eager: the costs disagree: 2.0000 instead of 1.0000" in page
    assert "PyTorch, torch.compile: out of luck" in page
    assert variants.main([*options, "--rows", "nothing"]) == 0
    assert cells(capsys.readouterr().out.split("## Batch 10")[1], "nothing")[-1] == "1.50"


def test_missing_package_is_left_out_and_named(small_file, monkeypatch, capsys):
    def measured(names, *arguments, **options):
        return [Measurement(name, epochs=[1.0]) for name in names]

    monkeypatch.setattr(variants, "measure", measured)
    monkeypatch.setattr(
        variants, "missing_packages", lambda name: ["torch"] if "pytorch" in name else []
    )
    options = ["--dataset", str(small_file), "--batch-sizes", "5", "--rows", "nothing"]
    assert variants.main(options) == 0
    page = capsys.readouterr().out
    assert "Left out: PyTorch, eager (torch not installed)." in page
    assert cells(page, "nothing") == ["1.00", "1.00", "1.00", "1.00"]


@pytest.mark.parametrize(
    "wrong", [["--epochs", "0"], ["--repeats", "0"], ["--batch-sizes", "0"], ["--rows", "none"]]
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(SystemExit) as stopped:
        variants.main(wrong)
    assert stopped.value.code == 2


def test_help_names_rows_and_implementations(capsys):
    with pytest.raises(SystemExit) as stopped:
        variants.main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*ROWS, *variants.IMPLEMENTATIONS))
