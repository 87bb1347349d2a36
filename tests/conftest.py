"""Fixtures that several test modules share."""

import gc
import os
import shutil
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytensor
import pytest

from deeptutorial.datasets import DatasetError, download, storage

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
NOBODY_LISTENS = "http://127.0.0.1:9/"


def pytest_configure():
    """Prepare a process for all its tests."""
    # Compilers leave millions of objects that stay; to go through them all again and again takes a
    # tenth of the time.
    gc.set_threshold(200_000, 50, 100)
    # A shell switches Ctrl-C off for a job in the background, where it is to be tested too.
    if (
        signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser():
    """Return a Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def settings_as_before():
    """Put PyTensor's settings back: commands and examples change them."""
    before = pytensor.config.floatX, pytensor.config.mode
    yield
    pytensor.config.floatX, pytensor.config.mode = before


def _mnist_candidates():
    named = os.environ.get("DEEPTUTORIAL_DATA")
    return [Path(__file__).parents[1] / "data"] + ([Path(named)] if named else [])


@pytest.fixture(scope="session")
def mnist_folder():
    """Return the folder with MNIST's four IDX files; skip where there is none."""
    for folder in _mnist_candidates():
        if all((folder / n).is_file() or (folder / f"{n}.gz").is_file() for n in IDX_NAMES):
            return folder
    pytest.skip("real MNIST is neither in data/ nor in the folder that DEEPTUTORIAL_DATA names")


@pytest.fixture(scope="session")
def pickled_mnist():
    """Return the path of the real mnist.pkl.gz; skip where there is none."""
    for folder in _mnist_candidates():
        if (folder / "mnist.pkl.gz").is_file():
            return folder / "mnist.pkl.gz"
    pytest.skip("mnist.pkl.gz is neither in data/ nor in the folder that DEEPTUTORIAL_DATA names")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Keep a test away from this machine's data folders, and from the network.

    Returns the folders that take their place: ``named`` (by DEEPTUTORIAL_DATA), ``clone`` (data/
    of a clone) and ``cache`` (the user's). Only the first two exist, and all are empty.
    """
    clone = tmp_path / "clone"
    own = SimpleNamespace(
        named=tmp_path / "named", clone=clone / "data", cache=tmp_path / "home" / "cache"
    )
    own.named.mkdir()
    own.clone.mkdir(parents=True)
    (clone / "setup.py").touch()
    (clone / "data" / "README.md").touch()
    monkeypatch.setenv("DEEPTUTORIAL_DATA", str(own.named))
    monkeypatch.setattr(storage, "_CLONE", clone)
    monkeypatch.setattr(storage, "user_cache_path", lambda _name: own.cache)
    monkeypatch.setattr(download.download_mnist, "__defaults__", ((NOBODY_LISTENS,),))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return own


@pytest.fixture
def refusal():
    """Return a function that asserts a refusal, and that its message holds each of some words."""

    def assert_refused(read, path, *words, kind=DatasetError):
        with pytest.raises(DatasetError) as caught:
            read(path)
        assert type(caught.value) is kind
        for word in (str(path), *words):
            assert word in str(caught.value)
        return str(caught.value)

    return assert_refused
