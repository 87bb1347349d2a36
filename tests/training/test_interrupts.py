"""Ctrl-C and SIGTERM, also where Python cannot raise what they mean."""

import gc
import signal
import time

import pytest

from deeptutorial.training import TerminatedError, terminate_by_exception


class Struck:
    """When it is finalized, a signal strikes; Python passes over what its handler raises there."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


def in_a_callback(number):
    del gc.callbacks[:]
    gc.callbacks.append(lambda phase, _: signal.raise_signal(number) if phase == "stop" else None)
    gc.collect()


def in_a_finalizer(number):
    Struck(number)


@pytest.fixture
def callbacks_put_back():
    before = gc.callbacks[:]
    yield
    gc.callbacks[:] = before


@pytest.mark.usefixtures("callbacks_put_back")
@pytest.mark.parametrize("strike", [in_a_callback, in_a_finalizer])
@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)]
)
def test_an_interrupt_that_cannot_be_raised_comes_again(number, error, strike):
    reached = []

    def work():
        with terminate_by_exception():
            strike(number)
            reached.append("and goes on")
            gc.callbacks.clear()
            time.sleep(60)
            reached.append("too far")

    with pytest.raises(error) as caught:
        work()
    assert type(caught.value) is error
    assert reached == ["and goes on"]


def test_other_errors_that_cannot_be_raised_are_reported(capsys):
    class Broken:
        def __del__(self):
            raise ValueError("broken")

    with terminate_by_exception():
        Broken()
    assert "ValueError: broken" in capsys.readouterr().err
