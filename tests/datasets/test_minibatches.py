"""Counting minibatches."""

import numpy as np
import pytensor
import pytest

from deeptutorial.datasets import DatasetError, count_minibatches


def train_set(n_examples):
    return pytensor.shared(np.zeros((n_examples, 2)))


@pytest.mark.parametrize(
    ("n_examples", "batch_size", "expected"), [(40, 20, 2), (59, 20, 2), (20, 20, 1), (7, 1, 7)]
)
def test_a_remainder_is_left_out(n_examples, batch_size, expected):
    assert count_minibatches(train_set(n_examples), batch_size) == expected


def test_fewer_examples_than_a_minibatch():
    with pytest.raises(DatasetError, match=r"19 example.* minibatch of 20; .* at most 19"):
        count_minibatches(train_set(19), 20)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_of_nothing(batch_size):
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        count_minibatches(train_set(19), batch_size)


def test_what_is_no_shared_variable():
    with pytest.raises(TypeError, match="test set's images must be a shared variable, got 3"):
        count_minibatches(3, 20, name="test")
