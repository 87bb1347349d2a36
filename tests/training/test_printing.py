"""Lines beside a progress bar, while signals strike."""

import signal

import pytest
from tqdm import tqdm

from deeptutorial.training import print_line


def test_a_line_is_printed_whole_before_an_interrupt(monkeypatch, capsys):
    """While tqdm made its lock, a KeyboardInterrupt ended in an AttributeError."""

    def struck():
        signal.raise_signal(signal.SIGINT)
        return get_lock()

    get_lock = tqdm.get_lock
    monkeypatch.setattr(tqdm, "get_lock", struck)
    with pytest.raises(KeyboardInterrupt):
        print_line("... building the model")
    assert capsys.readouterr().out == "... building the model\n"
