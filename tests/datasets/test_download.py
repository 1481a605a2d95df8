"""Downloading, against a server on this machine that misbehaves on demand."""

import contextlib
import gzip
import os
import pathlib
import socket
import time
import zlib
from dataclasses import replace

import pytest

from gpunn.datasets import DatasetError, download, mirrors, progress
from gpunn.datasets.loader import load
from gpunn.datasets.verified import Verified

IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "datasets" / "tiny-set"


@pytest.fixture
def part_file(cache, server):
    """Where an interrupted download of the training images is kept."""
    cache.mkdir(parents=True)
    return cache / f"{IMAGES}.{zlib.crc32(f'{server.url}{IMAGES}.gz'.encode()):08x}.part"


@pytest.fixture(params=["here", "windows"])
def system(request, monkeypatch):
    """As it is here, or with Windows's rules for files: no locks, and one that is open cannot be removed."""
    if request.param == "windows" and mirrors.fcntl:
        if not os.path.isdir("/proc/self/fd"):
            pytest.skip("which files are open is read from /proc")
        remove = pathlib.Path.unlink

        def unlink(path, missing_ok=False):
            if any(os.path.realpath(entry) == str(path) for entry in pathlib.Path("/proc/self/fd").iterdir()):
                raise PermissionError(13, "the file is open", str(path))
            remove(path, missing_ok)

        monkeypatch.setattr(mirrors, "fcntl", None)
        monkeypatch.setattr(pathlib.Path, "unlink", unlink)


def ranges(server, name=IMAGES):
    return [asked for requested, asked in server.requests if requested == f"{name}.gz"]


def test_downloads_once(online, same, server, cache):
    assert same(load(online)) and len(server.requests) == 4
    assert same(load(online)) and len(server.requests) == 4
    assert {file.name for file in cache.iterdir()} == {"verified.json", *(part.name for part in online.parts)}


def test_downloads_only_what_is_missing(online, write, same, server, cache):
    write(cache, skip=(IMAGES,))
    assert same(load(online)) and [name for name, _ in server.requests] == [f"{IMAGES}.gz"]


def test_damaged_cache_is_replaced(online, write, same, server, cache):
    write(cache)
    (cache / f"{IMAGES}.gz").write_bytes(b"spoilt")
    assert same(load(online)) and [name for name, _ in server.requests] == [f"{IMAGES}.gz"]
    assert same(load(replace(online, mirrors=()))), "the sound plain copy now comes before the damaged file"


def test_broken_connection_is_resumed_at_once(online, same, server):
    server.cuts = [1000, 700]
    assert same(load(online)) and ranges(server) == [None, "bytes=1000-", "bytes=1700-"]


def test_interrupted_download_is_resumed_next_time(online, same, server, cache, part_file):
    server.cuts = [1000, 0]  # the second attempt brings nothing: given up
    with pytest.raises(DatasetError, match=r"connection broke after 0 of \d+ bytes"):
        load(online)
    assert part_file.read_bytes() == server.files[f"{IMAGES}.gz"][:1000]
    server.requests.clear()
    assert same(load(online)) and ranges(server) == ["bytes=1000-"] and not part_file.exists()


def test_interrupted_by_the_user(online, same, server, part_file, monkeypatch):
    @contextlib.contextmanager
    def impatient(label, total, done=0):
        def advance(n):
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(download, "_CHUNK", 500)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(download, "bar", impatient)
        load(online)
    assert part_file.stat().st_size == 500
    assert same(load(online)) and ranges(server)[-1] == "bytes=500-"


def test_server_that_ignores_range(online, same, server, part_file):
    part_file.write_bytes(server.files[f"{IMAGES}.gz"][:1000])
    server.knows_range = False
    assert same(load(online)) and ranges(server) == ["bytes=1000-"]


def test_server_that_sends_another_range(online, system, server, part_file):
    part_file.write_bytes(server.files[f"{IMAGES}.gz"][:1000])
    server.shift = 5
    with pytest.raises(DatasetError, match="another range than the one asked for: bytes 1005-"):
        load(online)
    assert not part_file.exists()


def test_server_without_content_length(online, same, server, cache):
    server.says_length = False
    assert same(load(online))
    # A break cannot be told from the end then: the gzip check finds it.
    server.cuts = [1000]
    with pytest.raises(DatasetError, match="damaged gzip"):
        mirrors.fetch(online, online.train_images, Verified(cache))


def test_complete_part_file_is_not_downloaded_again(online, same, server, part_file):
    part_file.write_bytes(server.files[f"{IMAGES}.gz"])
    assert same(load(online)) and ranges(server) == [f"bytes={len(server.files[f'{IMAGES}.gz'])}-"]


def test_part_file_longer_than_the_servers(online, same, server, part_file):
    long = server.files[f"{IMAGES}.gz"] + b"more"
    part_file.write_bytes(long)
    assert same(load(online)) and ranges(server) == [f"bytes={len(long)}-", None]


def test_absurdly_long_part_file(online, same, server, part_file):
    part_file.write_bytes(bytes(100_000))
    assert same(load(online)) and ranges(server) == [None]


def test_bad_leftover_is_started_afresh_once(online, same, server, part_file):
    part_file.write_bytes(b"\0" * 1000)
    assert same(load(online)) and ranges(server) == ["bytes=1000-", None]


@pytest.mark.parametrize("damage", ["one pixel", "page", "not idx"])
def test_corrupted_body_is_removed_and_named(online, system, server, cache, arrays, idx_bytes, damage):
    raw = bytearray(idx_bytes(arrays[IMAGES]))
    raw[500] ^= 1
    bodies = {"one pixel": gzip.compress(raw), "page": b"<html>Log in first</html>", "not idx": gzip.compress(b"x" * 99)}
    server.files[f"{IMAGES}.gz"] = bodies[damage]
    with pytest.raises(DatasetError) as error:
        load(online)
    for text in (f"{server.url}{IMAGES}.gz", "not the published file and was removed", "digits", f"{IMAGES}."):
        assert text in str(error.value)
    assert damage != "one pixel" or online.train_images.sha256 in str(error.value)
    assert not list(cache.iterdir()) and len(server.requests) == 1


def test_next_mirror_serves(online, same, server):
    assert same(load(replace(online, mirrors=(f"{server.url}absent/", *online.mirrors))))


def test_next_mirror_tidies_up(online, system, same, server, cache):
    server.files[f"flaky/{IMAGES}.gz"] = server.files[f"{IMAGES}.gz"]
    server.cuts = [1000, 0]
    assert same(load(replace(online, mirrors=(f"{server.url}flaky/", *online.mirrors))))
    assert [asked for _, asked in server.requests[:3]] == [None, "bytes=1000-", None], "no halves of two mirrors' files are joined"
    assert not list(cache.glob("*.part"))


def test_every_mirrors_failure_is_named(online, server, cache):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    server.status = 503
    with pytest.raises(DatasetError) as error:
        load(replace(online, mirrors=(closed, server.url, "nonsense:", "http://127.0.0.1:1:2/")))
    message = str(error.value)
    for text in (
        "Tiny was not found and could not be downloaded", "GPUNN_DATA: not set", f"user cache '{cache}': no such folder",
        f"{closed}{IMAGES}.gz: no connection:", f"{server.url}{IMAGES}.gz: HTTP 503", "nonsense:", "digits", "`path`",
    ):
        assert text in message, message
    assert len(server.requests) == 1, "the other three files are not tried in vain"


def test_silent_server_times_out(online, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(DatasetError, match="no connection: timed out"):
        load(replace(online, mirrors=(f"http://127.0.0.1:{deaf.getsockname()[1]}/",)))
    assert time.monotonic() - start < 3


def test_oversized_answers_are_refused(online, server):
    server.files[f"{IMAGES}.gz"] = bytes(50_000)
    with pytest.raises(DatasetError, match="the server offers 50000 bytes, expected at most"):
        load(online)
    server.says_length = False
    with pytest.raises(DatasetError, match="the server sends more than"):
        load(online)


def test_cache_that_cannot_be_written(online, same, server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert same(load(online)) and same(load(online)) and len(server.requests) == 8


def test_two_downloads_at_once(online, same, server, part_file):
    """The file another process is writing to is left alone."""
    fcntl = pytest.importorskip("fcntl")
    with part_file.open("a+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"theirs")
        other.flush()
        assert same(load(online)) and ranges(server) == [None]
        assert part_file.read_bytes() == b"theirs"


def test_explicit_path_never_downloads(online, server, tmp_path):
    with pytest.raises(DatasetError, match=r"was not found\. Looked in"):
        load(online, tmp_path)
    assert not server.requests


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    with progress.bar("x", 10) as advance:
        advance(5)


def test_progress_with_rich(monkeypatch, capsys):
    pytest.importorskip("rich")
    with progress.bar("silent", 10, 2) as advance:
        advance(5)
    assert capsys.readouterr() == ("", ""), "nobody is watching"
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    with progress.bar("shown", 2_000_000) as advance:
        advance(1_000_000)
    out, err = capsys.readouterr()
    assert out == "" and "shown" in err and "2.0 MB" in err
