"""Signals that wait while a compiler is at work."""

import signal
import sys
import threading

import pytensor
import pytest

from deeptutorial.compile.backends import choice
from deeptutorial.held_signals import SignalsHeld, import_whole


class HandlerError(Exception):
    pass


@pytest.fixture
def struck():
    """Handlers for two signals: the numbers of those that came, and they raise."""
    came: list[int] = []

    def handler(number, frame):
        came.append(number)
        raise HandlerError(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handler) for number in numbers}
    yield came
    assert all(signal.getsignal(number) is handler for number in numbers)
    for number, original in before.items():
        signal.signal(number, original)


def held(*actions):
    with SignalsHeld():
        for action in actions:
            action()


def strike(number=signal.SIGINT):
    return lambda: signal.raise_signal(number)


def test_a_signal_is_handled_at_the_end(struck):
    seen = []
    with pytest.raises(HandlerError):
        held(strike(), lambda: seen.extend(struck))
    assert seen == []
    assert struck == [signal.SIGINT]


def test_both_of_two_signals_are_handled(struck):
    with pytest.raises(HandlerError):
        held(strike(signal.SIGINT), strike(signal.SIGTERM))
    assert sorted(struck) == [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("depth", [1, 3])
def test_nobody_is_made_to_wait_twice(depth, struck):
    reached = []
    actions = (strike(), lambda: reached.append("once"), strike(), lambda: reached.append("twice"))
    for _ in range(depth - 1):
        actions = (lambda inner=actions: held(*inner),)
    with pytest.raises(HandlerError):
        held(*actions)
    assert reached == ["once"]


def test_without_signals_nothing_is_changed(struck):
    held()
    assert struck == []


def fail():
    raise ValueError("no such thing")


def test_an_error_is_told_beside_the_signal(struck):
    with pytest.raises(HandlerError) as caught:
        held(strike(), fail)
    assert isinstance(caught.value.__context__, ValueError)


def test_in_another_thread_it_holds_nothing(struck):
    seen = []

    def work():
        held(lambda: seen.append(signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def test_a_library_is_imported_whole_before_an_interrupt(tmp_path, monkeypatch):
    """Struck within an import, libraries in C crash, or blame something else."""
    source = "import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = True\n"
    (tmp_path / "struck_library.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        import_whole("struck_library")
    assert sys.modules.pop("struck_library").whole


def test_an_engine_is_chosen_whole_before_an_interrupt(monkeypatch):
    mode = pytensor.config.mode

    def choose(device):
        signal.raise_signal(signal.SIGINT)
        reached.append(device)
        return mode, "an engine"

    reached = []
    monkeypatch.setitem(choice.CHOOSERS, "numba", choose)
    with pytest.raises(KeyboardInterrupt):
        choice.use("numba")
    assert reached == ["auto"]
