"""The frame of a report: one file that needs no other, no network and no script."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

from deeptutorial.report.charts import series_class

__all__ = ["figure", "page", "section", "side_by_side", "table"]


def page(title: str, n_hidden: str, sections: Iterable[str], figures: dict) -> str:
    """Put the sections of a report, HTML each, into a whole page.

    Parameters
    ----------
    title : str
    n_hidden : str
        How many hidden units the model has, in words.
    sections : iterable of str
    figures : dict
        As `complete` returns them; what all reports have in common is told last.
    """
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    data = figures["data"]
    height, width = data["image_shape"][:2]
    examples = f"{data['examples']['training']:,}"
    seen = f"images of {height} × {width} pixels" if height > 1 else f"examples of {width} values"
    subtitle = f"{n_hidden} hidden units, trained on {examples} {seen}"
    playground = figures["playground"]
    link = f' · <a href="{playground}">draw, and watch the code</a>' if playground else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n<p>{escape(subtitle)}{link}</p>\n</header>\n<main>\n"
        + "\n".join([*sections, _data_and_settings(figures), _times_and_versions(figures)])
        + "\n</main>\n</body>\n</html>\n"
    )


def _data_and_settings(figures: dict) -> str:
    data = figures["data"]
    values = {} if data["source"] is None else {"data set": data["source"]}
    for name, count in data["examples"].items():
        values[f"{name} examples"] = count
    values["image"] = " × ".join(map(str, data["image_shape"]))
    given = {name: value for name, value in figures["settings"].items() if value is not None}
    values |= {name.replace("_", " "): value for name, value in given.items()}
    return section("Data and settings", "", _definitions(values))


def _times_and_versions(figures: dict) -> str:
    times = figures["times"]
    values = {name: f"{took:.1f} s" for name, took in times["seconds"].items()}
    values["written"] = times["written"].replace("T", " ")
    return section("Times and versions", "", _definitions(values | figures["versions"]))


def section(heading: str, explanation: str, *parts: str) -> str:
    """Head some HTML with its name and with what is to be seen in it."""
    return (
        f"<section>\n<h2>{escape(heading)}</h2>\n"
        + (f"<p>{escape(explanation)}</p>\n" if explanation else "")
        + "\n".join(parts)
        + "\n</section>"
    )


def figure(content: str, caption: str, place: int | None = None) -> str:
    """Give a picture its caption, with the colour of series `place` if it has one."""
    key = "" if place is None else f'<i class="{series_class(place)}"></i>'
    return f"<figure>{content}<figcaption>{key}{escape(caption)}</figcaption></figure>"


def side_by_side(*parts: str, smallest: str = "18rem") -> str:
    """Set parts beside each other where the page is wide enough for each to have `smallest`."""
    return f'<div class="beside" style="--smallest: {smallest}">\n' + "\n".join(parts) + "\n</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Make a table; the first column names its row."""
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr><th>{escape(str(name))}</th>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def _definitions(values: Mapping[str, object]) -> str:
    """List names and values."""
    return (
        "<dl>"
        + "".join(
            f"<div><dt>{escape(str(name))}</dt><dd>{escape(_shown(value))}</dd></div>"
            for name, value in values.items()
        )
        + "</dl>"
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value))
    return str(value)
