"""Make the companion's notebook a file that runs on any machine: it carries the project along.

From the top of a clone::

    python docs/make_notebook.py FOLDER

writes FOLDER/notebook.ipynb, of docs/notebook.md. `make docs` does so. Its first cell installs the
project where it is missing, from a source distribution that is packed into the cell as text: there
is no address that it would have to know, and what runs is the version that the page is of. What the
project depends on, pip fetches as usual.
"""

import base64
import io
import json
import re
import sys
import tarfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKED = ("README.md", "LICENSE", "pyproject.toml", "setup.py", "dA.py", "SdA.py", "deeptutorial")

INTRODUCTION = """\
# A notebook to start from

From the companion to the tutorial on denoising autoencoders. It runs from top to bottom as it is,
in seconds once the first cell has installed what is missing. Then change something."""

INSTALL = '''\
#@title Install deeptutorial, where it is missing
import base64
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path


def install(packed):
    """Let pip install a source distribution that is packed as text, if it is not there already."""
    found = [importlib.util.find_spec(name) for name in ("deeptutorial", "pytensor")]
    if all(spec and spec.origin for spec in found):  # a mere folder of that name has no origin
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "deeptutorial.tar.xz")
        source.write_bytes(base64.b85decode("".join(packed.split())))
        command = [sys.executable, "-m", "pip", "install", "-qq", str(source)]
        subprocess.run(command, check=True)
    importlib.invalidate_caches()


# The project itself, some thousand lines of text; "source distribution, xz, base 85".
install("""
{packed}
""")'''


def notebook(page: str, packed: bytes) -> dict:
    """Return a page of Markdown with code cells as a notebook, its first code cell replaced.

    Parameters
    ----------
    page : str
        docs/notebook.md.
    packed : bytes
        A source distribution.
    """
    body = re.sub(r"\A---\n.*?^---\n", "", page, flags=re.DOTALL | re.MULTILINE)
    pieces = re.split(r"^```\{code-cell\}\n(.*?)^```\n", body, flags=re.DOTALL | re.MULTILINE)
    text = "\n".join(textwrap.wrap(base64.b85encode(packed).decode(), 120, break_on_hyphens=False))
    # Jupyter and Colab, each in its own words, fold the cell.
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    cells = [
        _cell("markdown", INTRODUCTION),
        _cell("code", INSTALL.format(packed=text), folded),
    ]
    for k, piece in enumerate(pieces[2:]):
        if piece.strip():
            cells.append(
                _cell("markdown", _without_links(piece)) if k % 2 == 0 else _cell("code", piece)
            )
    for k, cell in enumerate(cells):
        cell["id"] = f"cell-{k}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, source: str, metadata: dict | None = None) -> dict:
    cell = {"cell_type": kind, "metadata": metadata or {}, "source": source.strip("\n")}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _without_links(text: str) -> str:
    """Leave of links to the companion's other pages their words."""
    return re.sub(r"\[([^\]]+)\]\(\w[\w-]*\.md\)", r"\1", text)


def source_distribution() -> bytes:
    """Pack what pip needs to build the package; the same bytes for the same files."""
    paths = [ROOT / name for name in PACKED]
    files = [f for path in paths for f in ([path] if path.is_file() else sorted(path.rglob("*")))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=9) as tar:
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                entry = tarfile.TarInfo(f"deeptutorial/{file.relative_to(ROOT).as_posix()}")
                content = file.read_bytes()
                entry.size, entry.mode = len(content), 0o644
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


if __name__ == "__main__":
    page = Path(__file__).with_name("notebook.md").read_text(encoding="utf-8")
    target = Path(sys.argv[1], "notebook.ipynb")
    made = notebook(page, source_distribution())
    target.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(target)
