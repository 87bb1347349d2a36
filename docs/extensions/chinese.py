"""The two editions: what a page is made of in each, how one leads to the other, how one searches.

A catalogue translates the prose of a page. What it cannot say is here.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.search import SearchLanguage
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import extract_messages

CHINESE = "zh_CN"
FRONT_PAGE = "zh.md"
TAGS = {"en": "en", CHINESE: "zh-CN"}
BUTTONS = {"Answer": "答案"}
"""Words within HTML, which no catalogue has."""


def _source(app, page_name, source):
    """Let zh.md stand for the index in Chinese; keep docstrings out of catalogues."""
    front_page = Path(app.srcdir, FRONT_PAGE)
    if app.config.language == CHINESE and page_name == "index" and front_page.is_file():
        contents = re.search(r"^```\{toctree\}.*?^```$", source[0], flags=re.M | re.S)
        source[0] = f"{front_page.read_text(encoding='utf-8')}\n{contents[0]}\n"
        app.env.note_dependency(str(front_page), docname=page_name)
    if app.builder.name == "gettext":
        source[0] = re.sub(r"^```\{eval-rst\}.*?^```$", "", source[0], flags=re.M | re.S)


def is_prose(message):
    """Return whether there is a word to translate, beside code, formulas, paths and numbers."""
    if "$" not in message and re.search(r"\\[a-z]+", message):
        return False  # a formula that stands by itself
    shown = re.sub(r"\]\([^()\s]*\)", "]", message)  # not where a link leads
    words = re.sub(r"`+[^`]*`+|\$[^$]*\$|\S*[._\d]\w\S*", " ", shown)
    return re.search(r"[^\W\d_]{2}", words) is not None


BILINGUAL = ("index", "glossary")
"""Pages that no catalogue translates."""


def _words(app, doctree):
    """Keep from the catalogues what has no words; translate those that they do not have."""
    if app.builder.name == "gettext":
        is_bilingual = app.env.current_document.docname in BILINGUAL
        for node, message in list(extract_messages(doctree)):
            if is_bilingual or not is_prose(message):
                node["translatable"] = False
                node.attributes.pop("alt", None)
    if app.config.language == CHINESE:
        for raw in doctree.findall(nodes.raw):
            for english, chinese in BUTTONS.items():
                summary = f"<summary>{english}</summary>"
                if summary in raw.astext():
                    html = raw.astext().replace(summary, f"<summary>{chinese}</summary>")
                    raw.replace_self(nodes.raw("", html, format="html"))


def _links(app, page_name, template, context, doctree):
    """Link each page to the same one in the other language."""
    is_chinese = app.config.language == CHINESE
    context["language"] = TAGS[CHINESE if is_chinese else "en"]
    if doctree is None:  # the index of names, the search
        return
    to_the_top = "../" * page_name.count("/")
    address = f"{to_the_top}{'../' if is_chinese else 'zh/'}{page_name}.html"
    other, name = ("en", "English") if is_chinese else (TAGS[CHINESE], "中文")
    link = f'href="{address}" hreflang="{other}"'
    context["body"] = f'<a class="other-language" lang="{other}" {link}>{name}</a>{context["body"]}'
    context["metatags"] += f'<link rel="alternate" {link}>'


class CellsOfTables(SphinxTransform):
    """Say of the cells of a `table` directive where they are from, or they are not translated."""

    default_priority = 5  # before translation, which is at 20

    def apply(self):
        for cell in self.document.findall(nodes.entry):
            for paragraph in cell.findall(nodes.paragraph):
                if not paragraph.source:
                    paragraph.source, paragraph.line = self.document["source"], 0


_CHINESE_OR_OTHER = r"([\u3400-\u9fff]+)|([^\W\u3400-\u9fff]+)"

_SPLIT_QUERY = r"""
var splitQuery = (query) => {
  const parts = query.match(/[\u3400-\u9fff]+|[\p{L}\p{N}_]+/gu) || [];
  return parts.flatMap((part) =>
    !/^[\u3400-\u9fff]{2}/.test(part)
      ? [part]
      : Array.from({ length: part.length - 1 }, (_, i) => part.slice(i, i + 2)));
};
"""


class SearchByPairs(SearchLanguage):
    """Search in Chinese, which has no spaces between words: by each two characters side by side.

    A dictionary would split a term otherwise than the reader who types a part of it; pairs are
    found wherever they stand.
    """

    lang = "zh"
    language_name = SearchEnglish.language_name  # by it the browser finds the stemmer
    js_stemmer_rawcode = SearchEnglish.js_stemmer_rawcode
    js_splitter_code = _SPLIT_QUERY
    stopwords = SearchEnglish.stopwords

    def __init__(self, options):
        super().__init__(options)
        self.english = SearchEnglish(options)

    def split(self, text):
        """Return the pairs of Chinese characters, and the other words."""
        words = []
        for chinese, other in re.findall(_CHINESE_OR_OTHER, text):
            pairs = [chinese[i : i + 2] for i in range(len(chinese) - 1)]
            words += pairs or [chinese or other]
        return words

    def stem(self, word):
        """Return an English word's stem, and a pair as it is."""
        return self.english.stem(word)


def setup(app):
    app.add_transform(CellsOfTables)
    app.connect("source-read", _source)
    app.connect("doctree-read", _words)
    app.connect("html-page-context", _links)
    app.add_search_language(SearchByPairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
