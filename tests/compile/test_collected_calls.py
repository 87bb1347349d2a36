"""Calls that are noted and run later, beside a function that runs at once."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

from deeptutorial.compile.backends.jax import collected_calls
from deeptutorial.compile.backends.jax.collected_calls import CallCollector, finish_calls, settled


class Counter:
    """What PyTensor's Function does around a function of (step) that counts on and returns."""

    def __init__(self, count, factor):
        self.rounds, self.waits = [], []
        self.storages = [[count], [factor]]
        self.collector = CallCollector(
            start=self.start,
            wait=self.wait,
            to_device=lambda value: value,
            storages=self.storages,
            changed=[0],
            n_outputs=1,
        )

    def start(self, values, arguments):
        self.rounds.append(len(arguments))
        count, factor = values
        results = []
        for (step,) in arguments:
            results.append(factor * count)
            count = count + step
        return [count], [np.array(results)]

    def wait(self, new_values, results):
        self.waits.append(len(results[0]))
        return results

    def __call__(self, step):
        (result,), upcoming = self.collector.call((step,))
        self.storages[0][0] = upcoming[0]
        return result

    @property
    def count(self):
        return settled(self.storages[0][0])


def test_nothing_runs_before_somebody_looks():
    count_on = Counter(0, 10)
    results = [count_on(step) for step in (1, 2, 3)]
    assert count_on.rounds == []
    assert float(results[1]) == 10
    assert count_on.rounds == [3]
    np.testing.assert_array_equal(np.asarray(results), [0, 10, 30])
    assert count_on.count == 6
    assert count_on.rounds == [3]


def test_not_too_many_at_once(monkeypatch):
    monkeypatch.setattr(collected_calls, "MOST_CALLS", 4)
    count_on = Counter(0, 1)
    results = [count_on(1) for _ in range(10)]
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), np.arange(10))
    assert count_on.rounds == count_on.waits == [4, 4, 2]


def test_calls_are_noted_while_those_before_run(monkeypatch):
    monkeypatch.setattr(collected_calls, "MOST_CALLS", 4)
    count_on = Counter(0, 1)
    states, results = [], []
    for _ in range(10):
        results.append(count_on(1))
        states.append((len(count_on.rounds), len(count_on.waits)))
    assert states == [(0, 0)] * 4 + [(1, 0)] * 4 + [(2, 1)] * 2
    assert float(results[5]) == 5
    assert count_on.waits == [4, 4]
    assert count_on.count == 10


def test_what_could_not_run_leaves_nothing_of_the_calls_behind_it(monkeypatch):
    monkeypatch.setattr(collected_calls, "MOST_CALLS", 4)
    count_on = Counter(7, 1)

    def fail(new_values, results):
        raise MemoryError("too little")

    count_on.collector.wait = fail
    results = [count_on(1) for _ in range(8)]
    with pytest.raises(MemoryError, match="too little"):
        count_on(1)
    assert count_on.count == 7
    for result in results:
        with pytest.raises(RuntimeError, match="could not be made"):
            float(result)
    count_on.collector.wait = count_on.wait
    assert [float(count_on(1)) for _ in range(9)] == list(range(7, 16))


@pytest.mark.parametrize("look", ["at the first", "at the last", "at the variable"])
def test_whoever_looks_first_is_told_what_went_wrong(look, monkeypatch):
    monkeypatch.setattr(collected_calls, "MOST_CALLS", 4)
    count_on = Counter(7, 1)
    waits = []

    def fail_first(new_values, results):
        waits.append(len(results[0]))
        if len(waits) == 1:
            raise MemoryError("too little")
        return results

    count_on.collector.wait = fail_first
    results = [count_on(1) for _ in range(6)]
    with pytest.raises(MemoryError, match="too little"):
        {
            "at the first": lambda: float(results[0]),
            "at the last": lambda: float(results[5]),
            "at the variable": lambda: count_on.count,
        }[look]()
    with pytest.raises((RuntimeError, MemoryError)):
        float(results[5])
    assert count_on.count == 7
    assert waits == [4]


def test_ctrl_c_while_the_device_is_waited_for(monkeypatch):
    """Further calls start from what it makes, and are not added to those it is at work on."""
    count_on = Counter(0, 1)

    def interrupt(new_values, results):
        raise KeyboardInterrupt

    count_on.collector.wait = interrupt
    results = [count_on(step) for step in (1, 2)]
    with pytest.raises(KeyboardInterrupt):
        float(results[0])
    count_on.collector.wait = count_on.wait
    results.append(count_on(3))
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), [0, 1, 3])
    assert count_on.rounds == [2, 1]
    assert count_on.count == 6


def test_the_value_of_a_variable_is_asked_for():
    count_on = Counter(5, 1)
    count_on(2)
    assert count_on.count == 7
    count_on(1)
    assert count_on.count == 8


@pytest.mark.parametrize("place", [0, 1])
def test_a_variable_is_set_in_between(place):
    """Calls before it see the old value, those behind it the new one."""
    count_on = Counter(0, 1)
    before = count_on(1)
    count_on.storages[place][0] = np.float64(100)
    behind = count_on(1)
    assert float(behind) == 100
    assert float(before) == 0
    assert count_on.count == (101 if place == 0 else 2)


def test_two_functions_with_a_variable_in_common():
    one, two = Counter(0, 1), Counter(0, 10)
    two.storages[0] = one.storages[0]
    results = [one(1), two(1), two(1), one(1)]
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), [0, 10, 20, 3])
    assert (one.rounds, two.rounds) == ([1, 1], [2])


def test_copies_are_values():
    count_on = Counter(0, 2)
    result = count_on(3)
    copied = copy.deepcopy(count_on.storages[0])
    assert copied == [3]
    count_on(1)
    assert pickle.loads(pickle.dumps(count_on.storages[0])) == [4]
    assert pickle.loads(pickle.dumps(result)) == 0


def test_a_result_is_like_a_number():
    result = Counter(3.0, 2.0)(1)
    assert (int(result), f"{result:.1f}", str(result), bool(result)) == (6, "6.0", "6.0", True)
    assert result + 1 == 1 + result == 7
    assert -result == -6
    assert result > 5
    assert np.sqrt(result) == pytest.approx(6**0.5)
    assert result.dtype == np.float64
    assert result.item() == 6
    assert np.isfinite(result)
    with pytest.raises(AttributeError):
        _ = result.nothing_of_the_kind
    with pytest.raises(TypeError, match="only integer"):
        _ = "abc"[result]
    assert "abcdefgh"[Counter(3, 2)(1)] == "g"


def test_an_error_is_raised_where_the_calls_run():
    def fail(values, arguments):
        raise MemoryError("too little")

    count_on = Counter(7, 1)
    count_on.collector.start = fail
    result = count_on(1)
    with pytest.raises(MemoryError, match="too little"):
        float(result)
    finish_calls()  # nothing is left to fail again
    assert count_on.count == 7
    with pytest.raises(RuntimeError, match="could not be made"):
        float(result)
    count_on.collector.start = count_on.start
    assert (float(count_on(1)), count_on.count) == (7, 8)


@pytest.mark.parametrize("when", ["before", "behind"])
def test_ctrl_c_while_calls_run(when):
    """They are run again, when somebody looks again."""
    interrupted = []

    def start(values, arguments):
        outcome = None if when == "before" else count_on.start(values, arguments)
        if not interrupted:
            interrupted.append(when)
            raise KeyboardInterrupt
        return outcome or count_on.start(values, arguments)

    count_on = Counter(0, 1)
    count_on.collector.start = start
    results = [count_on(step) for step in (1, 2)]
    with pytest.raises(KeyboardInterrupt):
        float(results[0])
    results.append(count_on(3))
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), [0, 1, 3])
    assert count_on.count == 6


def test_ctrl_c_behind_a_call():
    """Before PyTensor has put what stands for the new value into the variable."""
    count_on = Counter(0, 1)
    count_on.collector.call((4,))
    assert count_on.count == 4


def test_a_handler_that_looks_while_calls_run():
    seen = []

    def start(values, arguments):
        outcome = count_on.start(values, arguments)
        if not seen:
            seen.append(None)
            seen[0] = count_on.count
            count_on.storages[0][0] = np.float64(50)
        return outcome

    count_on = Counter(0, 1)
    count_on.collector.start = start
    results = [count_on(step) for step in (1, 2)]
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), [0, 1])
    assert (seen, count_on.count) == ([3], 50)


def test_a_handler_that_looks_while_a_call_is_noted(monkeypatch):
    """Between the lines of it: the call is then the first of others."""
    go_on = collected_calls._Calls.go_on

    def look_and_go_on(calls, collector):
        goes_on = go_on(calls, collector)
        if len(calls.arguments) == 2:
            finish_calls()
        return goes_on

    monkeypatch.setattr(collected_calls._Calls, "go_on", look_and_go_on)
    count_on = Counter(0, 1)
    results = [count_on(step) for step in (1, 2, 3, 4)]
    np.testing.assert_array_equal(np.asarray(results, dtype="float64"), [0, 1, 3, 6])
    assert count_on.count == 10


def test_other_threads_wait_for_calls_that_run():
    begun, go_on = threading.Event(), threading.Event()

    def start(values, arguments):
        begun.set()
        assert go_on.wait(timeout=60)
        return count_on.start(values, arguments)

    count_on, other = Counter(0, 1), Counter(100, 1)
    count_on.collector.start = start
    result = count_on(5)
    seen = {}

    def look(name, value):
        seen[name] = value()

    looks = {
        "count": lambda: count_on.count,
        "result": lambda: float(result),
        "another function": lambda: float(other(1)),
    }
    threads = [threading.Thread(target=look, args=item) for item in looks.items()]
    threads[0].start()
    assert begun.wait(timeout=60)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(timeout=60)
    assert seen == {"count": 5, "result": 0, "another function": 100}


def test_results_outlive_the_values_of_variables():
    class Value(float):
        pass

    def start(values, arguments):
        return [Value(values[0] + 1)], [np.zeros(len(arguments))]

    count_on = Counter(0, 1)
    count_on.collector.start = start
    result = count_on(1)
    value = weakref.ref(count_on.count)
    count_on.storages[0][0] = np.float64(0)
    gc.collect()
    assert value() is None
    assert float(result) == 0
