"""The reading companion: it notices what is out of date.

What needs its generator is tested where that is installed (`make docs` installs it).
"""

import re
import subprocess
import sys
from pathlib import Path

import pytensor
import pytest

import draw_graphs
import svg

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.skipif(
    not pytensor.__version__.startswith("3.0."), reason="drawn from the graphs of PyTensor 3.0"
)
def test_the_graphs_are_those_that_are_compiled():
    with pytensor.config.change_flags(mode="NUMBA"):
        graphs = draw_graphs.graphs()
    assert {path.stem for path in draw_graphs.GRAPHS.glob("*.dot")} == set(graphs)
    for name, graph in graphs.items():
        drawn = (draw_graphs.GRAPHS / f"{name}.dot").read_text(encoding="utf-8")
        assert graph == drawn, f"{name} has changed: python docs/draw_graphs.py"


@pytest.mark.parametrize("graph", sorted(draw_graphs.GRAPHS.glob("*.dot")), ids=lambda p: p.stem)
def test_each_picture_is_of_its_graph(graph):
    picture = graph.with_suffix(".svg").read_text(encoding="utf-8")
    assert svg.digest(graph.read_text(encoding="utf-8")) in picture


def test_the_graphs_show_what_the_page_says():
    def kinds(name):
        return re.findall('class="(.*?)"', (draw_graphs.GRAPHS / name).read_text(encoding="utf-8"))

    assert kinds("changed-before.dot").count("product") == 5
    assert kinds("changed-after.dot").count("product") == 0
    assert kinds("changed-after.dot").count("fused") == 4
    assert kinds("denoising.dot").count("product") == 0
    assert kinds("denoising.dot").count("fused") == 1


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda p: p.stem)
def test_no_line_begins_with_a_per_cent_sign(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert re.findall(r".*[0-9][ \n]%.*", text) == []


def build(folder, page):
    """Build a companion of one page in the place of the real one."""
    pytest.importorskip("myst_nb")
    (folder / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8"))
    for path in (DOCS / "_static", DOCS / "extensions", DOCS.parent / "deeptutorial"):
        (folder / path.name).symlink_to(path)
    (folder / "index.md").write_text(f"# A page\n\n{page}\n")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", folder, folder / "html"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def including(marker):
    options = f":start-at: {marker}\n:end-at: {marker}"
    return f"```{{literalinclude}} deeptutorial/models/da.py\n{options}\n```"


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (including("no such line"), "start-at pattern not found: no such line"),
        ("[a page](nowhere.md)", "cross-reference target not found: 'nowhere.md'"),
        ("$\\notacommand{x}$", "does not understand all of: \\notacommand{x}"),
    ],
    ids=["marker", "link", "formula"],
)
def test_what_leads_nowhere_ends_the_build(tmp_path, page, complaint):
    built = build(tmp_path, page)
    assert built.returncode != 0
    assert complaint in built.stderr


def test_a_page_that_is_right(tmp_path):
    built = build(tmp_path, including("return pt.sigmoid(pt.dot(input, self.W)") + "\n\n$x_1$")
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in page
    # What a browser would fetch from elsewhere.
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', page)
