"""Running scripts in the manner of Theano's time, Python 2 and 3, each in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs ``deeptutorial run`` in an empty folder.

    It takes the names of files of ``scripts/``, the first of which is the script, arguments, and
    the flags of Theano, and returns the exit status, the words of each line of output, and what was
    on stderr.
    """

    def result(*names, arguments=(), options=(), flags="floatX=float64,mode=FAST_COMPILE"):
        for name in names:
            if not (tmp_path / name).exists():
                (source,) = SCRIPTS.glob(f"{Path(name).stem}.py[23]")
                shutil.copy(source, tmp_path / name)
        command = [sys.executable, "-m", "deeptutorial", "run", *options, names[0], *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"THEANO_FLAGS": flags},
            capture_output=True,
            text=True,
        )
        lines = [line.split() for line in done.stdout.splitlines()]
        return SimpleNamespace(status=done.returncode, lines=lines, err=done.stderr)

    return result


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a script, or a module, of a test's own."""

    def written(name, source):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
        return name

    return written
