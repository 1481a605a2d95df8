"""Grid and random search over a model function."""

import itertools
import math
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gpunn.callbacks.monitor import MODES, whole
from gpunn.tuning.journal import Journal
from gpunn.tuning.trial import check_monitor, divide, train

OK, FAILED, DIVERGED = "ok", "failed", "diverged"


@dataclass
class Trial:
    """One choice of parameters.

    ``score``: the mean of ``scores``, one a repetition; NaN where it failed or diverged. ``mode``: which way it is better. ``epoch``: of
    the best value, from 1. ``status``: "ok", "failed" (with an ``error``) or "diverged". Epoch and ``history`` are the first repetition's.
    """

    number: int
    params: dict[str, Any]
    score: float = math.nan
    scores: list[float] = field(default_factory=list)
    mode: str = "min"
    epoch: int | None = None
    status: str = OK
    error: str | None = None
    seconds: float = 0.0
    seed: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)


class Search:
    """Base class of searches: trains ``build(**parameters)`` for every choice of parameters.

    Arguments: ``build``, a function that returns a compiled model; ``space``, parameter name -> the values to choose from (a name that
    `build` does not take but `fit` does, of batch_size, epochs, shuffle and class_weight, goes there); ``monitor`` and ``mode``, what is
    best: its best value over the epochs counts; ``seed``, from which every trial starts; ``repeats``, trainings of each choice, from
    `seed`, `seed` + 1, ...; ``journal``, a file that keeps every trial, so that a search that was broken off goes on where it was;
    ``verbose``, 1 for a line a trial.

    Attributes: ``trials``. A trial that raises an error or ends in NaN is recorded as such, and the search goes on. Raises ValueError for a
    space or options that do not fit, before anything is trained.
    """

    def __init__(
        self, build: Callable[..., Any], space: dict[str, Any], monitor: str = "val_loss", mode: str = "auto", seed: int = 0,
        repeats: int = 1, journal: Any = None, verbose: int = 0,
    ):
        self.kind = kind = type(self).__name__
        if not callable(build):
            raise ValueError(f"{kind}: build must be a function that returns a compiled model. Received: {build!r}.")
        if not isinstance(space, dict) or not space or not all(isinstance(name, str) for name in space):
            raise ValueError(f"{kind}: space must be a dict from parameter names to values. Received: {space!r}.")
        if mode not in MODES:
            raise ValueError(f"{kind}: mode must be one of {', '.join(MODES)}. Received: mode={mode!r}.")
        self.build, self.space, self.monitor, self.mode = build, space, monitor, mode
        self.seed, self.repeats = whole("seed", seed, kind), whole("repeats", repeats, kind, 1)
        self.journal, self.verbose = None if journal is None else pathlib.Path(journal), verbose
        self._for_build, self._for_fit = divide(build, list(space), kind)
        self.trials: list[Trial] = []
        self._best_model: Any = None

    def choices(self) -> Iterator[dict[str, Any]]:
        """The parameters of every trial, in order."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        """What makes two searches the same."""
        names = ("kind", "monitor", "mode", "seed", "repeats")
        return {"space": {k: _spelled(v) for k, v in self.space.items()}} | {name: getattr(self, name) for name in names}

    # ------------------------------------------------------------------ running
    def run(self, x: Any, y: Any = None, **fit: Any) -> "Search":
        """Try all choices on this data; other arguments are `fit`'s. -> itself. May be called again after it was broken off."""
        check_monitor(self.monitor, fit, self.kind)
        twice = sorted(set(fit) & set(self._for_fit))
        if twice:
            raise ValueError(f"{self.kind}: {', '.join(twice)} stands in the space and in run's arguments.")
        self.trials, self._best_model = [], None
        journal = None if self.journal is None else Journal(self.journal, self.about() | _of_data(x, y, fit))
        known = [] if journal is None else journal.entries[:]
        for number, params in enumerate(self.choices()):
            if number < len(known):
                if known[number]["params"] != params:
                    raise ValueError(f"{self.journal}: expected trial {number} of {params}. Received: {known[number]['params']}.")
                score = known[number]["score"]
                self.trials.append(Trial(**known[number] | {"score": math.nan if score is None else score}))
                continue
            trial, model = self._try(number, params, x, y, fit)
            better = trial.status == OK and not any(_rank(t) <= _rank(trial) for t in self.trials)
            self.trials.append(trial)
            if better:
                self._best_model = model
                if journal is not None:
                    self._write_best(model)
            if journal is not None:
                journal.add(asdict(trial) | {"score": None if math.isnan(trial.score) else trial.score})
            if self.verbose:
                result = trial.error or f"{self.monitor} {_result(trial)}"
                print(f"trial {trial.number}: {_words(trial.params)}: {result} ({trial.seconds:.1f}s)")
        return self

    def _try(self, number: int, params: dict[str, Any], x: Any, y: Any, fit: dict[str, Any]) -> tuple[Trial, Any]:
        trial, model, began = Trial(number, params, seed=self.seed), None, time.perf_counter()
        arguments = {name: params[name] for name in self._for_build}
        options = fit | {name: params[name] for name in self._for_fit}
        try:
            for repeat in range(self.repeats):
                outcome = train(self.build, arguments, self.monitor, self.mode, self.seed + repeat, (x, y), **options)
                trial.scores.append(outcome.score)
                if model is None:
                    model, trial.mode, trial.epoch, trial.history = outcome.model, outcome.mode, outcome.epoch + 1, _plain(outcome.history)
            finite = all(math.isfinite(s) for s in trial.scores)
            trial.score, trial.status = (statistics.fmean(trial.scores), OK) if finite else (math.nan, DIVERGED)
        except Exception as error:
            trial.status, trial.error = FAILED, f"{type(error).__name__}: {error}"
        trial.seconds = time.perf_counter() - began
        return trial, model

    # ------------------------------------------------------------------ what came of it
    @property
    def best(self) -> Trial:
        """The best trial. Raises ValueError where there is none, with the first error."""
        good = [t for t in self.trials if t.status == OK]
        if not good:
            first = next((t.error for t in self.trials if t.error), "no trial was run")
            raise ValueError(f"{self.kind}: no trial gave a score ({first}).")
        return min(good, key=_rank)

    def best_model(self, custom_objects: dict[str, Any] | None = None) -> Any:
        """The model of the best trial, with the weights of its best epoch (of the first repetition)."""
        from gpunn.models import load_model

        best = self.best
        if self._best_model is not None:
            return self._best_model
        if self.journal is None or not self._best_file.exists():
            raise ValueError(f"{self.kind}: the model of trial {best.number} is not there any more. Train it anew: {best.params}.")
        return load_model(self._best_file, custom_objects)

    def records(self) -> list[dict[str, Any]]:
        """A flat dict a trial, parameters among the columns, as pandas takes them."""
        columns = ("number", "score", "epoch", "status", "error", "seconds")
        return [{name: getattr(t, name) for name in columns} | t.params for t in self.trials]

    def table(self) -> str:
        """The trials, the best first."""
        rows = [[str(t.number), *(_short(t.params[name]) for name in self.space), _result(t)] for t in sorted(self.trials, key=_rank)]
        head = ["trial", *self.space, self.monitor]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in [head, *rows])

    @property
    def _best_file(self) -> pathlib.Path:
        journal = self.journal or pathlib.Path()
        return journal.with_name(journal.name + ".best")

    def _write_best(self, model: Any) -> None:
        try:
            model.save(self._best_file)
        except ValueError as error:  # a layer or a schedule that cannot be written down: the search itself is not in danger
            warnings.warn(f"The best model so far was not written beside the journal: {error}", stacklevel=3)


class GridSearch(Search):
    """Every combination of the values in `space`, the last name's changing fastest. Arguments: see `Search`."""

    def __init__(self, build: Callable[..., Any], space: dict[str, Any], **options: Any):
        super().__init__(build, space, **options)
        for name, values in space.items():
            if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or len(values) == 0:
                raise ValueError(f"GridSearch: {name} must be a list of values. Received: {name}={values!r}.")

    def choices(self) -> Iterator[dict[str, Any]]:
        for values in itertools.product(*self.space.values()):
            yield _plain(dict(zip(self.space, values, strict=True)))


class RandomSearch(Search):
    """`trials` choices drawn by scikit-learn's ParameterSampler from `seed`: from lists, or from distributions such as
    ``scipy.stats.loguniform(1e-4, 1e-1)``; lists alone are drawn from without repetition. Other arguments: see `Search`.

    Needs scikit-learn (``pip install "gpunn[tuning]"``).
    """

    def __init__(self, build: Callable[..., Any], space: dict[str, Any], trials: int = 10, **options: Any):
        super().__init__(build, space, **options)
        self.number = whole("trials", trials, "RandomSearch", 1)
        for name, values in space.items():
            if isinstance(values, (str, bytes)) or not (hasattr(values, "rvs") or getattr(values, "__len__", int)()):
                raise ValueError(f"RandomSearch: {name} must be a list of values or a distribution. Received: {name}={values!r}.")

    def about(self) -> dict[str, Any]:
        return super().about() | {"trials": self.number}

    def choices(self) -> Iterator[dict[str, Any]]:
        try:
            from sklearn.model_selection import ParameterSampler
        except ImportError as error:
            raise ImportError(f'RandomSearch needs scikit-learn ({error}). Install it with: pip install "gpunn[tuning]"') from error
        lists = [v for v in self.space.values() if not hasattr(v, "rvs")]
        number = self.number if len(lists) < len(self.space) else min(self.number, math.prod(len(v) for v in lists))
        for params in ParameterSampler(self.space, number, random_state=self.seed % 2**32):
            yield _plain({name: params[name] for name in self.space})


def _of_data(x: Any, y: Any, fit: dict[str, Any]) -> dict[str, Any]:
    """What can be said of a search's data and options, to tell it from another."""
    options = {k: v for k, v in fit.items() if isinstance(v, (int, float, str, bool))}
    return {"fit": options, "data": [list(np.shape(v)) for v in (x, y) if hasattr(v, "shape") or isinstance(v, (list, tuple))]}


def _spelled(values: Any) -> Any:
    """The values of a parameter, or a distribution in words, as the journal's first line has them."""
    if not hasattr(values, "rvs"):
        return _plain(list(values))
    inner = getattr(values, "dist", None)  # scipy's frozen distributions
    return type(values).__name__ if inner is None else f"{inner.name} {values.args} {values.kwds}"


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, in lists and dicts too."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _rank(trial: Trial) -> float:
    """Smaller is better; what has no score comes last."""
    return math.inf if trial.status != OK else -trial.score if trial.mode == "max" else trial.score


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _result(trial: Trial) -> str:
    if trial.status != OK:
        return trial.status
    spread = f" ± {statistics.stdev(trial.scores):.2g}" if len(trial.scores) > 1 else ""
    return f"{trial.score:.5g}{spread}"


def _words(params: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in params.items())
