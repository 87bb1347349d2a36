"""What a run leaves behind when nothing happens to it, and how others are compared with it."""

import time
from pathlib import Path

from tests.faults.scripts import Script, outcome

__all__ = ["Undisturbed", "complaints", "refused", "resume", "told", "whole_lines"]

RAN_FOR = " ran for "


class Undisturbed:
    """What a script leaves behind when nothing happens to it."""

    def __init__(self, script: Script, folder: Path):
        folder.mkdir()
        self.script, self.folder = script, folder
        start = time.monotonic()
        status, out, err = script.run(folder)
        self.seconds = time.monotonic() - start
        if status:
            raise RuntimeError(f"the undisturbed run failed: {err}")
        self.files = outcome(folder)
        self.lines = out.splitlines()

    def problems(
        self, folder: Path, lines: list[str] | None = None, apart_from: str = ""
    ) -> list[str]:
        """Compare with what another run left behind; its lines come from several processes."""
        files = outcome(folder)
        names = {*self.files, *files} - {apart_from}
        different = [n for n in sorted(names) if self.files.get(n) != files.get(n)]
        found = [f"other bits in {', '.join(different)}"] if different else []
        if lines is not None and list(dict.fromkeys(lines)) != list(dict.fromkeys(self.lines)):
            found.append("other lines were printed")
        return found


def complaints(err: str) -> list[str]:
    return [f"a traceback: {err[-3000:]}"] if "Traceback" in err else []


def told(err: str) -> list[str]:
    """Return what was said besides how long it took, and what runs where."""
    return [line for line in err.splitlines() if RAN_FOR not in line and not line.startswith("On ")]


def whole_lines(out: str) -> list[str]:
    return out[: out.rfind("\n") + 1].splitlines()


def resume(undisturbed: Undisturbed, folder: Path, lines: list[str] | None = None) -> list[str]:
    """Resume a run to its end; return what is wrong with it."""
    status, out, err = undisturbed.script.run(folder, "--resume")
    if status:
        return [f"it could not be resumed ({status}): {err[-300:]}"]
    printed = None if lines is None else [*lines, *out.splitlines()]
    return complaints(err) + undisturbed.problems(folder, printed)


def refused(status: int, out: str, err: str) -> list[str]:
    """Return what is wrong with a run that had to be refused before training."""
    problems = []
    if status != 2 or len(err.splitlines()) != 1:
        problems.append(f"status {status}: {err[-300:]}")
    if "epoch" in out:
        problems.append("it began to train")
    return problems
