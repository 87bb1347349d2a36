"""Results of a study, a line of JSON for each, in a file that is whole at any time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeptutorial.files import replacing

__all__ = ["append_record", "read_records"]


def read_records(path: Path) -> list[dict]:
    """Return what is in a file, in its order; nothing if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record behind the others; its folder is made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    with replacing(path) as temporary:
        temporary.write_text(before + json.dumps(record) + "\n", encoding="utf-8")
