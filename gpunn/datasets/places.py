"""Where data sets may lie on this machine, in search order, and what ``gpunn doctor`` says about it.

Order: the folder given as ``path`` (then nothing else is searched), ``GPUNN_DATA``, the user cache. Below the first two, a
sub-folder named after the data set comes before the folder itself. Nothing here downloads or creates anything.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpunn.datasets import idx
from gpunn.datasets.errors import DatasetError
from gpunn.datasets.sources import SOURCES, Part, Source, owner
from gpunn.datasets.verified import Verified

DATA_VARIABLE = "GPUNN_DATA"
CACHE_VARIABLE = "GPUNN_CACHE"


@dataclass(frozen=True)
class Place:
    """One folder that was looked into: ``files`` maps a part's name to its file; ``lack`` says why it is not usable, or is empty."""

    origin: str
    folder: Path
    files: dict[str, Path]
    lack: str

    def __str__(self) -> str:
        return f"{self.origin} '{self.folder}': {self.lack or 'found'}"


@dataclass(frozen=True)
class Report:
    """What ``gpunn doctor`` shows of one data set.

    ``folder`` is where it would be read from (None: nowhere) and ``origin`` which rule found it; ``verified`` says whether its
    checksums were already compared and the files unchanged since; ``tried`` lists the places before it that did not have it; ``mend``
    says what to do when ``folder`` is None.
    """

    name: str
    title: str
    folder: Path | None
    origin: str
    verified: bool
    tried: tuple[str, ...]
    mend: str


def cache_folder(source: Source) -> Path:
    """Folder of one data set in the user cache (``GPUNN_CACHE``, or the platform's folder for caches); it need not exist."""
    return cache_root() / "datasets" / source.key


def cache_root() -> Path:
    """``GPUNN_CACHE``, or the platform's folder for caches."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("gpunn", appauthor=False))


def search(source: Source, path: str | os.PathLike[str] | None = None) -> Iterator[Place]:
    """The places for ``source``, best first; the user cache is not among them when ``path`` is given."""
    if path is not None:
        yield from _below(source, "path", _folder(path))
        return
    root = os.environ.get(DATA_VARIABLE)
    if root:
        yield from _below(source, DATA_VARIABLE, Path(root).expanduser().absolute())
    yield look(source, "user cache", cache_folder(source))


def look(source: Source, origin: str, folder: Path) -> Place:
    """Which of the data set's files ``folder`` holds."""
    if not folder.is_dir():
        return Place(origin, folder, {}, "a folder was expected, this is a file" if folder.exists() else "no such folder")
    files = {part.name: file for part in source.parts if (file := _find(folder, part)) is not None}
    missing = [part.name for part in source.parts if part.name not in files]
    if len(missing) == len(source.parts):
        return Place(origin, folder, files, f"none of {source.title}'s files (such as {source.parts[0].name}[.gz])")
    return Place(origin, folder, files, f"{', '.join(missing)} missing" if missing else "")


def report() -> list[Report]:
    """Where each data set was found, or which places were tried and how to mend it. Reads no images and downloads nothing."""
    from gpunn.datasets import digits

    found = [_report(source) for source in SOURCES]
    file = digits.find_file()
    tried = () if file else ("the scikit-learn package: not installed, or without its data files",)
    mend = "" if file else digits.INSTALL
    return [*found, Report("digits", "Digits", file.parent if file else None, "scikit-learn", file is not None, tried, mend)]


def _report(source: Source) -> Report:
    tried = [] if os.environ.get(DATA_VARIABLE) else [f"{DATA_VARIABLE}: not set"]
    for place in search(source):
        if not place.lack:
            verified = Verified(cache_folder(source))
            known = all(verified.knows(place.files[part.name], part.sha256) for part in source.parts)
            return Report(source.key, source.title, place.folder, place.origin, known, tuple(tried), "")
        tried.append(str(place))
    return Report(
        source.key, source.title, None, "", False, tuple(tried),
        f"It is downloaded at first use. Without a network: set {DATA_VARIABLE} to the folder that holds "
        f"{source.key}/{source.parts[0].name}.gz and its three companions.",
    )


def _folder(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise TypeError(f"`path` must be the folder that holds the data set, or None. Received: path={path!r}")
    return Path(path).expanduser().absolute()


def _below(source: Source, origin: str, root: Path) -> Iterator[Place]:
    for name in source.folders:
        place = look(source, origin, root / name)
        if place.files:
            yield place
    place = look(source, origin, root)
    if not place.lack and (other := _other_set(source, place)):
        place = Place(origin, root, place.files, f"holds {other}, not {source.title}")
    yield place


def _find(folder: Path, part: Part) -> Path | None:
    # The plain file first: it needs no inflating. The spelling with a dot is common among re-published copies.
    for name in (part.name, part.name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            file = folder / (name + suffix)
            if file.is_file():
                return file
    return None


def _other_set(source: Source, place: Place) -> str | None:
    """The title of the data set whose files really lie here: all sets in MNIST's form use the same file names."""
    try:
        known = owner(idx.read_raw(place.files[source.test_labels.name]).sha256())
    except DatasetError:
        return None  # damaged: the loader reads it again and says so
    return known[0].title if known and known[0] is not source else None
