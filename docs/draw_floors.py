"""Draw the floors of the house, for the companion's page on architecture, with graphviz.

From the top of a clone, with graphviz's ``dot`` installed::

    python docs/draw_floors.py

reads every import of the scripts and of the package, and writes docs/floors/floors.dot and .svg. A
room is a script, or a module or package right below `deeptutorial`; which floor it is on is written
down here, and what it says of itself is the first sentence of its docstring. An arrow is an import.
To keep the picture readable, an arrow is left out where other arrows lead to the same room.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import svg

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("dA", "SdA", "utils"),
    (
        "deeptutorial",
        "deeptutorial.commands",
        "deeptutorial.report",
        "deeptutorial.playground",
        "deeptutorial.export",
        "deeptutorial.estimator",
        "deeptutorial.exercises",
        "deeptutorial.theano",
        "deeptutorial.legacy",
    ),
    ("deeptutorial.training",),
    ("deeptutorial.models",),
    ("deeptutorial.datasets", "deeptutorial.random"),
    ("deeptutorial.compile",),
    (
        "deeptutorial.images",
        "deeptutorial.archives",
        "deeptutorial.files",
        "deeptutorial.mapped_files",
        "deeptutorial.damage",
        "deeptutorial.texts",
        "deeptutorial.loading",
        "deeptutorial.held_signals",
    ),
)
"""From the top. An import leads down; within a floor it may lead from one room to the next."""

FLOOR = {room: height for height, rooms in enumerate(reversed(FLOORS)) for room in rooms}


def imports() -> dict[str, set[str]]:
    """Return the rooms that each room imports from."""
    found: dict[str, set[str]] = {}
    sources = [ROOT / f"{script}.py" for script in FLOORS[0]]
    for source in sources + sorted((ROOT / "deeptutorial").rglob("*.py")):
        here = room(".".join(source.relative_to(ROOT).with_suffix("").parts))
        tree = ast.parse(source.read_text(encoding="utf-8"))
        there = {room(name) for name in _imported(tree) if name.split(".")[0] in FLOOR}
        found.setdefault(here, set()).update(there - {here})
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:  # a module of its own, or something in one
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / inner.replace(".", "/")).with_suffix(".py").is_file()
                is_package = (ROOT / inner.replace(".", "/")).is_dir()
                yield inner if is_module or is_package else str(node.module)


def room(module: str) -> str:
    """Return the room of a module, by the two first parts of its name."""
    name = ".".join(module.removesuffix(".__init__").split(".")[:2])
    if name == "deeptutorial.__main__":  # three lines that call the command
        name = "deeptutorial.commands"
    if name not in FLOOR:
        raise LookupError(f"{name} is on no floor: name it in FLOORS of docs/draw_floors.py")
    return name


def going_up() -> list[str]:
    """Return the imports that do not lead down: to a higher floor, or round on the same one."""
    found = imports()
    return [
        f"{here} imports from {there}"
        for here in FLOOR
        for there in sorted(found[here])
        if FLOOR[there] > FLOOR[here]
        or (FLOOR[there] == FLOOR[here] and here in _below(there, found))
    ]


def _below(here: str, found: dict[str, set[str]]) -> set[str]:
    """Return all rooms that one comes to from a room."""
    reached, left = set(), [here]
    while left:
        for there in found[left.pop()] - reached:
            reached.add(there)
            left.append(there)
    return reached


# ---- in graphviz's language


def floors() -> str:
    """Return the picture as a graph."""
    found = imports()
    lines = [
        f'"{name}" [label="{_label(name)}", class="{_kind(name)}"];'
        for rooms in FLOORS
        for name in rooms
    ]
    for rooms in FLOORS:
        quoted = " ".join(f'"{name}"' for name in rooms)
        lines.append(f"{{ rank=same; {quoted} }}")
    for above, below in pairwise(FLOORS):  # also where no import tells it
        lines.append(f'"{above[0]}" -> "{below[0]}" [style=invis, weight=0];')
    for here in FLOOR:
        for there in sorted(found[here]):
            ways_round = (_below(other, found) for other in found[here] - {there})
            if not any(there in way for way in ways_round):
                lines.append(f'"{here}" -> "{there}";')
    head = (
        "ranksep=0.4; nodesep=0.2; "
        'node [shape=box, fontname="Helvetica", fontsize=12, margin="0.07,0.07"];'
    )
    return "\n".join(["digraph {", head, *lines, "}", ""])


def _kind(name: str) -> str:
    return "script" if name in FLOORS[0] else "ground" if name in FLOORS[-1] else "room"


def _label(name: str) -> str:
    path = ROOT / name.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    shown = f"{path.name}{'/' if path.is_dir() else '.py'}"
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    first = re.split(r"[.:;](?:\s|$)", text.replace("`", ""), maxsplit=1)[0]
    first = re.sub(r"^The tutorial's ", "the tutorial's ", " ".join(first.split()))
    return "\\n".join([shown, *textwrap.wrap(first, 24, break_on_hyphens=False)])


if __name__ == "__main__":
    svg.write(Path(__file__).parent / "floors" / "floors", floors())
