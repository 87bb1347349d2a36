"""The Chinese edition says what the English one says: nothing is missing, stale or left over."""

import shutil

import pytest

pytest.importorskip("myst_nb")
pytest.importorskip("sphinx_intl")
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

import catalogues

PASSAGES = {
    "What a heading says": "标题",
    "Call `save`, see [there](graphs.md): $x$.": "调用 `save`，见[那里](graphs.md)：$x$。",
}


def write(path, entries):
    made = Catalog(locale="zh_CN")
    for english, chinese in entries.items():
        made.add(english, chinese)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, made)
    return {"page": made}


@pytest.fixture
def companion(tmp_path, monkeypatch):
    """Return the folder of a companion of one page, which has been translated."""
    for name in ("index.md", "zh.md"):
        shutil.copy(catalogues.DOCS / name, tmp_path)
    monkeypatch.setattr(catalogues, "DOCS", tmp_path)
    monkeypatch.setattr(catalogues, "CATALOGUES", tmp_path / "locales" / "zh_CN" / "LC_MESSAGES")
    pages = write(catalogues.CATALOGUES / "page.po", PASSAGES)
    front_page = f"<!-- compared with index.md: {catalogues.digest_of_index()} -->\n"
    (tmp_path / "zh.md").write_text(front_page, encoding="utf-8")
    assert catalogues.to_do(pages) == []
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "tasks"),
    [
        ("What a heading says", "What a long heading says", ["the translation is of an earlier"]),
        (None, "A sentence of its own.", ["'A sentence of its own.': not translated"]),
    ],
    ids=["changed", "new"],
)
def test_a_passage_that_changed_is_to_be_translated(companion, old, new, tasks):
    passages = {new if english == old else english: "" for english in PASSAGES}
    passages.setdefault(new, "")
    pages = write(companion / "pot" / "page.pot", passages)
    assert [task for task in catalogues.to_do(pages) if new in task] == [
        f"page.po: {new!r}: not translated"
    ]
    catalogues.renew(companion / "pot")
    found = catalogues.to_do(pages)
    assert len(found) == len(tasks)
    assert all(task in line for task, line in zip(tasks, found, strict=True)), found
    with (catalogues.CATALOGUES / "page.po").open("rb") as file:
        kept = read_po(file)
    assert kept.get(new).string == ("标题" if old else "")


def test_a_passage_that_is_gone_is_named(companion):
    pages = write(companion / "pot" / "page.pot", {"What a heading says": ""})
    (found,) = catalogues.to_do(pages)
    assert found.startswith("page.po: 'Call `save`")
    assert found.endswith("no longer on the page")
    catalogues.renew(companion / "pot")
    assert catalogues.to_do(pages) == []
    assert catalogues.to_do({})[0] == "page.po: there is no such page any more"


@pytest.mark.parametrize(
    ("chinese", "complaint"),
    [
        ("调用，见[那里](graphs.md)：$x$。", "lacks the code `save`"),
        ("调用 `saved`，见[那里](graphs.md)：$x$。", "alone has the code `saved`"),
        ("调用 `save`，见[那里](fast.md)：$x$。", "lacks the link graphs.md"),
        ("调用 `save`，见[那里](graphs.md)：$y$。", "alone has the formula $y$"),
        ("1. 调用 `save`，见[那里](graphs.md)：$x$。", "takes the translation for a ordered_list"),
    ],
)
def test_what_is_not_prose_is_the_same_in_both(companion, chinese, complaint):
    entries = dict(zip(PASSAGES, ["标题", chinese], strict=True))
    pages = write(catalogues.CATALOGUES / "page.po", entries)
    assert any(complaint in line for line in catalogues.to_do(pages))


def test_the_front_page_follows_the_english_one(companion):
    with (companion / "index.md").open("a", encoding="utf-8") as file:
        file.write("\nOne sentence more.\n")
    (found,) = catalogues.to_do({"page": catalogues.read(catalogues.CATALOGUES / "page.po")})
    assert found.startswith("zh.md: index.md has changed")
    assert catalogues.digest_of_index() in found


def test_the_chinese_edition_is_complete(tmp_path):
    """Look at the passages of all pages, as the builder finds them; no notebook is run for that."""
    assert catalogues.to_do(catalogues.extract(tmp_path)) == [], "see: make catalogues"
