"""The journal of a search: a line of JSON for what is searched, then one for each trial, on disk before the next begins."""

import json
import os
import pathlib
from typing import Any

FORMAT = "gpunn-search-1"


class Journal:
    """A file that a search broken off goes on with. Raises ValueError where it is another search's, or not a journal."""

    def __init__(self, path: Any, about: dict[str, Any]):
        self.path = pathlib.Path(path)
        self.about = json.loads(_line({"format": FORMAT} | about))
        self.entries: list[dict[str, Any]] = []
        if self.path.exists() and self.path.stat().st_size:
            self._read()
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._append(self.about)

    def _read(self) -> None:
        lines = self.path.read_bytes().split(b"\n")
        whole, torn = lines[:-1], lines[-1]  # what follows the last newline was being written when the process ended
        try:
            head, *entries = [json.loads(line) for line in whole]
        except ValueError as error:
            raise ValueError(f"{self.path} is not the journal of a search: {error}") from error
        if head != self.about:
            differs = sorted(k for k in {*head, *self.about} if head.get(k) != self.about.get(k))
            was, now = ({k: d.get(k) for k in differs} for d in (head, self.about))
            raise ValueError(f"{self.path} is the journal of another search. Expected: {was}. Received: {now}.")
        self.entries = entries
        if torn:
            os.truncate(self.path, len(b"\n".join(whole)) + 1)

    def add(self, entry: dict[str, Any]) -> None:
        """Write a trial down."""
        self._append(entry)
        self.entries.append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(_line(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _line(entry: dict[str, Any]) -> str:
    try:
        return json.dumps(entry)
    except TypeError as error:
        raise ValueError(f"A journal takes parameters and options that JSON can write ({error}). Received: {entry!r}.") from error
