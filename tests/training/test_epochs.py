"""Going through minibatches and averaging their costs."""

import signal

import numpy as np
import pytest

from deeptutorial.training import DivergenceError, mean_cost, minibatches


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
