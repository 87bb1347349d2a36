"""What a command ends with: a line where something went wrong, and its exit status."""

import gc
import io
import sys
import warnings

import pytest

from deeptutorial.commands.status import run_script
from deeptutorial.training import RunFolderError, TerminatedError


def ended(error, capsys, **options):
    def main(**_):
        raise error

    status = run_script(main, options, name="a command")
    return status, capsys.readouterr().err


def test_arguments_that_the_library_names_become_options(capsys):
    error = RunFolderError(
        "/a/`b`: go on with it by `resume=True`, or choose another `output_folder` or `folder`"
    )
    assert ended(error, capsys, resume=False, output_folder="plots") == (
        2,
        "a command: error: /a/`b`: go on with it by --resume, or choose another --output-folder or "
        "`folder`\n",
    )


def test_letters_that_standard_output_does_not_know_come_as_escapes(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert run_script(lambda: print("ö"), {}) == 0
    assert sys.stdout is output
    assert output.buffer.getvalue() == b"\\xf6\n"


def test_a_full_disk_costs_the_lines_and_not_the_run(monkeypatch, capsys):
    done = []

    def main():
        for i in range(3):
            print("line", i, flush=True)
            done.append(i)

    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run_script(main, {}, name="a command") == 1
    assert done == [0, 1, 2]
    assert capsys.readouterr().err == (
        "a command: error: lines were lost on standard output: [Errno 28] No space left on device\n"
    )
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        assert run_script(lambda: print("line", file=sys.stderr, flush=True), {}) == 0


def test_a_name_of_a_file_does_nothing_to_the_terminal(capsys):
    error = OSError(5, "Input/output error")
    error.filename = "a\x1b[2J\nb\udcff"
    for raised in (error, RunFolderError(error.filename)):
        status, err = ended(raised, capsys)
        assert status == 2
        assert err.endswith("\n")
        assert err[:-1].isprintable()
        assert err.isascii()
    status, err = ended(RunFolderError("x" * 10**6), capsys)
    assert len(err) < 5000


@pytest.mark.parametrize(("kind", "status"), [(KeyboardInterrupt, 130), (TerminatedError, 143)])
def test_an_interrupt_that_tells_something_tells_how_to_go_on(kind, status, capsys):
    assert ended(kind(), capsys) == (status, "")
    message = "Interrupted; the filters so far are in a.png; go on with --resume\n"
    told = kind("the filters so far are in a.png; go on with `resume=True`")
    assert ended(told, capsys, resume=False) == (status, message)


@pytest.mark.parametrize("error", [KeyboardInterrupt, TerminatedError])
def test_what_an_interrupt_leaves_open_is_not_told_of(error):
    """It strikes while PyTensor waits for a compiler, for instance, and the process ends."""

    def main():
        pipe = open(__file__)  # noqa: SIM115
        raise error(f"{pipe} is open")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_script(main, {}, name="a command")
        gc.collect()
    assert [str(w.message) for w in caught] == []
