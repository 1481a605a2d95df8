"""What every claim's experiment has in common: setup, run, measure, draw and verdict in one function, seeded, with a record around it."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gpunn
from gpunn.random import Scope
from gpunn.studies.charts import Chart

HOLDS, ONLY_IF, NOT_HERE = "holds", "holds only if", "does not hold here"
UNTESTED, FAILED = "cannot be tested here", "failed"
Table = list[dict[str, Any]]  # measurements, a dict a row
DECKS = {
    0: "Neural Networks II, CoGrammar and HyperionDev, 2024",
    1: "Deep Learning, Part 01: Neural Networks, SETU Waterford, MSc Data Mining, 2023",
    2: "Artificial Neural Networks and Deep Learning; Tuning Neural Network, T5 Bootcamp by SDAIA",
    3: "an untitled deck on prediction, backpropagation, cost and learning rate, School of Professional Studies",
    4: "Neural networks for classification, Artificial Intelligence 2020/2021",
}


@dataclass
class Scale:
    """How much is done: by default within a minute on two cores; ``full``, the real thing."""

    full: bool = False
    data: list[str] = field(default_factory=list)  # what was used, for the record

    def pick(self, quick: Any, full: Any) -> Any:
        """One of two values."""
        return full if self.full else quick

    def images(self, name: str, rows: int, test_rows: int = 2000, flat: bool = True) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """((x, y), (x_test, y_test)): the first rows of a data set, in [0, 1]. `digits` takes the place of one that is not here."""
        from gpunn.studies.claims.data import load

        used, (x, y), (x_test, y_test) = load(name)
        out = []
        for a, b, n in ((x, y, rows), (x_test, y_test, test_rows)):
            a = a[:n].astype(np.float32) / np.float32(a.max())
            out.append((a.reshape(len(a), -1) if flat else a[..., None], b[:n]))
        self.data.append(f"{used}, {len(out[0][0]):,} rows")
        return out[0], out[1]


@dataclass
class Outcome:
    """What an experiment found.

    ``verdict``: HOLDS, ONLY_IF, NOT_HERE, or UNTESTED where the machine lacks what it takes; ``condition``: under what, for ONLY_IF;
    ``found``: the figures in a sentence or two; ``table``: the measurements, a dict a row; ``charts``: the picture, one panel each.
    """

    verdict: str
    found: str
    table: Table = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    condition: str = ""


def judged(holds: bool, found: str, table: Table, *charts: Chart, only_if: str = "", otherwise: bool = False) -> Outcome:
    """HOLDS where it does; ONLY_IF with the condition where that is what was found (`otherwise`); else NOT_HERE."""
    verdict = HOLDS if holds else ONLY_IF if otherwise and only_if else NOT_HERE
    return Outcome(verdict, found, table, list(charts), only_if if verdict == ONLY_IF else "")


@dataclass(frozen=True)
class Claim:
    """One claim: ``id``, ``statement``, the ``decks`` that say so (numbers of DECKS), its ``family``, and the experiment."""

    id: str
    statement: str
    decks: tuple[int, ...]
    family: str
    experiment: Callable[[Scale], Outcome]

    @property
    def source(self) -> str:
        return "; ".join(f"deck {n} ({DECKS[n]})" for n in self.decks)


@dataclass
class Record:
    """A claim that was tried: its outcome, data, seed and time; ``error`` where it failed."""

    claim: Claim
    outcome: Outcome
    data: list[str]
    seed: int
    full: bool
    seconds: float
    error: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        o = self.outcome
        return {
            "id": self.claim.id, "statement": self.claim.statement, "source": self.claim.source, "verdict": o.verdict,
            "condition": o.condition, "found": o.found, "table": [{k: _number(v) for k, v in row.items()} for row in o.table],
            "data": self.data, "seed": self.seed, "full": self.full, "seconds": round(self.seconds, 2), "error": self.error,
        }


CLAIMS: dict[str, Claim] = {}


def claim(number: int, statement: str, *decks: int) -> Callable[[Callable[[Scale], Outcome]], Callable[[Scale], Outcome]]:
    """Registers an experiment under CL-`number`. Its family is its file's name."""

    def register(experiment: Callable[[Scale], Outcome]) -> Callable[[Scale], Outcome]:
        name = f"CL-{number:02d}"
        if name in CLAIMS:
            raise ValueError(f"Claim {name} is there twice.")
        CLAIMS[name] = Claim(name, statement, decks, experiment.__module__.rpartition(".")[2], experiment)
        return experiment

    return register


def try_claim(it: Claim, full: bool = False, seed: int = 0, backend: str = "auto") -> Record:
    """Run an experiment from a seed. An error of it is kept in the record: the others go on."""
    scale, began, error = Scale(full), time.perf_counter(), None
    with gpunn.device(backend), Scope(seed), np.errstate(all="ignore"):  # trainings may diverge: some are meant to
        try:
            outcome = it.experiment(scale)
        except Exception as raised:
            error = "".join(traceback.format_exception_only(raised)).strip()
            outcome = Outcome(FAILED, error)
    return Record(it, outcome, scale.data or ["a function of a few weights"], seed, full, time.perf_counter() - began, error)


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def column(table: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """One column of a table."""
    return [row[name] for row in table]


def listed(table: Sequence[dict[str, Any]], name: str, value: str, form: str = ".3g", missing: str = "never") -> str:
    """Two columns in words: "a 0.1, b 0.2"."""
    return ", ".join(f"{row[name]} {missing if row[value] is None else format(row[value], form)}" for row in table)


def names(values: Sequence[Any]) -> str:
    """In words; "none" for no values."""
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values) or "none"
