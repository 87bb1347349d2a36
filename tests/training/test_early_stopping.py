"""The patience rule against sequences of scores made by hand."""

import math

import pytest

from deeptutorial.training import EarlyStopping


def follow(losses, **arguments):
    """Return (iterations at which the loss got better, iteration of the end, the rule)."""
    stopping = EarlyStopping(**arguments)
    better = []
    for iteration, loss in enumerate(losses):
        if stopping.improves(loss, iteration):
            better.append(iteration)
        if stopping.exhausted(iteration):
            return better, iteration, stopping
    return better, None, stopping


def test_without_progress_it_ends_where_patience_does():
    better, end, stopping = follow([1.0] * 50, patience=7)
    assert better == [0]
    assert end == 7
    assert (stopping.best_loss, stopping.best_iteration) == (1.0, 0)


def test_a_clear_improvement_doubles_the_time_until_then():
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.8] + [0.8] * 50
    better, end, stopping = follow(losses, patience=6)
    assert better == [0, 1, 5]
    assert end == 10  # 5 * 2
    assert stopping.best_iteration == 5


def test_an_early_improvement_never_shortens_patience():
    _, end, stopping = follow([1.0, 0.5] + [0.6] * 50, patience=9)
    assert end == 9
    assert stopping.patience == 9


def test_a_slight_improvement_is_the_best_but_buys_no_time():
    losses = [1.0, 1.0, 1.0, 1.0, 0.996] + [1.0] * 50
    better, end, stopping = follow(losses, patience=6)
    assert better == [0, 4]
    assert end == 6
    assert (stopping.best_loss, stopping.best_iteration) == (0.996, 4)
    _, end, _ = follow([1.0, 1.0, 1.0, 1.0, 0.994] + [1.0] * 50, patience=6)
    assert end == 8


def test_slight_improvements_are_measured_against_the_latest_best():
    """Each is 0.4 % better than the one before: none is clear, as in the tutorial."""
    losses = [0.996**k for k in range(100)]
    better, end, _ = follow(losses, patience=6)
    assert better == list(range(7))
    assert end == 6


def test_a_tie_and_nan_are_no_improvements():
    better, _, stopping = follow([0.5, 0.5, math.nan, 0.4], patience=10)
    assert better == [0, 3]
    assert stopping.best_loss == 0.4


def test_other_settings():
    losses = [1.0, 1.0, 0.8] + [1.0] * 50
    _, end, _ = follow(losses, patience=4, patience_increase=5, improvement_threshold=0.9)
    assert end == 10
    _, end, _ = follow(losses, patience=4, patience_increase=5, improvement_threshold=0.7)
    assert end == 4


def test_progress_to_the_end_is_not_stopped():
    better, end, _ = follow([1 / (k + 1) for k in range(100)], patience=3)
    assert end is None
    assert len(better) == 100


def test_before_the_first_loss():
    stopping = EarlyStopping(patience=3)
    assert stopping.best_iteration is None
    assert stopping.best_loss == math.inf
    assert not stopping.exhausted(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "patience must be positive, got 0"),
        ({"patience": 5, "patience_increase": 0.5}, "patience_increase must be at least 1"),
        ({"patience": 5, "improvement_threshold": 0}, r"improvement_threshold must be in \(0, 1\]"),
        ({"patience": 5, "improvement_threshold": 1.1}, "improvement_threshold must be in"),
        ({"patience": math.nan}, "patience must be positive, got nan"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**arguments)
