"""Graphs in graphviz's language as pictures whose colours are the page's."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path


def digest(dot: str) -> str:
    """Return the checksum that a picture of this graph has in it."""
    return hashlib.sha256(dot.encode()).hexdigest()[:16]


def draw(dot: str, run: Callable = subprocess.run) -> str:
    """Let graphviz lay a graph out; colours and fonts are left to the page's style sheet."""
    svg = run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True).stdout
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n|<title>.*?</title>\n", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:fill|stroke|font-family|id|xmlns|xmlns:xlink)="[^"]*"', "", svg)
    svg = re.sub(r'<polygon points="[^"]*"/>\n', "", svg, count=1)  # the white ground
    svg = re.sub(r'width="(\d+)pt" height="\d+pt"', r'width="\1"', svg, count=1)
    return f"<!-- of the graph {digest(dot)} -->\n<div class='symbolic-graph'>{svg.strip()}</div>\n"


def write(path: Path, dot: str) -> None:
    """Write a graph (``.dot``) and its picture (``.svg``) under a path without a suffix."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".dot").write_text(dot, encoding="utf-8")
    path.with_suffix(".svg").write_text(draw(dot), encoding="utf-8")
    print(path.with_suffix(".svg"))
