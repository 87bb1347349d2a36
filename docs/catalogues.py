"""Renew the catalogues of the Chinese edition, locales/zh_CN/LC_MESSAGES, one for each page.

From the top of a clone::

    python docs/catalogues.py

`make catalogues` does so. A passage that is new gets an entry without a translation; one that was
changed keeps the translation of the old, marked as fuzzy; entries of passages that are gone go.
What is then to be done is printed. docs/zh.md is no translation of docs/index.md, but stands in its
place; it names the state of docs/index.md that it was last compared with.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from markdown_it import MarkdownIt

DOCS = Path(__file__).parent
LANGUAGE = "zh_CN"
CATALOGUES = DOCS / "locales" / LANGUAGE / "LC_MESSAGES"
OF_THE_THEME = "sphinx"
NEW = "# SOME DESCRIPTIVE TITLE."
COMPARED = re.compile(r"<!-- compared with index\.md: (\w+) -->")
MARKUP = {
    "code": r"`+[^`]+`+",
    "formula": r"\$[^$]+\$",
    "link": r"\]\(([^()\s]+)\)",
    "class": r"\]\{([^{}]+)\}",
    "HTML": r"<[^<>]+>",
}


def extract(folder: Path) -> dict[str, Catalog]:
    """Write the passages of each page to ``folder/PAGE.pot``; return them by page."""
    with tempfile.TemporaryDirectory() as doctrees:
        command = [*("-m", "sphinx", "-q", "-b", "gettext", "-d", doctrees)]
        command += ["-D", "nb_execution_mode=off", str(DOCS), str(folder)]
        subprocess.run([sys.executable, *command], check=True)
    pages = {path.stem: read(path) for path in sorted(folder.glob("*.pot"))}
    for page in [page for page, passages in pages.items() if not len(passages)]:
        (folder / f"{page}.pot").unlink()
        del pages[page]
    return pages


def renew(folder: Path) -> None:
    """Take the passages in a folder over into the catalogues."""
    command = ["update", "--no-obsolete", "-w", "0", "-j", "1", "-l", LANGUAGE]
    command += ["-p", str(folder), "-d", str(CATALOGUES.parents[1])]
    subprocess.run(
        [sys.executable, "-m", "sphinx_intl", *command], check=True, stdout=subprocess.PIPE
    )
    for path in CATALOGUES.glob("*.po"):
        text = path.read_text(encoding="utf-8")
        if text.startswith(NEW):
            head = f"# docs/{path.stem}.md in Chinese. `make catalogues` renews this file.\n"
            path.write_text(head + text[text.index("#\n") :], encoding="utf-8")


def to_do(pages: dict[str, Catalog]) -> list[str]:
    """Return what keeps the Chinese edition from being the English one's, a line each."""
    found = []
    for page, passages in pages.items():
        path = CATALOGUES / f"{page}.po"
        found += _differences(page, passages, read(path) if path.is_file() else Catalog())
    there = {path.stem for path in CATALOGUES.glob("*.po")}
    for gone in sorted(there - set(pages) - {OF_THE_THEME}):
        found.append(f"{gone}.po: there is no such page any more")
    if compared_with() != digest_of_index():
        found.append(
            "zh.md: index.md has changed; look what of it concerns zh.md, and write there"
            f" <!-- compared with index.md: {digest_of_index()} -->"
        )
    return found


def compared_with() -> str | None:
    """Return which state of index.md the Chinese front page was compared with."""
    found = COMPARED.search((DOCS / "zh.md").read_text(encoding="utf-8"))
    return found[1] if found else None


def digest_of_index() -> str:
    """Return a name for the state of index.md, whose list of pages both editions share."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    text = re.sub(r"^```\{toctree\}.*?^```$", "", text, flags=re.M | re.S)
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def _differences(page: str, passages: Catalog, translated: Catalog) -> Iterator[str]:
    for passage in _messages(passages):
        message = translated.get(passage.id)
        start = f"{page}.po: {_beginning(passage.id)}"
        if message is None or not message.string:
            yield f"{start}: not translated"
        elif message.fuzzy:
            yield f"{start}: the translation is of an earlier wording"
        else:
            yield from (f"{start}: {fault}" for fault in faults_in_markup(message))
    gone = [message for message in _messages(translated) if message.id not in passages]
    for message in [*gone, *translated.obsolete.values()]:
        yield f"{page}.po: {_beginning(message.id)}: no longer on the page"


def faults_in_markup(message: Message) -> Iterator[str]:
    """Tell which code, formulas, links and so on are in one of the two languages only."""
    block = _block(message.string)
    if block != "paragraph":
        yield f"Markdown takes the translation for a {block}: put a backslash before what begins it"
    for kind, pattern in MARKUP.items():
        of_english, of_chinese = (set(re.findall(pattern, s)) for s in (message.id, message.string))
        for one in sorted(of_english - of_chinese):
            yield f"the translation lacks the {kind} {one}"
        for one in sorted(of_chinese - of_english):
            yield f"the translation alone has the {kind} {one}"


def _block(markdown: str) -> str:
    """Return what a passage is for Markdown: a paragraph, or a list, if it begins with 1. say."""
    return MarkdownIt("commonmark").parse(markdown)[0].type.removesuffix("_open")


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _beginning(passage: str) -> str:
    return repr(passage if len(passage) <= 60 else f"{passage[:60]}...")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        extracted = extract(Path(name))
        renew(Path(name))
    tasks = to_do(extracted)
    print("\n".join(tasks) if tasks else "The Chinese edition is complete.")
