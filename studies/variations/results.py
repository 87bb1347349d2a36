"""The file of results: a line for each fit, there as soon as the fit is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeptutorial.files import replacing

__all__ = ["RESULTS", "add", "largest", "read"]

RESULTS = Path(__file__).parents[1] / "results" / "variations.jsonl"


def read(path: Path, made: Mapping[str, Any] | None = None) -> list[dict]:
    """Return the results in a file, or those of sets that were made in one way.

    Parameters
    ----------
    path : Path
    made : mapping, optional
        What the sets were made of: ``digits``, ``sizes`` and ``seed``.
    """
    if not path.exists():
        return []
    results = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [result for result in results if made is None or result["made"] == made]


def add(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result behind the others, so that the file is whole at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    with replacing(path) as temporary:
        temporary.write_text(before + json.dumps(result) + "\n", encoding="utf-8")


def largest(results: list[dict]) -> list[dict]:
    """Return of results those of one digits, sizes and seed: the way that has most of them."""
    ways: dict[str, list[dict]] = {}
    for result in results:
        ways.setdefault(json.dumps(result["made"]), []).append(result)
    return max(ways.values(), key=len, default=[])
