"""What a drill has tried, and what came of it."""

import threading

__all__ = ["Tally"]


class Tally:
    """Faults, each with how often it was survived and how often something was lost.

    Several threads may add to it.
    """

    def __init__(self, show=print):
        self.show = show
        self.rows: dict[str, list[int]] = {}
        self.losses: list[str] = []
        self._lock = threading.Lock()

    def add(self, fault: str, *problems: str) -> None:
        """Take note of one try; without a problem it was survived."""
        with self._lock:
            row = self.rows.setdefault(fault, [0, 0])
            row[bool(problems)] += 1
            self.losses += [f"{fault}: {problem}" for problem in problems]
            self.show("x" if problems else ".", end="", flush=True)
            for problem in problems:  # at once, since a drill can be cut off itself
                self.show(f"\nlost: {fault}: {problem}", flush=True)

    def table(self) -> str:
        rows = [
            ("fault", "tried", "survived", "lost"),
            *((name, good + bad, good, bad) for name, (good, bad) in sorted(self.rows.items())),
            ("all", *map(sum, zip(*((g + b, g, b) for g, b in self.rows.values()), strict=True))),
        ]
        return "\n".join(f"{row[0]:<58}{row[1]:>7}{row[2]:>10}{row[3]:>6}" for row in rows)
