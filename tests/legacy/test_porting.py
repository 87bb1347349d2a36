"""`deeptutorial port`: what it writes, and that this runs without Theano's names."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deeptutorial.commands import main
from deeptutorial.legacy.porting import MARK, port_text

SCRIPTS = Path(__file__).parent / "scripts"


def ported(source):
    return port_text(source.encode(), "old.py")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("theano.config.floatX", "pytensor.config.floatX"),
        ("theano.shared(1)", "pytensor.shared(1)"),
        ("T.nnet.sigmoid(x)", "T.sigmoid(x)"),
        ("theano.tensor.nnet.sigmoid", "T.sigmoid"),
        ("T.nnet.softmax(T.nnet.sigmoid(x) + 1)", "T.special.softmax(T.sigmoid(x) + 1, axis=-1)"),
        ("T.nnet.relu(x)", "T.maximum(x, 0)"),
        ("T.abs_(x)", "T.abs(x)"),
        ("numpy.asarray(1, dtype=numpy.float)", "numpy.asarray(1, dtype=float)"),
        ("numpy.asscalar(x)", "(x).item()"),
        ("'theano' # theano", "'theano' # theano"),
    ],
)
def test_expressions(old, new):
    head = "import numpy\nimport theano\nimport theano.tensor as T\n"
    lines = ported(f"{head}y = {old}\n").splitlines()
    assert lines[:3] == ["import numpy", "import pytensor", "import pytensor.tensor as T"]
    assert lines[3:] == [f"y = {new}"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "from theano import config, function",
            "from pytensor import config\nfrom pytensor import function",
        ),
        ("from theano import tensor as T", "from pytensor import tensor as T"),
        (
            "from theano.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams",
            "from deeptutorial import RandomStreams",
        ),
        (
            "from theano.tensor.shared_randomstreams import RandomStreams",
            "from deeptutorial import RandomStreams",
        ),
        ("from theano.tensor.nnet import sigmoid", "from pytensor.tensor import sigmoid"),
        ("import numpy, theano", "import numpy\nimport pytensor"),
    ],
)
def test_imports(old, new):
    assert ported(old + "\n") == new + "\n"


def test_none_is_asked_for():
    source = "def f(a, W=None, n=3):\n    if not W:\n        x = W or a\n    if W: pass\n    {}\n"
    text = ported(source.format("return not n"))
    assert "if W is None:" in text
    assert "x = (a if W is None else W)" in text
    assert "if W is not None: pass" in text
    assert "return not n" in text


@pytest.mark.parametrize(
    "line",
    [
        "import theano.sandbox.cuda",
        "from theano.tensor.signal import downsample",
        "import theano\nf = theano.gof.Apply",
        "import theano\nx = theano.In(v, name='n', value=3)",
        "n = 3\nprint n / m",
    ],
)
def test_what_cannot_be_rewritten_is_marked(line):
    text = ported(line + "\n")
    assert MARK in text.splitlines()[-1]
    compile(text, "new.py", "exec")


@pytest.mark.parametrize(
    "imports",
    [
        "import theano",
        "try:\n    import theano\nexcept ImportError:\n    raise SystemExit",
        "# a comment\n'''What it is.'''\nimport os, theano",
        "'''What it is.'''\nx = 1\ndef g():\n    import theano",
    ],
)
def test_what_stands_in_for_defaults_comes_after_the_imports(imports):
    call = "def f(v, y):\n    import theano\n    return theano.function([theano.In(v, value=3)], y)"
    tree = ast.parse(ported(f"{imports}\n{call}\n"))
    names = [getattr(each, "name", type(each).__name__) for each in tree.body]
    imported = [-1] + [k for k, name in enumerate(names) if name in ("Import", "Try")]
    assert imported[-1] < names.index("function_with_defaults") < names.index("f")
    assert names[0] == "Expr" or "'''" not in imports  # the docstring stays where it counts


def test_division_of_python_2():
    text = ported("print 7 / 2, 7 / 2., len(x) / n, x.shape[0] / 10\n")
    assert text.startswith("print(7 // 2, 7 / 2., len(x) // n, x.shape[0] // 10)")
    assert f"{MARK} is n whole" in text


def test_lists_of_python_2_stay_lists():
    text = ported("print [map(float, x) for x in zip(a, b)], range(3) + [1], sum(map(len, c))\n")
    assert (
        "[list(map(float, x)) for x in zip(a, b)], list(range(3)) + [1], sum(map(len, c))" in text
    )


def test_comments_and_layout_stay():
    source = "import theano   # the old one\n\n\nx = [  theano.shared(0),  # zero\n       1]\n"
    assert ported(source) == source.replace("theano", "pytensor")


def run(folder, *command):
    environment = os.environ | {"PYTENSOR_FLAGS": "floatX=float64,mode=FAST_COMPILE"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "arguments"),
    [
        (["genes.py2", "table.py2", "autoencoder.py2"], ["table.txt"]),
        (["contractive.py3"], []),
        (["keep.py2"], ["train"]),
    ],
)
def test_ported_scripts_run_without_theanos_names(names, arguments, tmp_path):
    table = np.random.default_rng(0).normal(size=(9, 5)).round(3).tolist()
    rows = ["\t".join(map(str, row)) for row in table]
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "table.txt").write_text("\n".join(["aa\tab\tba\tca\tcb", *rows, ""]))
    for name in names:
        source = (SCRIPTS / name).read_bytes()
        script = Path(name).with_suffix(".py")
        (old / script).write_bytes(source)
        text = port_text(source, name, python2=name.endswith("py2"))
        assert "import theano" not in text
        (new / script).write_text(text)
    script = Path(names[0]).with_suffix(".py").name
    assert run(new, script, *arguments) == run(old, "-m", "deeptutorial", "run", script, *arguments)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("old.py").write_text("import theano\nprint theano.config.floatX\n")
    assert main(["port", "old.py"]) == 0
    new = "import pytensor\nprint(pytensor.config.floatX)\n"
    assert capsys.readouterr().out == new
    assert main(["port", "old.py", "--diff"]) == 0
    assert "-import theano\n" in capsys.readouterr().out
    assert main(["port", "old.py", "-o", "new.py"]) == 0
    assert Path("new.py").read_text() == new
    Path("bad.py").write_text("def f(:\n")
    assert main(["port", "bad.py"]) == 2
    assert "bad.py" in capsys.readouterr().err
