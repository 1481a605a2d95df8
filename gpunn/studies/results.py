"""What a study has found: runs by batch size, their estimates over seeds, the critical batch, and tables for others to read."""

import csv
import json
import math
import pathlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gpunn.studies import journal
from gpunn.studies.statistics import LEVEL, RESAMPLES, Estimate, estimate

MEANS = (
    "images_per_second", "seconds", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap", "sharpness", "eigenvalue",
    "cosine", "error", "peak_bytes", "step_bytes",
)
POINT = ("step", "epoch", "seconds", "loss", "accuracy")
NOISE = ("step", "square", "trace", "scale")


@dataclass(frozen=True)
class Critical:
    """A critical batch size with its 95 % interval; ``steps``: the fewest steps to the target, at batches far larger."""

    batch: float
    low: float | None
    high: float | None
    steps: float | None = None


class Results:
    """Of one study. ``about``: the journal's first line; ``entries``: the others."""

    def __init__(self, about: dict[str, Any], entries: list[dict[str, Any]]):
        self.about, self.entries = about, entries
        self.settings: dict[str, Any] = about["settings"]
        self.runs = [e for e in entries if e.get("kind") == "run"]
        self.backends: list[str] = about["backends"]
        self.sizes: list[int] = about["settings"]["sizes"]

    @classmethod
    def read(cls, folder: Any) -> "Results":
        """From a study's folder, finished or not. Raises ValueError where there is none."""
        path = pathlib.Path(folder) / journal.NAME
        if not path.exists():
            raise ValueError(f"There is no study in {folder}: {journal.NAME} is missing.")
        about = journal.head(path)
        if about.get("study") != "batch-size":
            raise ValueError(f"{path} is not the journal of a batch-size study.")
        return cls(about, journal.entries(path))

    @property
    def machine(self) -> dict[str, Any]:
        """Facts of the machine that began the study."""
        return next((e["facts"] for e in self.entries if e.get("kind") == "machine"), {})

    @property
    def resumed(self) -> int:
        return max(0, sum(e.get("kind") == "machine" for e in self.entries) - 1)

    # ------------------------------------------------------------------ runs
    def of(self, backend: str, size: int) -> list[dict[str, Any]]:
        """The runs of a size that ended well, by seed."""
        found = [r for r in self.runs if r["backend"] == backend and r["size"] == size and r["status"] == "ok"]
        return sorted(found, key=lambda r: r["seed"])

    def failed(self, status: str) -> list[dict[str, Any]]:
        """Runs that were "skipped" or "diverged"."""
        return [r for r in self.runs if r["status"] == status]

    def mean(self, backend: str, size: int, name: str) -> Estimate | None:
        """The mean over seeds of a number of each run; None where no run has it."""
        values = [r[name] for r in self.of(backend, size) if r.get(name) is not None]
        return estimate(values) if values else None

    def part(self, backend: str, size: int, name: str) -> float | None:
        """Milliseconds of a part of a step, the median over seeds."""
        values = [r["parts"][name] for r in self.of(backend, size) if r.get("parts")]
        return float(np.median(values)) if values else None

    def reached(self, backend: str, size: int) -> tuple[int, int]:
        """(runs that reached the target, runs that ended, well or not)."""
        ended = [r for r in self.runs if r["backend"] == backend and r["size"] == size and r["status"] != "skipped"]
        return sum(r.get("reached") is not None for r in ended), len(ended)

    def to_target(self, backend: str, size: int, name: str) -> Estimate | None:
        """The median over seeds of "step", "epoch" or "seconds" to the target, never reached counting as infinite; None where nothing ran.

        A run that ends without reaching it is censored: all that is known is that it takes more. The median stays a number as long as more
        than half of the runs reach it.
        """
        ended = [r for r in self.runs if r["backend"] == backend and r["size"] == size and r["status"] != "skipped"]
        values = [math.inf if r.get("reached") is None else float(r["reached"][name]) for r in ended]
        return estimate(values, np.median) if values and self.settings["target"] is not None else None

    def reaching(self, backend: str, name: str) -> dict[int, Estimate]:
        """Sizes whose median run reached the target."""
        found = {size: self.to_target(backend, size, name) for size in self.sizes}
        return {size: e for size, e in found.items() if e is not None and math.isfinite(e.value)}

    def quickest(self, backend: str) -> tuple[int, list[int]] | None:
        """(the size that reached the target in least time, those whose intervals overlap its); None where none reached it."""
        found = self.reaching(backend, "seconds")
        if not found:
            return None
        best = min(found, key=lambda size: found[size].value)
        high = found[best].high
        limit = found[best].value if high is None else high
        return best, [n for n, e in found.items() if n != best and (e.value if e.low is None else e.low) <= limit]

    # ------------------------------------------------------------------ the critical batch
    def fitted(self, backend: str) -> Critical | None:
        """The critical batch B of steps(m) = S (1 + B / m), McCandlish et al. (2018), equation 2.11, fitted to the steps to the target.

        None where fewer than three sizes reached it, or the fit leaves the range of a hundredth of the smallest to a hundred times the
        largest size.
        """
        sizes = list(self.reaching(backend, "step"))
        if len(sizes) < 3:
            return None
        steps = {n: np.array([math.inf if r.get("reached") is None else r["reached"]["step"] for r in self.of(backend, n)]) for n in sizes}
        found = _fit(sizes, [float(np.median(steps[n])) for n in sizes])
        if found is None:
            return None
        random, draws = np.random.default_rng(0), []
        for _ in range(RESAMPLES // 10):
            again = [float(np.median(random.choice(steps[n], len(steps[n])))) for n in sizes]
            if all(map(math.isfinite, again)) and (fit := _fit(sizes, again)) is not None:
                draws.append(fit[0])
        several = max(map(len, steps.values())) > 1 and len(draws) > 20
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if several else (None, None)
        return Critical(found[0], None if low is None else float(low), None if high is None else float(high), found[1])

    def predicted(self, backend: str) -> Critical | None:
        """The critical batch that the noise scale predicts: its running mean when the target was reached (else at the end of the run), the
        median over all runs that are long enough to have four measurements."""
        values = []
        for run in self.runs:
            if run["backend"] != backend or run["status"] != "ok" or len(run.get("noise") or ()) < 4:
                continue
            last = math.inf if run.get("reached") is None else run["reached"]["step"]
            until = [m for m in run["noise"] if m[0] <= last] or run["noise"][:1]
            if until[-1][NOISE.index("scale")] is not None:
                values.append(until[-1][NOISE.index("scale")])
        if not values:
            return None
        found = estimate(values, np.median)
        return Critical(found.value, found.low, found.high)

    def law(self, backend: str) -> dict[str, list[Any]] | None:
        """Mean over seeds of cosine and relative error of batch gradients at common weights, by size."""
        laws = [e for e in self.entries if e.get("kind") == "law" and e["backend"] == backend and e["status"] == "ok"]
        if not laws:
            return None
        out: dict[str, list[Any]] = {"sizes": laws[0]["sizes"], "rows": laws[0]["rows"]}
        for name in ("cosine", "error"):
            out[name] = [estimate(values) for values in zip(*(e[name] for e in laws), strict=True)]
        return out

    # ------------------------------------------------------------------ tables
    def summary(self) -> list[dict[str, Any]]:
        """A flat row a backend and size: means with their intervals, medians to the target, and how many runs reached it."""
        rows = []
        for backend in self.backends:
            for size in self.sizes:
                row: dict[str, Any] = {"backend": backend, "size": size, "runs": len(self.of(backend, size))}
                for name in MEANS:
                    row |= _columns(name, self.mean(backend, size, name))
                for name in ("step", "epoch", "seconds"):
                    row |= _columns(f"{name}_to_target", self.to_target(backend, size, name))
                row["reached"], row["ended"] = self.reached(backend, size)
                for name in ("gather", "forward", "backward", "update", "step"):
                    row[f"{name}_ms"] = self.part(backend, size, name)
                rows.append(row)
        return rows

    def tidy(self) -> dict[str, list[dict[str, Any]]]:
        """Tables by name: ``runs``, ``points`` (looks during runs), ``noise``, ``summary``; a dict a row, one number a cell."""
        keys = ("backend", "size", "seed")
        runs, points, noise = [], [], []
        for r in self.runs:
            key = {k: r[k] for k in keys}
            flat = {k: v for k, v in r.items() if not isinstance(v, (list, dict)) and k != "kind"}
            flat |= {f"{k}_to_target": v for k, v in (r.get("reached") or dict.fromkeys(("step", "epoch", "seconds"))).items()}
            runs.append(flat | {f"{k}_ms": v for k, v in (r.get("parts") or {}).items()})
            points += [key | dict(zip(POINT, p, strict=True)) for p in r.get("points", ())]
            noise += [key | dict(zip(NOISE, m, strict=True)) for m in r.get("noise", ())]
        return {"runs": runs, "points": points, "noise": noise, "summary": self.summary()}

    def write(self, folder: Any) -> list[pathlib.Path]:
        """``runs.csv``, ``points.csv``, ``noise.csv``, ``summary.csv``, and ``study.json`` with all of it. -> the paths."""
        folder, paths = pathlib.Path(folder), []
        tables = self.tidy()
        for name, rows in tables.items():
            path = folder / f"{name}.csv"
            columns = list(dict.fromkeys(column for row in rows for column in row))
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
            paths.append(path)
        critical = {
            b: {"predicted": _plain(self.predicted(b)), "fitted": _plain(self.fitted(b))} for b in self.backends
        }
        whole = {"about": self.about, "machine": self.machine, "critical": critical, "summary": tables["summary"], "runs": tables["runs"]}
        paths.append(folder / "study.json")
        paths[-1].write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return paths


def _plain(found: Critical | None) -> dict[str, Any] | None:
    return None if found is None else {k: _number(v) for k, v in asdict(found).items()}


def _columns(name: str, found: Estimate | None) -> dict[str, Any]:
    values = (None, None, None) if found is None else (found.value, found.low, found.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(_number, values), strict=True))


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _fit(sizes: list[int], steps: list[float]) -> tuple[float, float] | None:
    """(B, S) of steps = S (1 + B / m), least squares of the logarithms; None at the edge of the range looked at."""
    m, log_steps = np.array(sizes, float), np.log(steps)
    grid = np.geomspace(m[0] / 100, m[-1] * 100, 600)
    shape = np.log1p(grid[:, None] / m)
    level = (log_steps - shape).mean(axis=1)
    best = int(np.argmin(((log_steps - shape - level[:, None]) ** 2).sum(axis=1)))
    return None if best in (0, len(grid) - 1) else (float(grid[best]), float(np.exp(level[best])))
