"""The file of results: a line for each fit, there as soon as the fit is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.records import append_record as add
from studies.records import read_records

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
    return [result for result in read_records(path) if made is None or result["made"] == made]


def largest(results: list[dict]) -> list[dict]:
    """Return of results those of one digits, sizes and seed: the way that has most of them."""
    ways: dict[str, list[dict]] = {}
    for result in results:
        ways.setdefault(json.dumps(result["made"]), []).append(result)
    return max(ways.values(), key=len, default=[])
