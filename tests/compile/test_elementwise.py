"""What engines make of PyTensor's elementwise Ops, beside NumPy."""

import importlib.util

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import deeptutorial

FLOATS = np.array([[-2.5, -1.5, -0.5], [0.5, 1.5, 2.5]])
OTHERS = np.array([[2.5, -1.5, 1.0], [0.5, -3.0, 2.0]])
INTEGERS = np.array([[-3, 0, 1], [2, 5, 16777217]])
NUMBERS = np.array([[2, 1, 1], [2, -3, 3]])

GIVEN = {
    "float64": (FLOATS, OTHERS),
    "int64": (INTEGERS, NUMBERS),
    "bool": (FLOATS > 0, OTHERS > 1),
}
FUNCTIONS = {
    "equal": (pt.eq, np.equal, GIVEN),
    "not equal": (pt.neq, np.not_equal, GIVEN),
    "less": (pt.lt, np.less, GIVEN),
    "power": (lambda x, y: abs(x) ** y, lambda x, y: abs(x) ** y, ["float64"]),
    "remainder": (pt.mod, np.mod, ["float64", "int64"]),
    "quotient": (pt.true_div, np.true_divide, ["float64", "int64"]),
    "choice by numbers": (
        lambda x, y: pt.switch(x, x, y),
        lambda x, y: np.where(x, x, y),
        ["float64", "int64"],
    ),
    "rounded": (lambda x, y: pt.round(x + y), lambda x, y: np.round(x + y), ["float64"]),
    "softplus": (
        lambda x, y: pt.softplus(15 * x),
        lambda x, y: np.logaddexp(15.0 * x, 0),
        ["float64", "int64"],
    ),
    "root": (lambda x, y: pt.sqrt(abs(x)), lambda x, y: np.sqrt(abs(x)), ["float64", "int64"]),
}


@pytest.fixture(params=["numba", "jax", "pytorch"])
def backend(request):
    module = {"pytorch": "torch"}.get(request.param, request.param)
    if not importlib.util.find_spec(module):
        pytest.skip(f"{module} is not installed")
    before = pytensor.config.mode
    yield deeptutorial.use(request.param)
    pytensor.config.mode = before


@pytest.mark.parametrize("dtype", GIVEN)
def test_as_in_numpy(backend, dtype):
    x, y = (pt.matrix(name, dtype=dtype) for name in "xy")
    found = {name: by for name, by in FUNCTIONS.items() if dtype in by[2]}
    function = pytensor.function([x, y], [symbolic(x, y) for symbolic, _, _ in found.values()])
    for result, (name, (_, in_numpy, _)) in zip(
        function(*GIVEN[dtype]), found.items(), strict=True
    ):
        expected = in_numpy(*GIVEN[dtype])
        assert result.dtype == expected.dtype, name
        np.testing.assert_allclose(result, expected, rtol=1e-14, err_msg=name)
