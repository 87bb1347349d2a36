"""Counting minibatches and averaging their costs."""

import signal

import numpy as np
import pytensor
import pytest

from deeptutorial.datasets import DatasetError
from deeptutorial.training import DivergenceError, count_minibatches, mean_cost, minibatches


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


def test_minibatches_are_counted_from_zero_without_a_bar_in_a_pipe(capsys):
    assert list(minibatches(3, epoch=0)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_waits_for_the_end_of_the_minibatch():
    seen = []

    def epoch():
        for batch_index in minibatches(5, epoch=0):
            if batch_index == 2:
                signal.raise_signal(signal.SIGINT)
            seen.append(batch_index)

    with pytest.raises(KeyboardInterrupt):
        epoch()
    assert seen == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_stays():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
    try:
        for batch_index in minibatches(3, epoch=0):
            if batch_index == 1:
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [1]


def test_the_mean_is_taken_in_float64():
    costs = [np.float32(1e8), np.float32(1.0), np.float32(-1e8)]
    assert mean_cost(costs, 0.1) == 1 / 3


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_cost_that_is_not_finite(wrong):
    with pytest.raises(DivergenceError, match=rf"{wrong} at minibatch 1 .* rate of 0\.5 .* 0\.05"):
        mean_cost([1.0, wrong, 2.0, float("nan")], 0.5)
