from benchmarks import gpu
from benchmarks.measure import Measurement


def test_page(monkeypatch, tmp_path, capsys):
    """The tables are those of what was measured, whatever it was measured on."""
    seconds = {"deeptutorial_jax": 2.2, "jax_scan": 2.0, "pytorch_graph": 1.0}

    def measured(names, train_x, setting, repeats, caches, tell):
        assert setting.device == "cuda"
        return [
            Measurement(
                name,
                epochs=[seconds[name] * setting.n_hidden / 500] * repeats,
                later_start=7.0,
                device_memory=3 * 2**20,
                error="out of luck" if (name, setting.n_hidden) == ("pytorch_graph", 1000) else "",
            )
            for name in names
        ]

    monkeypatch.setattr(gpu, "gpu_name", lambda: "A card")
    monkeypatch.setattr(gpu, "BESIDE", {"cuda": tuple(seconds)})
    monkeypatch.setattr(gpu, "missing_packages", lambda name: [])
    monkeypatch.setattr(gpu, "load_training_set", lambda dataset: [[0.0]])
    monkeypatch.setattr(gpu, "measure", measured)
    output = tmp_path / "page.md"
    options = ["--batch-sizes", "20", "--n-hidden", "500", "1000", "--repeats", "2"]
    assert gpu.main([*options, "--output", str(output)]) == 1
    page = output.read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    assert "GPU: A card" in page
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    by_jax = [row for row in rows if row and row[0] == "deeptutorial, backend jax"]
    assert by_jax == [
        ["deeptutorial, backend jax", "2.20", "4.40"],
        ["deeptutorial, backend jax", "1.10", "1.10"],
        ["deeptutorial, backend jax", "7.00", "7.00"],
        ["deeptutorial, backend jax", "3", "3"],
    ]
    assert ["PyTorch, a CUDA graph", "0.50", "–"] in rows
    assert "out of luck" in page


def test_a_machine_without_a_gpu(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert gpu.gpu_name() == ""
