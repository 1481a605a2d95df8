"""get_file: fetched once, checked, unpacked; never half there, and nothing outside its folder."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from gpunn.datasets import DatasetError
from gpunn.utils import get_file

TEXT = b"some rows\n" * 100
SHA256, MD5 = hashlib.sha256(TEXT).hexdigest(), hashlib.md5(TEXT).hexdigest()


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "rows.csv"
    file.write_bytes(TEXT)
    return file


def leftovers(tmp_path):
    return [p.name for p in (tmp_path / "cache").rglob(".*")]


@pytest.mark.parametrize("named", [{}, {"file_hash": SHA256}, {"file_hash": MD5}, {"md5_hash": MD5}, {"file_hash": MD5.upper()}])
def test_fetched_once(source, tmp_path, named):
    path = get_file(origin=source.as_uri(), **named)
    assert path == str(tmp_path / "cache" / "datasets" / "rows.csv") and Path(path).read_bytes() == TEXT
    source.unlink()
    assert get_file("rows.csv", source.as_uri(), **named) == path
    with pytest.raises(DatasetError, match="could not be fetched"):
        get_file("rows.csv", source.as_uri(), force_download=True)
    assert Path(path).read_bytes() == TEXT


def test_a_damaged_file_is_fetched_again_and_a_wrong_one_refused(source, tmp_path):
    path = get_file(origin=source.as_uri(), cache_dir=tmp_path / "mine", cache_subdir="here")
    assert path == str(tmp_path / "mine" / "here" / "rows.csv")
    (tmp_path / "mine" / "here" / "rows.csv").write_bytes(b"other")
    path = get_file(origin=source.as_uri(), cache_dir=tmp_path / "mine", cache_subdir="here", file_hash=SHA256)
    assert Path(path).read_bytes() == TEXT
    with pytest.raises(DatasetError, match=rf"Expected hash: {'0' * 64}\. Received: {SHA256}"):
        get_file(origin=source.as_uri(), file_hash="0" * 64)
    assert not leftovers(tmp_path) and not (tmp_path / "cache" / "datasets" / "rows.csv").exists()


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives(source, tmp_path, kind):
    archive = tmp_path / f"rows.{kind}"
    if kind == "tar":
        with tarfile.open(archive, "w:gz") as members:
            members.add(source, "in/rows.csv")
    else:
        with zipfile.ZipFile(archive, "w") as members:
            members.write(source, "in/rows.csv")
    for named, name in (({"extract": True}, archive.name), ({"extract": True, "fname": "given"}, "given"),
                        ({"extract": True, "fname": "given.x"}, "given_extracted")):
        folder = get_file(origin=archive.as_uri(), **named)
        assert folder == str(tmp_path / "cache" / "datasets" / name) and Path(folder, "in", "rows.csv").read_bytes() == TEXT
    with pytest.raises(DatasetError, match="is no archive"):
        get_file(origin=source.as_uri(), extract=True)


def test_a_file_of_an_archive_stays_in_its_folder(source, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as members:
        members.writestr("../../../out.txt", "x")
    with tarfile.open(tmp_path / "bad.tar", "w") as members:
        entry = tarfile.TarInfo("../../../out.txt")
        entry.size = 1
        members.addfile(entry, io.BytesIO(b"x"))
    for name in ("bad.zip", "bad.tar"):
        with pytest.raises(DatasetError, match=r"elsewhere|cannot be unpacked"):
            get_file(origin=(tmp_path / name).as_uri(), extract=True)
    assert not leftovers(tmp_path) and not list(tmp_path.rglob("out.txt"))


@pytest.mark.parametrize("name", ["a/b", "..", "/etc/x"])
def test_names_are_no_paths(source, name):
    with pytest.raises(ValueError, match="without a folder"):
        get_file(name, source.as_uri())
    with pytest.raises(ValueError, match="needs origin"):
        get_file("x")
    with pytest.raises(ValueError, match="hash_algorithm must be"):
        get_file(origin=source.as_uri(), file_hash="x", hash_algorithm="crc")
