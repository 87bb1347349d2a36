"""Every command of README.md, CONTRIBUTING.md and the companion, and the Python of the first pages.

The two scripts and the command `deeptutorial` are really run, on small data sets and for one epoch.
The options of what takes longer, studies and benchmarks, are given to its own parser. `make` says
what it would do, and that is looked at in turn. A command of a kind that is not known here fails,
so that none is left out.
"""

import argparse
import ast
import contextlib
import gzip
import importlib.metadata
import importlib.util
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest
import sklearn.datasets
from PIL import Image

import deeptutorial
from deeptutorial.commands import main as deeptutorial_command
from deeptutorial.compile import BACKENDS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("python", "make", "pip", "deeptutorial")

SHORTENED = {  # options that are added to a script's own, and win
    "dA.py": "--training-epochs 1 --n-hidden 8",
    "SdA.py": "--training-epochs 1 --pretraining-epochs 1 --batch-size 4 --finetune-batch-size 4",
}

ELSEWHERE = {"--backend", "--local-processes", "--coordinator"}
"""What may not be installed, and has tests of its own; options with it are only parsed."""

OF_THEANO = """
import theano
import theano.tensor as T

x = T.dvector()
print theano.function([x], T.nnet.sigmoid(x))([0])
"""


def blocks(text):
    """Yield (language, lines) of the code blocks of a page, fenced and indented ones."""
    for fence in re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield fence[1], fence[2].splitlines()
    without = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.finditer(r"(?<=\n\n)(?: {4}.*\n)+", without):
        yield "console", [line[4:] for line in block[0].splitlines()]


def commands():
    """Return the commands of all pages, each once: those in blocks, and those in the text."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [
            line.removeprefix("$ ")
            for language, block in blocks(text)
            if language in ("", "console", "bash", "sh", "shell")
            for line in "\n".join(block).replace("\\\n", " ").splitlines()
        ]
        without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        lines += re.findall(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`", without_blocks)
        for line in lines:
            command = shlex.join(shlex.split(line, comments=True))
            if command:
                found.setdefault(command, page.name)
    return found


COMMANDS = commands()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go to a folder with a small data set and a model; pictures are in the home folder."""
    rng = np.random.default_rng(0)
    y = np.arange(140) % 3
    x = (rng.random((3, 28, 28)) > 0.5)[y] * 0.8 + rng.random((140, 28, 28)) * 0.2
    np.savez(tmp_path / "small.npz", x=x.astype("float32"), y=y)
    np.savez(tmp_path / "genes.npz", x=rng.normal(5, 2, (140, 30)))
    home = tmp_path / "home"
    (home / "pictures").mkdir(parents=True)
    for k, image in enumerate(x[:60]):
        Image.fromarray((image * 255).astype("uint8")).save(home / "pictures" / f"{k}.png")
    shutil.copytree(home / "pictures", home / "noisy")
    genes = rng.normal(7, 2, (30, 140)).round(3).tolist()
    lines = ["\t".join(["gene", *(f"GSM{i}" for i in range(140))])]
    lines += ["\t".join([f"g{i}", *map(str, row)]) for i, row in enumerate(genes)]
    (tmp_path / "genes.tsv").write_text("\n".join(lines))
    (tmp_path / "expression.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    for name in ("rows", "shuffled"):  # some minibatches of a thousand in each part
        np.save(tmp_path / f"{name}.npy", rng.random((7700, 30), dtype="float32"))
        np.save(tmp_path / f"{name}.labels.npy", np.arange(7700) % 3)
    for name in ("script.py", "old.py"):
        (tmp_path / name).write_text(OF_THEANO)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    # The scripts set both.
    with pytensor.config.change_flags(floatX="float32", mode=pytensor.config.mode):
        model = deeptutorial.dA(np.random.RandomState(0), n_hidden=8)
        model.image_shape = (28, 28)
        (tmp_path / "dA_plots").mkdir()
        model.save(tmp_path / "dA_plots" / "dA_corruption_30.npz")
        of_genes = deeptutorial.dA(np.random.RandomState(0), n_visible=30, n_hidden=8)
        parts = deeptutorial.load_data("genes.tsv", scale="minmax", transpose=True)
        of_genes.data = parts[0][0].tag.data
        (tmp_path / "genes").mkdir()
        of_genes.save(tmp_path / "genes" / "dA_corruption_10.npz")
        stack = deeptutorial.SdA(np.random.RandomState(0), hidden_layers_sizes=[8])
        stack.image_shape = (28, 28)
        (tmp_path / "SdA_plots").mkdir()
        stack.save(tmp_path / "SdA_plots" / "SdA.npz")
        yield tmp_path


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[pytest.mark.slow] if "--recipe" in command else [])
        for command in COMMANDS
    ],
)
def test_command(command, elsewhere, monkeypatch, capsys):
    try:
        check(command, monkeypatch)
    except Exception as error:
        shown = capsys.readouterr().err
        raise AssertionError(f"{COMMANDS[command]} says `{command}`: {error}\n{shown}") from error


def check(command, monkeypatch):
    program, *options = (os.path.expanduser(word) for word in shlex.split(command))
    program = Path(program).name
    if program == "make":
        check_make(options, monkeypatch)
    elif program == "pip":
        check_pip(options)
    elif program == "deeptutorial":
        run_deeptutorial(*options, monkeypatch=monkeypatch)
    elif program == "python" and options[0] == "-m":
        check_module(*options[1:], monkeypatch=monkeypatch)
    elif program == "python" and options[0] in SHORTENED:
        run_script(*options, monkeypatch=monkeypatch)
    elif program == "python" and options[0].endswith(".py"):
        ast.parse((ROOT / options[0]).read_text(encoding="utf-8"))
    else:
        raise LookupError("no test knows how to check that")


def check_make(options, monkeypatch):
    """Ask make what it would do, and check that."""
    # `make test ARGS=...` hands its own variables on.
    of_make = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS", "VENV", "PYTHON"}
    asked = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in of_make},
        capture_output=True,
        text=True,
    )
    if asked.returncode != 0:
        raise RuntimeError(asked.stderr)
    for line in asked.stdout.splitlines():
        if re.match(r"\S*/bin/python \S", line):
            check(line, monkeypatch)


def check_pip(options):
    """Check what is installed: this folder, with extras that there are."""
    what = re.fullmatch(r"\.(?:\[(.+)\])?", options[-1])
    if options[0] != "install" or what is None:
        raise ValueError("not an installation of this project")
    there = importlib.metadata.metadata("deeptutorial").get_all("Provides-Extra") or []
    missing = set(filter(None, (what[1] or "").split(","))) - set(there)
    if missing:
        raise LookupError(f"no such extra: {missing}")


class Parsed(Exception):
    """The options are right; what would come now takes too long."""


@contextlib.contextmanager
def only_parsed(program, *options, monkeypatch):
    """Stop a program as soon as its own parser has found its options right."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *arguments):
        raise Parsed(parse(self, *arguments))

    with monkeypatch.context() as patch, contextlib.suppress(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        patch.setattr(sys, "argv", [program, *options])
        yield
        raise LookupError(f"{program} parses no options")


def check_module(name, *options, monkeypatch):
    """Give the options to a module's own parser, and stop there."""
    if name in ("build", "pip", "pytest", "sphinx", "twine", "venv"):  # not ours
        return
    if importlib.util.find_spec(name) is None:
        raise LookupError(f"there is no module {name}")
    for imported in (name, f"{name}.__main__"):  # by another test
        monkeypatch.delitem(sys.modules, imported, raising=False)
    with only_parsed(name, *options, monkeypatch=monkeypatch):
        runpy.run_module(name, run_name="__main__", alter_sys=True)


def run_script(name, *options, monkeypatch):
    """Run a script to its end, shortened."""
    if ELSEWHERE & set(options):
        with only_parsed(name, *options, monkeypatch=monkeypatch):
            runpy.run_path(str(ROOT / name), run_name="__main__")
        return
    if "--resume" in options:  # there must be something to go on from
        run_script(name, *(o for o in options if o != "--resume"), monkeypatch=monkeypatch)
    monkeypatch.setattr(sys, "argv", [name, *shortened(name, options)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / name), run_name="__main__")
    if ended.value.code != 0:
        raise RuntimeError(f"status {ended.value.code}")


def run_deeptutorial(command, *options, monkeypatch):
    """Run a command to its end, `train` shortened."""
    if command == "run":  # in a process of its own, to which it brings Theano's names
        own = [sys.executable, "-m", "deeptutorial", command, *options]
        shown = subprocess.run(own, capture_output=True, text=True, timeout=300)
        if shown.returncode != 0 or "0.5" not in shown.stdout:
            raise RuntimeError(shown.stderr)
        return
    if command == "train" and ELSEWHERE & set(options):
        run_script(f"{options[0]}.py", *options[1:], monkeypatch=monkeypatch)
        return
    if command == "train":
        options = [options[0], *shortened(f"{options[0]}.py", options[1:])]
    monkeypatch.setattr(sys, "argv", ["deeptutorial"])  # `train` changes it
    monkeypatch.setattr(sys, "path", sys.path.copy())
    try:
        status = deeptutorial_command([command, *options])
    except SystemExit as ended:
        status = ended.code
    if status != 0:
        raise RuntimeError(f"status {status}")


def shortened(name, options):
    """Let a script take little time: on the data set that it names, or on a small one."""
    arguments = [*options, *SHORTENED[name].split()]
    if name == "SdA.py" and "--hidden-layers-sizes" not in options:
        arguments += ["--hidden-layers-sizes", "9", "8"]
    named = options[options.index("--dataset") + 1] if "--dataset" in options else "auto"
    if named in ("auto", "mnist", "digits"):
        arguments += ["--dataset", "small.npz"]
    return arguments


def test_the_commands_are_found():
    assert {"make run", "make test", "python dA.py", "pip install ."} <= set(COMMANDS)


def test_python_in_the_readme_and_going_on(monkeypatch, tmp_path):
    """All pieces, one after the other; drawn digits in the place of MNIST, and few of sklearn's."""
    load, load_few = deeptutorial.load_data, sklearn.datasets.load_digits
    monkeypatch.setattr(deeptutorial, "load_data", lambda _: load("digits"))
    monkeypatch.setattr(
        sklearn.datasets, "load_digits", lambda **options: [a[:300] for a in load_few(**options)]
    )
    monkeypatch.setattr(deeptutorial, "use", lambda backend, device="auto": BACKENDS.index(backend))
    monkeypatch.chdir(tmp_path)
    pages = [ROOT / "README.md", ROOT / "docs" / "going-on.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    pieces = ["\n".join(lines) for language, lines in blocks(text) if language == "python"]
    assert len(pieces) > 3
    names = {}
    with pytensor.config.change_flags(floatX="float32"):
        for piece in pieces:
            exec(compile(piece, "README.md and going-on.md", "exec"), names)
        costs = names["costs"]
        assert len(costs) == 2500
        assert np.mean(costs[-100:]) < 0.7 * np.mean(costs[:100])
