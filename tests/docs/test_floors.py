"""The floors: imports lead down, and the companion's picture of them is of today's."""

from pathlib import Path

import pytest

import draw_floors
import svg

FLOORS = Path(draw_floors.__file__).parent / "floors"


def test_imports_lead_down():
    assert draw_floors.going_up() == []


def test_each_room_is_there():
    assert set(draw_floors.imports()) == set(draw_floors.FLOOR)


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("deeptutorial/files.py", "from deeptutorial.models.da import dA", "files imports from"),
        ("deeptutorial/models/da.py", "from deeptutorial import training", "models imports from"),
        ("deeptutorial/report/page.py", "import deeptutorial.commands.info", "report imports from"),
    ],
    ids=["from the ground", "from a higher floor", "round on a floor"],
)
def test_an_import_that_leads_up_is_seen(module, line, complaint, tmp_path, monkeypatch):
    for path in [*draw_floors.ROOT.glob("*.py"), *draw_floors.ROOT.glob("deeptutorial/**/*.py")]:
        copy = tmp_path / path.relative_to(draw_floors.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef late():\n    {line}\n")
    monkeypatch.setattr(draw_floors, "ROOT", tmp_path)
    assert [message for message in draw_floors.going_up() if complaint in message]


def test_a_room_without_a_floor_is_named():
    with pytest.raises(LookupError, match=r"deeptutorial\.attic is on no floor"):
        draw_floors.room("deeptutorial.attic.boxes")


def test_the_picture_is_of_these_imports():
    drawn = (FLOORS / "floors.dot").read_text(encoding="utf-8")
    assert draw_floors.floors() == drawn, "the floors have changed: python docs/draw_floors.py"
    assert svg.digest(drawn) in (FLOORS / "floors.svg").read_text(encoding="utf-8")
