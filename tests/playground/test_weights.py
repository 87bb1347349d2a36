"""Rounded weights: against exact arithmetic, and bit by bit."""

import numpy as np
import pytest

from deeptutorial.playground.weights import pack_bits, quantised


@pytest.mark.parametrize("bits", [2, 5, 8, 13, 16])
def test_each_weight_is_the_nearest_multiple(bits):
    W = np.random.default_rng(0).normal(size=(40, 7)).astype("float32")
    W[:, 3] = 0
    step = np.abs(W).max(axis=0) / (2 ** (bits - 1) - 1)
    rounded = quantised(W, bits)
    assert rounded.numbers.max() < 2**bits
    assert (np.abs(rounded.values() - W) <= 0.5001 * step).all()
    assert (rounded.values()[:, 3] == 0).all()


@pytest.mark.parametrize("bits", [2, 5, 8, 13, 16])
def test_bits_lie_end_to_end(bits):
    numbers = np.random.default_rng(1).integers(0, 2**bits, (11, 3), dtype=np.uint32)
    whole = sum(int(number) << (bits * k) for k, number in enumerate(numbers.ravel()))
    packed = pack_bits(numbers, bits)
    assert int.from_bytes(packed, "little") == whole
    assert len(packed) == -(-33 * bits // 8)
