"""The notebook that can be downloaded: the page's cells, after one that installs the project."""

import json
import os
import re
import subprocess
import sys

import pytest

import deeptutorial
import make_notebook

PAGE = make_notebook.ROOT / "docs" / "notebook.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Run the script; return the notebook that it wrote."""
    folder = tmp_path_factory.mktemp("notebook")
    script = make_notebook.__file__
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    return json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))


def code(cells):
    return [cell["source"] for cell in cells if cell["cell_type"] == "code"]


def test_it_is_a_notebook_of_the_page(written):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.from_dict(written))
    page = PAGE.read_text(encoding="utf-8")
    on_page = re.findall(r"^```\{code-cell\}\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)
    assert len(on_page) > 5
    assert code(written["cells"])[1:] == on_page[1:]
    words = "\n".join(c["source"] for c in written["cells"] if c["cell_type"] == "markdown")
    assert re.findall(r"^#+ .*$", words, re.MULTILINE) == re.findall(r"^#+ .*$", page, re.MULTILINE)
    assert ".md)" not in words
    assert "the graphs tells" in re.sub(r"\s+", " ", words)


RUN_WITHOUT = """
import importlib.machinery, importlib.util, sys
everywhere = importlib.util.find_spec
here = lambda name: importlib.machinery.PathFinder.find_spec(name, ["."])
importlib.util.find_spec = lambda name: (here if name in {missing} else everywhere)(name)
exec(sys.stdin.read())
"""


def run_first_cell(cells, missing, folder, **variables):
    """Run the first cell where modules are missing; pip fetches nothing, and fills a folder."""
    return subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT.format(missing=missing)],
        input=code(cells)[0],
        env=os.environ
        | {"PIP_TARGET": str(folder), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1"}
        | variables,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("what_lies_there", ["nothing", "a mere folder of that name"])
def test_the_first_cell_installs_what_is_missing(written, tmp_path, what_lies_there):
    """Python takes a folder without a module for a package; it may be a clone, or what pip left."""
    pytest.importorskip("setuptools", minversion="77")
    if what_lies_there != "nothing":
        (tmp_path / "deeptutorial" / "tests").mkdir(parents=True)
    folder = tmp_path / "installed"
    # Without a network pip cannot fetch what builds the package, and takes what is here.
    ran = run_first_cell(written["cells"], {"deeptutorial"}, folder, PIP_NO_BUILD_ISOLATION="0")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    (described,) = folder.glob("deeptutorial-*.dist-info")
    assert described.name == f"deeptutorial-{deeptutorial.__version__}.dist-info"
    package = make_notebook.ROOT / "deeptutorial"
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            installed = folder / "deeptutorial" / path.relative_to(package)
            assert installed.read_bytes() == path.read_bytes()
    assert (folder / "deeptutorial" / "scripts" / "dA.py").is_file()


def test_the_first_cell_does_nothing_where_all_is_there(written, tmp_path):
    ran = run_first_cell(written["cells"], set(), tmp_path / "installed", PIP_INDEX_URL="nowhere")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert not (tmp_path / "installed").exists()


def test_the_first_cell_on_the_page_does_nothing_in_a_clone_that_is_set_up():
    first = re.search(r"^```\{code-cell\}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    ran = subprocess.run([sys.executable, "-c", first[1]], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_same_files_are_packed_to_the_same_bytes():
    assert make_notebook.source_distribution() == make_notebook.source_distribution()
