"""MNIST from its mirrors."""

import gzip
import hashlib
import http.client
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from tqdm import tqdm

from deeptutorial.datasets.errors import DatasetNotFoundError
from deeptutorial.datasets.idx import IDX_NAMES, find_idx_files
from deeptutorial.datasets.storage import locked
from deeptutorial.files import replacing

__all__ = ["MIRRORS", "SHA256", "download_mnist"]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

SHA256 = dict(
    zip(
        IDX_NAMES,
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        strict=True,
    )
)
"""Of what is inside the gzip files: mirrors pack the same content differently."""

TIMEOUT = 15.0
"""Seconds without an answer, or without another byte, after which a mirror is given up."""

LARGEST = 100_000_000
"""Bytes; the largest of the four files holds 47 million when unpacked."""


def download_mnist(folder: Path, mirrors: tuple[str, ...] = MIRRORS) -> None:
    """Fetch those of MNIST's four files that a folder does not hold.

    Each is written to a temporary name, checked against the SHA-256 of its content, and only then
    renamed. Of two processes that start at once the second waits and takes what the first
    fetched.

    Parameters
    ----------
    folder : Path
        Must exist and be writable.
    mirrors : tuple of str
        Tried in this order, file by file; each ends with a slash.

    Raises
    ------
    DatasetNotFoundError
        If a file could be had from none of the mirrors, with the reason of each.
    """
    with locked(folder / "mnist"):
        for name in IDX_NAMES:
            if name in find_idx_files(folder):
                continue
            failures = []
            for mirror in mirrors:
                url = f"{mirror}{name}.gz"
                try:
                    _fetch(url, folder / f"{name}.gz", SHA256[name])
                    break
                except _REFUSALS as error:
                    failures.append(f"{url}: {getattr(error, 'reason', None) or error}")
            else:
                raise DatasetNotFoundError(f"MNIST could not be fetched ({'; '.join(failures)})")


class _NotAsPublishedError(Exception):
    """What a mirror sent is truncated or altered."""


_REFUSALS = (OSError, http.client.HTTPException, _NotAsPublishedError)


def _fetch(url: str, path: Path, sha256: str) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "deeptutorial"})
    with (
        replacing(path) as temporary,
        urllib.request.urlopen(request, timeout=TIMEOUT) as response,
        open(temporary, "wb") as file,
        tqdm(
            desc=path.name,
            total=response.length,
            unit="B",
            unit_scale=True,
            disable=None,
            leave=False,
        ) as bar,
    ):
        while chunk := response.read(1 << 16):
            file.write(chunk)
            bar.update(len(chunk))
            if file.tell() > LARGEST:
                raise _NotAsPublishedError("more bytes than MNIST has")
        file.flush()
        if response.length:
            raise _NotAsPublishedError(f"the connection ended {response.length} bytes too early")
        _check(temporary, sha256)


def _check(path: Path, sha256: str) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.open(path) as file:
            while size <= LARGEST and (chunk := file.read(1 << 20)):
                digest.update(chunk)
                size += len(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _NotAsPublishedError(f"truncated or damaged ({error})") from error
    if digest.hexdigest() != sha256:
        raise _NotAsPublishedError(f"altered: its SHA-256 is {digest.hexdigest()}, not {sha256}")
