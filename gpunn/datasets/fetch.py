"""get_file: any file by its address, kept in the user's cache, checked, and unpacked where it is an archive."""

import hashlib
import os
import shutil
import tarfile
import urllib.parse
import zipfile
from pathlib import Path
from typing import Any

from gpunn.datasets.download import TransferError, transfer
from gpunn.datasets.errors import DatasetError
from gpunn.datasets.places import cache_root


def get_file(
    fname: Any = None, origin: str | None = None, untar: bool = False, md5_hash: str | None = None, file_hash: str | None = None,
    cache_subdir: str = "datasets", hash_algorithm: str = "auto", extract: bool = False, archive_format: Any = "auto",
    cache_dir: Any = None, force_download: bool = False,
) -> str:
    """Where a file lies on this machine, after a download if need be: ``<cache>/datasets/<fname>``. -> its path; of an archive that is
    unpacked (``extract=True``) the folder's.

    origin: its address, ``https://``, ``http://`` or ``file://``; fname: its name here, by default the address's. file_hash: its SHA-256 or
    MD5; a file that is there already and has another one is fetched again. cache_dir: by default ``GPUNN_CACHE`` or the platform's folder.
    What the connection broke off is resumed; a file is there whole or not at all.

    Raises ValueError for a name that is a path, and DatasetError when it cannot be fetched, is not what `file_hash` says, or no archive, or
    one with files that would lie elsewhere.
    """
    if not origin:
        raise ValueError("get_file needs origin, the address of the file. Received: None.")
    name = os.fspath(fname) if fname else Path(urllib.parse.unquote(urllib.parse.urlsplit(origin).path)).name
    if not name or Path(name).name != name or name in (".", ".."):
        raise ValueError(f"get_file: expected fname without a folder (cache_dir and cache_subdir say it). Received: fname={name!r}.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = Path(cache_dir).expanduser() if cache_dir is not None else cache_root()
    folder = folder / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    unpack = extract or untar
    if not unpack:
        target = inside = folder / name
    elif fname and "." in name:
        target, inside = folder / name, folder / f"{name.partition('.')[0]}_extracted"
    else:
        target, inside = folder / f"{name}_archive", folder / name
    if force_download or not target.exists() or not _is(target, file_hash, hash_algorithm):
        _fetch(origin, target, file_hash, hash_algorithm)
        if unpack:
            shutil.rmtree(inside, ignore_errors=True)
    if unpack:
        _unpack(target, inside, ["tar"] if untar else archive_format)
    return str(inside)


def _fetch(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    part = target.with_name(f".{target.name}.part")
    with part.open("a+b") as file:
        try:
            transfer(origin, file, shutil.disk_usage(target.parent).free, target.name)
        except TransferError as error:
            raise DatasetError(f"get_file: {origin} could not be fetched: {error}.") from error
    if not _is(part, file_hash, algorithm):
        found = _digest(part, _named(file_hash, algorithm))
        part.unlink()
        raise DatasetError(f"get_file: {origin} is not the file that was expected. Expected hash: {file_hash}. Received: {found}.")
    os.replace(part, target)


def _is(file: Path, file_hash: str | None, algorithm: str) -> bool:
    return file_hash is None or _digest(file, _named(file_hash, algorithm)) == file_hash.lower()


def _named(file_hash: str | None, algorithm: str) -> str:
    if algorithm not in ("auto", "md5", "sha256"):
        raise ValueError(f"get_file: hash_algorithm must be 'auto', 'md5' or 'sha256'. Received: {algorithm!r}.")
    return algorithm if algorithm != "auto" else "sha256" if len(file_hash or "") == 64 else "md5"


def _digest(file: Path, algorithm: str) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _unpack(archive: Path, folder: Path, formats: Any) -> None:
    """Into a folder that is there whole or not at all."""
    if folder.is_dir():
        return
    kinds = ["tar", "zip"] if formats == "auto" else [formats] if isinstance(formats, str) else list(formats or ())
    fresh = folder.with_name(f".{folder.name}.{os.urandom(6).hex()}.tmp")
    try:
        if "tar" in kinds and not hasattr(tarfile, "data_filter"):
            raise DatasetError("get_file unpacks tar archives with Python 3.11.4 or newer alone, which can do it safely.")
        if "tar" in kinds and tarfile.is_tarfile(archive):
            with tarfile.open(archive) as members:
                members.extractall(fresh, filter="data")
        elif "zip" in kinds and zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as members:
                for member in members.namelist():
                    if not (fresh / member).resolve().is_relative_to(fresh.resolve()):
                        raise DatasetError(f"get_file: {archive.name} holds a file that would lie elsewhere: {member!r}.")
                members.extractall(fresh)
        else:
            raise DatasetError(f"get_file: {archive.name} is no archive of the kinds {kinds}.")
        os.replace(fresh, folder)
    except tarfile.TarError as error:
        raise DatasetError(f"get_file: {archive.name} cannot be unpacked: {error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
