"""The study of denoising: its noise and its measure, and a short run from end to end."""

import re
import sys

import numpy as np
import pytensor
import pytest
from PIL import Image

from studies import denoising


def test_noise_and_measure():
    clean = np.full((50, 20, 20), 0.5, dtype="float32")
    noisy = denoising.with_salt_and_pepper(clean, 0.25)
    hit = noisy != clean
    assert hit.mean() == pytest.approx(0.25, abs=0.02)
    assert set(np.unique(noisy[hit])) == {0, np.float32(255 / 256)}
    assert denoising.psnr(clean + 0.1, clean) == pytest.approx(20, abs=1e-3)  # 0.1 squared


@pytest.mark.slow
def test_it_cleans(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(denoising, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    options = ["--training-epochs", "1", "--n-hidden", "60", "--n-test", "30"]
    monkeypatch.setattr(sys, "argv", ["denoising", *options])
    with pytensor.config.change_flags(floatX="float32"):
        denoising.main()
    before, _, after = map(float, re.findall(r"([\d.]+) dB", capsys.readouterr().out))
    assert before < 9
    assert after > before + 4
    with Image.open(tmp_path / "denoising.png") as picture:
        assert picture.size == (2 * (12 * 30 - 2), 2 * (4 * 30 - 2))
