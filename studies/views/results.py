"""What the views have come to, part by part, in a file that is whole at any time."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from deeptutorial.files import save_png
from studies.records import append_record, read_records


class Results:
    """The results in a folder, those of the given settings among them.

    Parameters
    ----------
    folder : Path
        Made if there is none. ``views.jsonl`` has a line for each part of each view.
    settings : mapping
        Only what was worked out with the same is found.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._settings = dict(settings)
        self._path = folder / "views.jsonl"
        self._records = read_records(self._path)

    def find(self, view: str, part: str) -> dict | None:
        """Return what a part has come to, with its ``figures``.

        ``minutes`` are those of the clock, ``processor_minutes`` those of all cores together.
        """
        wanted = {"view": view, "part": part, "settings": self._settings}
        for record in self._records:
            if wanted.items() <= record.items():
                return record
        return None

    def pictures(self, view: str, part: str) -> dict[str, np.ndarray]:
        """Return the pictures of a part, by their names."""
        found = {}
        for name, file in (self.find(view, part) or {"pictures": {}})["pictures"].items():
            with Image.open(self.folder / file) as picture:
                found[name] = np.asarray(picture)
        return found

    @contextmanager
    def timed(self, view: str, part: str) -> Iterator[Callable[[dict, dict], None]]:
        """Give a function that takes a part's figures and pictures, and keep them at the end."""
        clock, processor, taken = time.perf_counter(), time.process_time(), []
        yield lambda *results: taken.append(results)
        ((figures, pictures),) = taken
        files = {name: f"views_{view}_{part}_{name}.png".replace(" ", "_") for name in pictures}
        for name, file in files.items():
            save_png(Image.fromarray(pictures[name]), self.folder / file)
        record = {
            "view": view,
            "part": part,
            "minutes": round((time.perf_counter() - clock) / 60, 2),
            "processor_minutes": round((time.process_time() - processor) / 60, 2),
            "figures": figures,
            "pictures": files,
            "settings": self._settings,
        }
        append_record(self._path, record)
        self._records.append(record)
