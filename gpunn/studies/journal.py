"""The journal of a study: `gpunn.tuning`'s, told apart by the code that wrote it."""

import json
import pathlib
from typing import Any

from gpunn.tuning.journal import Journal

NAME = "journal.jsonl"


def opened(folder: pathlib.Path, about: dict[str, Any], resume: bool) -> Journal:
    """The journal in `folder`, begun or gone on with.

    Raises ValueError for one that is there and is not to be resumed, and for one of other settings, data or code, each with the way out.
    """
    path = folder / NAME
    if path.exists() and path.stat().st_size:
        if not resume:
            raise ValueError(
                f"{path} is there already: an earlier study. Go on with it by --resume (resume=True), or write into another folder."
            )
        was = head(path)
        if was.get("code") != about["code"]:
            raise ValueError(
                f"{path} was written by other code ({was.get('code')}) than this ({about['code']}): figures of both must not be mixed. "
                "Go on with the version that began it, or start anew in another folder; `gpunn study report` still draws what there is."
            )
    try:
        return Journal(path, about)
    except ValueError as error:
        raise ValueError(f"{error} To go on, repeat the study's own settings; for others take another folder.") from error


def head(path: pathlib.Path) -> dict[str, Any]:
    """The first line: what was studied. Raises ValueError where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.loads(file.readline())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not the journal of a study: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not the journal of a study.")
    return found


def entries(path: pathlib.Path) -> list[dict[str, Any]]:
    """The lines behind the first, without one that was being written when the process ended."""
    lines = path.read_bytes().split(b"\n")[1:-1]
    return [json.loads(line) for line in lines]
