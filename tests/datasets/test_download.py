"""MNIST from mirrors that are all on this machine, and some of them bad ones."""

import errno
import gzip
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deeptutorial.datasets import DatasetNotFoundError, download
from deeptutorial.datasets.download import download_mnist
from deeptutorial.datasets.idx import IDX_NAMES, find_idx_files, read_idx, read_idx_folder

ROOT = Path(__file__).parents[2]
LONG = 60  # seconds after which a test that hangs is given up


def idx_bytes(shape, values):
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


NOISE = np.random.default_rng(0).integers(0, 256, 60 * 35, np.uint8).tobytes()
CONTENTS = dict(
    zip(
        IDX_NAMES,
        (
            idx_bytes((60, 7, 5), NOISE),
            idx_bytes((60,), [i % 10 for i in range(60)]),
            idx_bytes((10, 7, 5), NOISE[:350]),
            idx_bytes((10,), range(10)),
        ),
        strict=True,
    )
)
"""What stands in for MNIST."""

PACKED = {name: gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
FIRST = IDX_NAMES[0]


@pytest.fixture
def start_server():
    """Return a function that starts a mirror on a port of its own.

    Its ``answers`` give for each file the bytes, or a function that answers in their place; its
    ``requests`` are the files it was asked for. What waits for its ``gate`` is let through at the
    end of the test.
    """
    servers = []

    def start(**in_place):
        mirror = SimpleNamespace(answers=dict(PACKED), requests=[], gate=threading.Event())

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.removeprefix("/mnist/").removesuffix(".gz")
                mirror.requests.append(name)
                answer = mirror.answers.get(name)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    answer(self, mirror)
                else:
                    send(self, answer)
                self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that hangs up is none of the server's business

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread, mirror))
        mirror.url = f"http://127.0.0.1:{server.server_port}/mnist/"
        return mirror

    yield start
    for server, thread, mirror in servers:
        mirror.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def mirror(start_server):
    return start_server()


@pytest.fixture
def folder(folders, tmp_path, monkeypatch):
    """Return the folder to download to; the files expected are the small ones."""
    monkeypatch.setattr(download, "SHA256", DIGESTS)
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def send(handler, body, length=None, status=200, **headers):
    handler.send_response(status)
    if length is not False:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def listed(folder):
    """Return the names in a folder; the lock, which is empty, may stay."""
    locks = [path for path in folder.iterdir() if path.suffix == ".lock"]
    assert all(path.stat().st_size == 0 for path in locks)
    return sorted(path.name for path in folder.iterdir() if path not in locks)


def assert_complete(folder):
    assert listed(folder) == sorted(f"{name}.gz" for name in IDX_NAMES)
    for name, content in CONTENTS.items():
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == content


# --- a good mirror


def test_four_files_are_fetched(mirror, folder):
    download_mnist(folder, (mirror.url,))
    assert mirror.requests == list(IDX_NAMES)
    assert_complete(folder)
    assert read_idx(folder / f"{FIRST}.gz").tobytes() == NOISE
    assert len(read_idx_folder(folder).valid[0]) == 10


def test_what_is_there_is_not_fetched(mirror, folder):
    (folder / IDX_NAMES[1]).write_bytes(CONTENTS[IDX_NAMES[1]])
    (folder / f"{IDX_NAMES[2]}.gz").write_bytes(PACKED[IDX_NAMES[2]])
    download_mnist(folder, (mirror.url,))
    assert mirror.requests == [IDX_NAMES[0], IDX_NAMES[3]]
    download_mnist(folder, (mirror.url,))
    assert len(mirror.requests) == 2


def test_other_packing_of_the_same_content_is_taken(mirror, folder):
    mirror.answers = {name: gzip.compress(c, 1, mtime=9) for name, c in CONTENTS.items()}
    download_mnist(folder, (mirror.url,))
    assert_complete(folder)
    assert (folder / f"{FIRST}.gz").read_bytes() != PACKED[FIRST]


def test_answer_of_unknown_length_is_taken(mirror, folder):
    mirror.answers[FIRST] = lambda handler, _: send(handler, PACKED[FIRST], length=False)
    download_mnist(folder, (mirror.url,))
    assert_complete(folder)


def test_redirection_is_followed(mirror, start_server, folder):
    elsewhere = start_server()
    for name in IDX_NAMES:
        mirror.answers[name] = lambda handler, _, name=name: send(
            handler, b"", status=302, Location=f"{elsewhere.url}{name}.gz"
        )
    download_mnist(folder, (mirror.url,))
    assert_complete(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_have_the_usual_permissions(mirror, folder, mask):
    before = os.umask(mask)
    try:
        download_mnist(folder, (mirror.url,))
    finally:
        assert os.umask(before) == mask
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.gz")} == {0o666 & ~mask}


# --- bad mirrors


def dies_half_way(handler, _):
    send(handler, PACKED[FIRST][: len(PACKED[FIRST]) // 2], length=len(PACKED[FIRST]))
    handler.connection.shutdown(socket.SHUT_RDWR)


def dies_half_way_of_unknown_length(handler, _):
    send(handler, PACKED[FIRST][: len(PACKED[FIRST]) // 2], length=False)


def dies_within_a_chunk(handler, _):
    handler.protocol_version = "HTTP/1.1"
    send(handler, b"%x\r\n" % 5000 + PACKED[FIRST][:500], length=False, Transfer_Encoding="chunked")


def resets(handler, _):
    send(handler, PACKED[FIRST][:500], length=len(PACKED[FIRST]))
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.wfile.flush()
    handler.connection.close()


def says_nothing(handler, mirror):
    mirror.gate.wait(LONG)


def stops_speaking(handler, mirror):
    send(handler, PACKED[FIRST][:500], length=len(PACKED[FIRST]))
    mirror.gate.wait(LONG)


def hangs_up(handler, _):
    handler.connection.shutdown(socket.SHUT_RDWR)


def speaks_another_language(handler, _):
    handler.wfile.write(b"220 mail.example ready\r\n")


def sends_itself_round(handler, _):
    send(handler, b"", status=302, Location=handler.path)


def fails(handler, _):
    send(handler, b"sorry", status=503)


def tells_too_short_a_length(handler, _):
    send(handler, PACKED[FIRST], length=len(PACKED[FIRST]) - 20)


def tells_too_great_a_length(handler, _):
    send(handler, PACKED[FIRST], length=len(PACKED[FIRST]) + 20)


ALTERED = bytearray(CONTENTS[FIRST])
ALTERED[1000] ^= 1
ALTERED_SHA256 = hashlib.sha256(ALTERED).hexdigest()
DAMAGED = bytearray(PACKED[FIRST])
DAMAGED[len(DAMAGED) // 2] ^= 0xFF

BAD = {
    "not found": (None, "Not Found"),
    "in trouble": (fails, "Service Unavailable"),
    "dies half-way": (dies_half_way, f"{len(PACKED[FIRST]) - len(PACKED[FIRST]) // 2} bytes"),
    "dies half-way, unknown length": (dies_half_way_of_unknown_length, "truncated or damaged"),
    "dies within a chunk": (dies_within_a_chunk, "IncompleteRead"),
    "resets": (resets, ""),
    "says nothing": (says_nothing, "timed out"),
    "stops speaking": (stops_speaking, "timed out"),
    "hangs up": (hangs_up, "closed connection without response"),
    "another language": (speaks_another_language, "220 mail.example ready"),
    "in circles": (sends_itself_round, "infinite loop"),
    "too short a length": (tells_too_short_a_length, "truncated or damaged"),
    "too great a length": (tells_too_great_a_length, "20 bytes too early"),
    "empty": (b"", "SHA-256"),
    "a page": (b"<html>Welcome to this hotel's network", "Not a gzipped file"),
    "not packed": (CONTENTS[FIRST], "Not a gzipped file"),
    "altered": (gzip.compress(bytes(ALTERED)), ALTERED_SHA256),
    "damaged": (bytes(DAMAGED), "truncated or damaged"),
    "another file": (PACKED[IDX_NAMES[1]], DIGESTS[IDX_NAMES[1]]),
    "longer inside": (gzip.compress(CONTENTS[FIRST] + b"\0"), "SHA-256"),
    "followed by more": (PACKED[FIRST] + b"more", "Not a gzipped file"),
    "too much": (bytes(100_000), "more bytes than MNIST has"),
    "too much inside": (gzip.compress(bytes(10_000_000)), "altered"),
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    monkeypatch.setattr(download, "LARGEST", 50_000)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD)
def test_bad_file_is_refused_and_not_kept(mirror, folder, fault):
    mirror.answers[FIRST], reason = BAD[fault]
    with pytest.raises(DatasetNotFoundError) as caught:
        download_mnist(folder, (mirror.url,))
    assert f"{mirror.url}{FIRST}.gz: " in str(caught.value)
    assert reason in str(caught.value)
    assert listed(folder) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD)
def test_next_mirror_is_asked(mirror, start_server, folder, fault):
    mirror.answers[FIRST] = BAD[fault][0]
    other = start_server()
    download_mnist(folder, (mirror.url, other.url))
    assert_complete(folder)
    assert other.requests == [FIRST]
    assert [name for name in mirror.requests if name != FIRST] == list(IDX_NAMES[1:])


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        ("http://127.0.0.1:{}/", os.strerror(errno.ECONNREFUSED)),
        ("unknown://127.0.0.1:{}/", "unknown url type"),
    ],
)
def test_mirror_that_is_down(mirror, folder, down, reason):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = down.format(unused.getsockname()[1])
    with pytest.raises(DatasetNotFoundError) as caught:
        download_mnist(folder, (down,))
    assert f"{down}{FIRST}.gz: " in str(caught.value)
    assert reason in str(caught.value)
    assert listed(folder) == []
    download_mnist(folder, (down, mirror.url))
    assert_complete(folder)


def test_reasons_of_all_mirrors_are_told(start_server, folder):
    first, second = start_server(), start_server()
    first.answers = {}
    second.answers[FIRST] = gzip.compress(b"something else")
    with pytest.raises(DatasetNotFoundError) as caught:
        download_mnist(folder, (first.url, second.url))
    assert f"{first.url}{FIRST}.gz: Not Found; {second.url}{FIRST}.gz: alt" in str(caught.value)


def test_good_files_before_a_bad_one_are_kept(mirror, folder):
    mirror.answers[IDX_NAMES[2]] = b"no"
    with pytest.raises(DatasetNotFoundError, match=IDX_NAMES[2]):
        download_mnist(folder, (mirror.url,))
    assert listed(folder) == sorted(f"{name}.gz" for name in IDX_NAMES[:2])
    mirror.answers[IDX_NAMES[2]] = PACKED[IDX_NAMES[2]]
    mirror.requests.clear()
    download_mnist(folder, (mirror.url,))
    assert mirror.requests == list(IDX_NAMES[2:])
    assert_complete(folder)


def test_full_disk_leaves_nothing(mirror, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_check", full)
    with pytest.raises(DatasetNotFoundError, match="No space left on device"):
        download_mnist(folder, (mirror.url,))
    assert listed(folder) == []


def test_interruption_leaves_nothing(mirror, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download_mnist(folder, (mirror.url,))
    assert listed(folder) == []


def test_digests_are_those_of_mnist(mnist_folder):
    for name, digest in download.SHA256.items():
        path = find_idx_files(mnist_folder)[name]
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert hashlib.sha256(content).hexdigest() == digest


# --- several processes

FETCH = """
import sys
from pathlib import Path
from deeptutorial.datasets import download
url, folder, *digests = sys.argv[1:]
download.SHA256 = dict(zip(download.SHA256, digests))
print("ready", flush=True)
download.download_mnist(Path(folder), (url,))
"""


@pytest.fixture
def fetch(mirror, folder):
    """Return a function that starts a process which downloads, and waits until it is about to."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH, mirror.url, str(folder), *DIGESTS.values()],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def held_back(asked):
    """Return an answer that says when it was asked for, and waits for the gate."""

    def answer(handler, mirror):
        asked.set()
        assert mirror.gate.wait(LONG)
        send(handler, PACKED[FIRST])

    return answer


def test_two_processes_fetch_each_file_once(mirror, folder, fetch):
    asked = threading.Event()
    mirror.answers[FIRST] = held_back(asked)
    processes = [fetch(), fetch()]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    assert asked.wait(LONG)  # both have started, and one is within the first file
    mirror.gate.set()
    for process in processes:
        _, stderr = process.communicate(timeout=LONG)
        assert (process.returncode, stderr) == (0, "")
    assert mirror.requests == list(IDX_NAMES)
    assert_complete(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT"])
def test_process_that_ends_half_way_is_in_nobodys_way(mirror, folder, fetch, start_server, sent):
    asked = threading.Event()
    mirror.answers[FIRST] = held_back(asked)
    process = fetch()
    assert asked.wait(LONG)
    process.send_signal(getattr(signal, sent))
    process.communicate(timeout=LONG)
    assert process.returncode != 0
    if sent == "SIGINT":
        assert listed(folder) == []
    download_mnist(folder, (start_server().url,))
    for name, content in CONTENTS.items():
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == content
