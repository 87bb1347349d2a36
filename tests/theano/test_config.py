"""`theano.config`: THEANO_FLAGS and .theanorc in a process of its own, and flags set in one."""

import os
import subprocess
import sys

import pytest

from deeptutorial import theano


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a line in a new process, with flags and a .theanorc."""

    def result(line, flags="", theanorc=""):
        (tmp_path / ".theanorc").write_text(theanorc)
        environment = os.environ | {"THEANO_FLAGS": flags, "HOME": str(tmp_path)}
        environment.pop("THEANORC", None)
        code = f"from deeptutorial import theano; {line}"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return result


def test_floatX_is_float64_unless_told(run):
    assert run("print(theano.config.floatX)") == ("float64", "")


def test_flags_come_before_theanorc(run):
    theanorc = "[global]\nfloatX = float32\nexception_verbosity = high\n[blas]\nldflags = -lblas\n"
    line = "print(theano.config.floatX, theano.config.exception_verbosity)"
    assert run(line, theanorc=theanorc) == ("float32 high", "")
    assert run(line, "floatX=float64", theanorc)[0] == "float64 high"
    assert run("print(theano.config.blas.ldflags)", theanorc=theanorc)[0] == "-lblas"


def test_unknown_flags_are_named_once_and_ignored(run):
    out, err = run(
        "theano.config.nvcc.fastmath = False; print(theano.config.lib.cnmem)",
        "lib.cnmem=0.8,nvcc.fastmath=True",
    )
    assert out == "0.8"
    assert err.count("\n") == 1
    assert "lib.cnmem, nvcc.fastmath" in err


def test_a_card_that_is_not_there_is_one_line(run):
    _, err = run("pass", "device=gpu0")
    if "on JAX" not in err:  # this machine may have one
        assert err.count("\n") == 1
        assert "the CPU is used" in err


@pytest.mark.parametrize(("mode", "linker"), [("FAST_RUN", "QuickNumba"), ("FAST_COMPILE", "VM")])
def test_mode(run, mode, linker):
    line = "print(type(theano.compile.get_default_mode().linker).__name__)"
    out, err = run(line, f"mode={mode}")
    assert linker in out
    assert not err


def test_the_mode_can_be_set_back():
    before = theano.config.mode
    try:
        theano.config.mode = "FAST_COMPILE"
        theano.config.mode = "FAST_RUN"
        assert "Numba" in type(theano.compile.get_default_mode().linker).__name__
    finally:
        theano.config.mode = before


def test_a_value_that_cannot_be_is_told(run):
    out, err = run("print(theano.config.floatX)", "floatX=float12")
    assert out == "float64"
    assert "floatX=float12 is ignored" in err


def test_flags_set_in_a_script(capsys):
    before = theano.config.floatX
    try:
        theano.config.floatX = "float32"
        assert theano.tensor.matrix().dtype == "float32"
    finally:
        theano.config.floatX = before
    theano.config.compute_test_value = "warn"
    theano.config.compute_test_value = "off"
    assert capsys.readouterr().err.count("compute_test_value") == 1
    assert theano.config.compute_test_value == "off"
    with theano.config.change_flags(floatX="float32"):
        assert theano.config.floatX == "float32"
