"""The measurement of checkpoints: it goes through, and leaves nothing behind."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from benchmarks import checkpoints


@pytest.fixture
def datasets():
    x = pytensor.shared(np.random.default_rng(0).random((60, 12)).astype("float32"))
    return [(x, pt.cast(pytensor.shared(np.zeros(60, "float32")), "int32"))] * 3


def test_pairs_of_epochs(datasets, tmp_path):
    with pytensor.config.change_flags(floatX="float32"):
        pairs = list(checkpoints.epochs(datasets, tmp_path, n_pairs=3, n_hidden=5))
    assert len(pairs) == 3
    assert all(0 < waited < with_ and without > 0 for with_, without, waited in pairs)
    assert not list(tmp_path.glob("checkpoint*"))
