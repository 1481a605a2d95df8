"""Shared by the data-set tests: a tiny published set, a misbehaving web server, and where the real files may lie."""

import gzip
import hashlib
import os
import struct
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from gpunn.datasets import download, sources
from gpunn.datasets.sources import Part, Source

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def encode(array):
    """IDX bytes of ``array``: written independently of the reader."""
    array = np.asarray(array)
    header = struct.pack(">BBBB", 0, 0, CODES[array.dtype.name], array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No test may see the user's cache or data, or wait between attempts."""
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GPUNN_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)
    monkeypatch.setattr(download, "TIMEOUT_S", 2.0)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(7)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (60, 9, 9), np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 60, np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (20, 9, 9), np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 20, np.uint8),
    }


@pytest.fixture
def tiny(arrays, monkeypatch) -> Source:
    """A published data set of 80 tiny pictures, known to gpunn during the test."""
    parts = [Part(name, array.shape, hashlib.sha256(encode(array)).hexdigest()) for name, array in arrays.items()]
    source = Source("tiny-set", "Tiny", ("tiny-set", "tiny_set"), (), *parts)
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, source))
    return source


@pytest.fixture
def write(arrays):
    """``write(folder)`` puts the four files of the tiny set there, gzipped unless ``plain``."""

    def _write(folder: Path, plain=False, skip=()):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            if name not in skip:
                file = folder / (name if plain else f"{name}.gz")
                file.write_bytes(encode(array) if plain else gzip.compress(encode(array)))
        return folder

    return _write


@pytest.fixture
def same(arrays):
    def _same(data):
        (x_train, y_train), (x_test, y_test) = data
        for got, expected in zip((x_train, y_train, x_test, y_test), arrays.values(), strict=True):
            assert got.dtype == np.uint8 and got.flags.writeable and got.flags.c_contiguous
            np.testing.assert_array_equal(got, expected)
        return True

    return _same


class Server(ThreadingHTTPServer):
    """Serves ``files``; the other attributes say how it misbehaves."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []  # name, Range header
        self.cuts: list[int] = []  # the next answers break off after so many bytes each
        self.knows_range = True
        self.says_length = True
        self.status = None
        self.shift = 0  # error in the range that is sent

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address):
        pass  # a client that hung up


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        name, asked = self.path.lstrip("/"), self.headers.get("Range")
        self.server.requests.append((name, asked))
        if self.server.status or name not in self.server.files:
            self.send_error(self.server.status or 404)
            return
        body, start, code = self.server.files[name], 0, 200
        if asked and self.server.knows_range:
            start, code = int(asked.removeprefix("bytes=").rstrip("-")) + self.server.shift, 206
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(code)
        if code == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(body[start:] if cut is None else body[start : start + cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def online(tiny, server, arrays) -> Source:
    """The tiny set, published on the server."""
    server.files = {f"{name}.gz": gzip.compress(encode(array), 1) for name, array in arrays.items()}
    return replace(tiny, mirrors=(server.url,))


@pytest.fixture
def real_data(monkeypatch):
    """``real_data(name)``: the folder with the real files, or skip."""
    # Read before the environment is cleaned would be too early in the fixture order, so the original is kept by the module.
    roots = [Path(root) for root in (_GPUNN_DATA, Path(__file__).parents[2].parent / "shared" / "data") if root]

    def _find(name):
        for root in roots:
            if (root / name / "train-images-idx3-ubyte.gz").is_file():
                return root
        pytest.skip(f"the real {name} files are neither in GPUNN_DATA nor in ../shared/data")

    return _find


_GPUNN_DATA = os.environ.get("GPUNN_DATA")


@pytest.fixture
def idx_bytes():
    return encode
