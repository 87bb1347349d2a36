"""What is given to others is whole; `make dist` builds it, and tries the wheel elsewhere."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import deeptutorial

ROOT = Path(__file__).parents[1]
ONLY_IN_A_CLONE = (".ci/", ".github/", ".gitignore")


@pytest.fixture(scope="module")
def tracked():
    """Return the paths that git knows, without those that serve a clone only."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True)
    return {p for p in listed.stdout.decode().splitlines() if not p.startswith(ONLY_IN_A_CLONE)}


def test_the_source_distribution_has_what_a_clone_has(tracked, tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    build = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", tmp_path]
    build += ["sdist", "--dist-dir", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    assert tracked - packed == set()


def test_the_changelog_tells_of_this_version():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == deeptutorial.__version__
