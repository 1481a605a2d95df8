"""Programs that show what a kind of network does: each reaches a figure, and saves a picture of what it has learned.

``gpunn examples list`` and ``gpunn examples run NAME``; or ``gpunn.examples.run("recall", "folder")``.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """``title``; ``goal``: in words, the figure that must be reached; ``needs``: data that must be there, or ""."""

    name: str
    title: str
    goal: str
    needs: str = ""


@dataclass(frozen=True)
class Outcome:
    """``figures`` by name; ``reached``: whether they are what the example promises; ``picture``: the PNG's path."""

    figures: dict[str, float]
    reached: bool
    picture: Path


EXAMPLES = {
    e.name: e for e in (
        Example("recall", "the first token of a sequence, recalled at its end: LSTM and GRU beside a plain recurrent network",
                "LSTM and GRU recall it over 200 steps with accuracy >= 0.95; SimpleRNN stays below 0.6"),
        Example("rows", "handwritten digits read row by row by an LSTM", "test accuracy >= 0.97", "mnist"),
        Example("denoise", "an autoencoder takes noise off handwritten digits; its code of 32 numbers is read out",
                "error of the cleaned images <= 0.1 times the noisy ones', code classified with accuracy >= 0.88", "mnist"),
        Example("gan", "a generator learns points on a ring from a discriminator alone",
                "mean within 0.15, radius within 10 %, spread within a factor of 2 of the data's, no eighth of the ring without 4 %"),
    )
}


def run(name: str, folder: Any = ".", say: Callable[[str], Any] = print, seed: int = 0) -> Outcome:
    """Run an example, telling `say` how it goes, and save its picture in `folder`. Raises ValueError for an unknown name."""
    import gpunn

    if name not in EXAMPLES:
        raise ValueError(f"Unknown example: {name!r}. Expected one of: {', '.join(EXAMPLES)}.")
    gpunn.utils.set_random_seed(seed)
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return importlib.import_module(f"gpunn.examples.{name}").main(path, say)
