"""What makes the Chinese edition: which passages are translated, how it is searched, its terms."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("sphinx")
sys.path.append(str(Path(__file__).parents[2] / "docs" / "extensions"))
from sphinx.search import IndexBuilder

import chinese

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "deeptutorial" / "playground" / "playground.json"


@pytest.mark.parametrize(
    ("passage", "has_words"),
    [
        ("Exercises", True),
        ("PyTorch, eager", True),
        ("with $n = 3$ units", True),
        ("[truth](theano.md#a-symbol-is-neither)", True),
        ("s/epoch", True),
        (r"\tilde{x} \sim q_D(\tilde{x} \mid x)", False),
        ("deeptutorial/models/da.py", False),
        ("SdA.py", False),
        ("`.npz`", False),
        ("$z = x$", False),
        ("0.51", False),
        ("†", False),
    ],
)
def test_what_has_words_is_translated(passage, has_words):
    assert chinese.is_prose(passage) == has_words


SPLIT = {
    "降噪自动编码器": ["降噪", "噪自", "自动", "动编", "编码", "码器"],
    "用 PyTensor 编译": ["用", "PyTensor", "编译"],
    "batch_size 为 20": ["batch_size", "为", "20"],
    "，。": [],
}


def test_an_index_is_of_pairs():
    search = chinese.SearchByPairs({})
    assert {text: search.split(text) for text in SPLIT} == SPLIT
    assert search.stem("autoencoders") == search.stem("autoencoder")
    assert search.stem("编码") == "编码"
    assert search.word_filter("编码")


def in_browser(script):
    """Return what a script of the search page prints, run by node."""
    if shutil.which("node") is None:
        pytest.skip("runs the browser's side with node")
    printed = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)


def test_a_browser_splits_a_query_as_the_index_was_split():
    splitter = chinese.SearchByPairs.js_splitter_code
    queries = json.dumps(list(SPLIT))
    found = in_browser(f"{splitter}console.log(JSON.stringify({queries}.map(splitQuery)))")
    assert found == list(SPLIT.values())


def test_a_browser_finds_the_stemmer():
    search = chinese.SearchByPairs({})
    code = IndexBuilder.get_js_stemmer_code(SimpleNamespace(lang=search))
    words = ["autoencoders", "reconstruction", "编码"]
    script = f"const window = {{}}; {code}; const one = new window.Stemmer();"
    script += f"console.log(JSON.stringify({json.dumps(words)}.map((word) => one.stemWord(word))))"
    assert in_browser(script) == [search.stem(word) for word in words]


def test_the_playground_has_the_terms_of_the_glossary():
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| ([\w -]+?)(?:, \w+)? \| ([^|]+) \|$", page, flags=re.M)
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    looked_at = 0
    for key, text in texts["en"].items():
        english = re.sub(r"\{\w+\}", "", text)
        for term, chinese_terms in terms:
            if not re.search(rf"\b{term}(s|ed|d)?\b", english, flags=re.I):
                continue
            ways = re.split(r"[（）；，：、]", chinese_terms)
            assert any(way.strip() in texts["zh"][key] for way in ways if way.strip()), (key, term)
            looked_at += 1
    assert looked_at > 15
