"""Ctrl-C and SIGTERM while programs are loaded, by real signals at chosen imports."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deeptutorial import loading

ROOT = Path(__file__).parents[1]

STRIKE = """
import os, sys

class Striker:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["STRIKE_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(os.environ["STRIKE_BY"]))

sys.meta_path.insert(0, Striker())
"""
"""What Python runs before all else: a signal to itself when a module is asked for."""

ENTRY_POINT = """
import re
import sys
from deeptutorial.commands import main
if __name__ == '__main__':
    sys.exit(main())
"""
"""What pip makes of the entry point in pyproject.toml."""


def struck(folder, program, module, number=signal.SIGINT):
    """Run a program that a signal strikes when it imports a module; return status and output."""
    (folder / "sitecustomize.py").write_text(STRIKE)
    process = subprocess.run(
        [sys.executable, *map(str, program)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        | {"STRIKE_AT": module, "STRIKE_BY": str(int(number))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return process.returncode, process.stdout, process.stderr


@pytest.fixture
def command(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "deeptutorial").write_text(ENTRY_POINT)
    return tmp_path / "bin" / "deeptutorial"


OWN = {
    "dA.py": [ROOT / "dA.py"],
    "SdA.py": [ROOT / "SdA.py"],
    "python -m": ["-m", "deeptutorial", "info", "nothing.npz"],
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", OWN)
def test_a_signal_at_the_first_import_that_takes_its_time(program, number, tmp_path):
    status, _, err = struck(tmp_path, OWN[program], "numpy", number)
    assert (status, err) == (-number, "")  # a shell has 128 + number for that


def test_a_signal_while_the_command_is_loaded(command, tmp_path):
    status, _, err = struck(tmp_path, [command, "info", "nothing.npz"], "numpy")
    assert (status, err) == (-signal.SIGINT, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["numpy.linalg", "pytensor.tensor.basic", "numba.core", "deeptutorial.training.run"]
)
def test_a_signal_at_later_imports(module, tmp_path):
    status, _, err = struck(tmp_path, OWN["dA.py"], module)
    assert (status, err) == (-signal.SIGINT, "")


def test_from_elsewhere_an_installed_script_is_known_by_its_place(tmp_path):
    """`setup.py` puts the scripts into the package."""
    package = tmp_path / "deeptutorial"
    (package / "scripts").mkdir(parents=True)
    for name in ("__init__.py", "loading.py"):
        shutil.copy(ROOT / "deeptutorial" / name, package)
    script = package / "scripts" / "dA.py"
    shutil.copy(ROOT / "dA.py", script)
    shutil.rmtree(package / "__pycache__", ignore_errors=True)
    status, _, err = struck(tmp_path, [script], "deeptutorial.compile")
    assert (status, err) == (-signal.SIGINT, "")


@pytest.mark.parametrize(
    "program",
    [
        ["mine/dA.py"],
        ["mine/other.py"],
        ["-c", "import deeptutorial"],
        ["-i", ROOT / "dA.py"],
        ["-m", "pdb", "-c", "continue", ROOT / "dA.py"],
    ],
    ids=lambda program: str(program[0]),
)
def test_other_programs_keep_their_ctrl_c(program, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("dA.py", "other.py"):
        (tmp_path / "mine" / name).write_text("import sys\nimport deeptutorial\n")
    _, out, err = struck(tmp_path, program, "numpy")
    assert (
        "KeyboardInterrupt" in err or "Program interrupted" in out
    )  # Python's own words, or pdb's


def test_an_interrupt_is_raised_once_there_is_somebody_to_be_told():
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), loading.ctrl_c_raises():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with loading.ctrl_c_raises():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
