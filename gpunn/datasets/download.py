"""Transfer one file over HTTP(S): resumed where it stopped, bounded in size and in time."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import BinaryIO

from gpunn.datasets.progress import bar

TIMEOUT_S = 10.0  # for connecting, and for each wait for more bytes
_CHUNK = 1 << 18
_PAUSE_S = 0.5


class TransferError(Exception):
    """The transfer failed and trying the same server again is of no use."""


class _NothingThere(TransferError):
    """HTTP 416: the server has no bytes from the asked one on, but ``total`` bytes in all (None: it does not say)."""

    def __init__(self, content_range: str) -> None:
        super().__init__("HTTP 416 Range Not Satisfiable")
        match = re.fullmatch(r"bytes \*/(\d+)", content_range)
        self.total = int(match[1]) if match else None


class _Interrupted(TransferError):
    """The connection broke; what arrived so far is kept."""


def transfer(url: str, file: BinaryIO, limit: int, label: str) -> bool:
    """Complete ``file`` (open for reading and appending, perhaps holding the beginning already) from ``url``.

    A broken connection is resumed as long as each attempt brings more bytes. Returns whether bytes of an earlier call were built upon.

    Raises:
        TransferError: no connection, an HTTP error, more than ``limit`` bytes, or the local file cannot be written.
    """
    size = built_upon = file.seek(0, os.SEEK_END)
    while True:
        try:
            if not _attempt(url, file, limit, label):
                built_upon = 0
            return built_upon > 0
        except _Interrupted:
            before, size = size, file.seek(0, os.SEEK_END)
            if size <= before:
                raise
            time.sleep(_PAUSE_S)


def _attempt(url: str, file: BinaryIO, limit: int, label: str) -> bool:
    """One request; returns whether the bytes already in ``file`` were kept."""
    start = file.seek(0, os.SEEK_END)
    if start > limit:
        file.truncate(0)
        start = 0
    try:
        response = _open(url, start)
    except _NothingThere as answer:
        if answer.total == start:
            return True  # complete already; only its verification was interrupted
        file.truncate(0)
        start, response = 0, _open(url, 0)
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT and _first_byte(response) == start
        if response.status == http.client.PARTIAL_CONTENT and not resumed:
            file.truncate(0)
            raise TransferError(f"the server sent another range than the one asked for: {response.headers.get('Content-Range')}")
        if not resumed:
            file.truncate(0)
            start = 0
        length = _length(response)
        total = None if length is None else start + length
        if total is not None and total > limit:
            raise TransferError(f"the server offers {total} bytes, expected at most {limit}")
        with bar(label, total, start) as advance:
            _receive(response, file, limit - start, length, advance)
    return resumed and start > 0


def _open(url: str, start: int) -> http.client.HTTPResponse:
    """Ask for ``url`` from byte ``start`` on."""
    headers = {"User-Agent": "gpunn", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _NothingThere(error.headers.get("Content-Range", "")) from error
            raise TransferError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise TransferError(f"no connection: {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(f"no connection: {error or type(error).__name__}") from error
    return response


def _receive(response: http.client.HTTPResponse, file: BinaryIO, limit: int, length: int | None, advance: Callable[[int], None]) -> None:
    received = 0
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(f"the connection broke after {received} bytes: {error or type(error).__name__}") from error
        if not chunk:
            break
        received += len(chunk)
        if received > limit:
            raise TransferError(f"the server sends more than the {limit} bytes expected at most")
        try:
            file.write(chunk)
            file.flush()
        except OSError as error:
            raise TransferError(f"cannot write the file: {error.strerror or error}") from error
        advance(len(chunk))
    if length is not None and received < length:
        raise _Interrupted(f"the connection broke after {received} of {length} bytes")


def _first_byte(response: http.client.HTTPResponse) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
