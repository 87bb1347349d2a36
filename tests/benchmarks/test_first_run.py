"""The benchmark of a first run, on a few small pictures."""

import numpy as np
import pytensor
import pytest

from benchmarks import first_run


@pytest.fixture
def small_set(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "small.npz"
    np.savez(path, x=rng.random((140, 6, 5)).astype("float32"), y=rng.integers(0, 3, 140))
    return path


def test_medians_of_runs_with_empty_and_with_filled_caches(tmp_path, monkeypatch, capsys):
    runs = iter([7.0, 1.0, 9.0, 3.0, 8.0, 2.0] * 2)
    folders = []

    def run(model, dataset, caches):
        folders.append(caches)
        assert dataset == "small"
        assert caches.is_dir()
        return [(f"{model}, a phase", next(runs))]

    monkeypatch.setattr(first_run, "_one_run", run)
    output = tmp_path / "FIRST_RUN.md"
    assert first_run.main(["--dataset", "small", "--output", str(output)]) == 0
    text = output.read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if "a phase" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["dA, a phase", "8.00", "2.00", "6.00"],
        ["SdA, a phase", "8.00", "2.00", "6.00"],
    ]
    assert folders[::2] == folders[1::2]  # the second run has what the first one has left
    assert len(set(folders)) == 6


@pytest.mark.slow
def test_the_phases_of_a_run(small_set, tmp_path, monkeypatch):
    found = first_run._one_run("dA", str(small_set), tmp_path / "caches")
    assert [phase for phase, _ in found] == ["dA, the data are read", "dA, its first minibatch"]
    assert 0 < found[0][1] < found[1][1]
    monkeypatch.setattr(first_run, "HIDDEN_LAYERS_SIZES", (8, 7))
    with pytensor.config.change_flags(floatX="float32"):
        assert list(first_run.phases("SdA", str(small_set)))[1:] == [
            "SdA, the first minibatch of layer 0",
            "SdA, the first minibatch of layer 1",
            "SdA, the first minibatch of fine-tuning",
            "SdA, the first validation",
        ]


def test_no_repeats_are_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        first_run.main(["--repeats", "0"])
    assert stopped.value.code == 2
    assert "--repeats must be at least 1" in capsys.readouterr().err
