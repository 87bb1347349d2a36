"""What a checkpoint holds, taken apart and put back."""

import numpy as np
import pytensor
import pytest

from deeptutorial.training import EarlyStopping
from deeptutorial.training.packing import pack, restore


def test_values_come_back_as_they_were():
    stopping = EarlyStopping(patience=5)
    stopping.improves(0.25, 7)
    values = {
        "list": [1, 2.5, None, "text", [1e-300, -0.0], np.float32(0.1), np.int64(3)],
        "dict": {"arrays": [np.arange(6).reshape(2, 3), np.array(1.5)], "inf": float("inf")},
        "stopping": stopping,
        "shared": pytensor.shared(np.arange(4.0)),
        "generator": pytensor.shared(np.random.default_rng(3)),
    }
    arrays = {}
    packed = {name: pack(value, name, arrays) for name, value in values.items()}

    targets = {
        "list": [9],
        "dict": {"old": 1},
        "stopping": EarlyStopping(patience=1),
        "shared": pytensor.shared(np.zeros(4)),
        "generator": pytensor.shared(np.random.default_rng(4)),
    }
    for name, target in targets.items():
        restore(target, name, packed[name], arrays)
    assert targets["list"] == values["list"]
    assert targets["list"][5] == np.float32(0.1)
    np.testing.assert_array_equal(targets["dict"]["arrays"][0], values["dict"]["arrays"][0])
    assert targets["dict"]["inf"] == float("inf")
    assert vars(targets["stopping"]) == vars(stopping)
    np.testing.assert_array_equal(targets["shared"].get_value(), np.arange(4.0))
    draws = [v["generator"].get_value().random(5) for v in (targets, values)]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize(
    ("target", "packed"),
    [
        (pytensor.shared(np.zeros(4)), {"__array__": "a"}),
        (pytensor.shared(np.zeros(3)), {"__array__": "missing"}),
        (EarlyStopping(patience=1), {"improves": 1}),
        ({}, 3),
    ],
)
def test_what_does_not_fit_is_refused(target, packed):
    with pytest.raises((ValueError, TypeError, KeyError)):
        restore(target, packed, {"a": np.zeros(3)})
