"""What a study's job does, in whatever process: plain numbers come out."""

import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import gpunn
from gpunn import optimizers
from gpunn.backend.errors import DeviceMemoryError
from gpunn.random import Scope
from gpunn.studies.gradients import Gradients
from gpunn.studies.memory import Peak
from gpunn.studies.noise import NoiseMeter
from gpunn.studies.settings import Job, Settings, whole_steps
from gpunn.studies.sharpness import directions, keskar_sharpness, top_eigenvalue
from gpunn.studies.timing import bytes_of_step, step_parts
from gpunn.studies.watch import Limits, Trace, Watch
from gpunn.training.loop import Training

OK, DIVERGED, SKIPPED = "ok", "diverged", "skipped"
PROBED = 1024  # training rows on which sharpness is measured
NOISE_ROWS = 16384  # that the noise meter draws from
VALIDATED = 2000  # validation rows of each look
TUNE_SHARE = 0.5  # of the budget that a rate is tried for
FACTOR, TRIES = 2.0, 9  # of the search for a rate

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Data:
    """Rows for training, for looks during training, and for the figure at the end."""

    train: Pair
    validation: Pair
    test: Pair

    @property
    def classes(self) -> int:
        return int(max(y.max() for _, y in (self.train, self.validation, self.test))) + 1


Build = Callable[[tuple[int, ...], int], Any]  # (shape of a row, classes) -> a model, compiled or not


def make(build: Build, data: Data, settings: Settings, rate: float | None) -> Any:
    """A compiled model at this rate (None: its own). Call it under a seed."""
    model = build(data.train[0].shape[1:], data.classes)
    if getattr(model, "optimizer", None) is None:
        config = settings.optimizer_config | ({} if rate is None else {"learning_rate": rate})
        optimizer = optimizers.get({"class_name": settings.optimizer, "config": config})
        model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    elif rate is not None:
        model.optimizer.learning_rate = rate
    if "accuracy" not in model.metrics_names:
        raise ValueError(f"BatchSizeStudy: the model must be compiled with metrics=['accuracy']. Received: {model.metrics_names}.")
    return model


def base_rate(build: Build, data: Data, settings: Settings) -> float:
    """The learning rate of `base_batch` rows: what was asked for, else the optimizer's own."""
    if settings.learning_rate is not None:
        return settings.learning_rate
    with Scope(settings.first_seed):
        return float(make(build, data, settings, None).optimizer.learning_rate)


def do(job: Job, build: Build, data: Data, settings: Settings, backend: str) -> dict[str, Any]:
    """Do it. A job that does not fit the device is skipped, and says so."""
    about = asdict(job) | {"backend": backend}
    with gpunn.device(backend), Scope(job.seed), warnings.catch_warnings(), np.errstate(all="ignore"):  # runs may diverge
        warnings.filterwarnings("ignore", "The loss became NaN", RuntimeWarning)
        try:
            return about | {"run": _run, "tune": _tune, "law": _law}[job.kind](job, build, data, settings)
        except DeviceMemoryError as error:
            return about | {"status": SKIPPED, "reason": " ".join(str(error).split())}


# ---------------------------------------------------------------------- a training
def _run(job: Job, build: Build, data: Data, settings: Settings) -> dict[str, Any]:
    model = make(build, data, settings, job.learning_rate)
    _warm_up(model, data, job.size)
    with Peak(model.backend) as peak:
        trace, meter = _train(model, data, settings, job.size, 1.0, settings.diagnostics)
    out: dict[str, Any] = {
        "status": DIVERGED if trace.diverged else OK, "steps": trace.points[-1].step, "epochs": trace.points[-1].epoch,
        "seconds": trace.points[-1].seconds, "images_per_second": trace.images_per_second,
        "reached": None if trace.reached is None else asdict(trace.reached),
        "peak_bytes": peak.bytes, "bytes_before": peak.before, "points": [list(asdict(p).values()) for p in trace.points],
        "noise": [] if meter is None else [list(asdict(m).values()) for m in meter.values],
    }
    if not trace.diverged:
        for name, (x, y) in (("train", data.train), ("test", data.test)):
            found = model.evaluate(x, y, batch_size=1024, verbose=0, return_dict=True)
            out |= {f"{name}_loss": found["loss"], f"{name}_accuracy": found["accuracy"]}
        out["gap"] = out["train_accuracy"] - out["test_accuracy"]
        if settings.diagnostics:
            out |= _minimum(model, data, job)
    out["step_bytes"] = bytes_of_step(Training(model, model._check(*data.train, None, None, "study"), job.size, True), job.size)
    parts = step_parts(model, *data.train, job.size)
    return _finite(out | {"parts": parts})


def _warm_up(model: Any, data: Data, size: int) -> None:
    """Kernels are compiled before the clock runs; the model stays as it was drawn."""
    from gpunn.models.state import put, take

    x, y = data.train
    few = min(len(x), 2 * size)
    model.fit(x[:few], y[:few], batch_size=size, epochs=0, verbose=0)
    before = take(model)
    model.fit(x[:few], y[:few], batch_size=size, epochs=1, verbose=0)
    put(model, before)


def _train(model: Any, data: Data, settings: Settings, size: int, share: float, noise: bool) -> tuple[Trace, NoiseMeter | None]:
    x, y = data.train
    epochs, steps = whole_steps(settings, size, len(x))
    seconds = settings.amount if settings.budget == "time" else None
    if share < 1:
        epochs = max(1, math.ceil(share * epochs)) if seconds is None else epochs
        steps, seconds = (None if steps is None else max(1, int(share * steps))), None if seconds is None else share * seconds
    meter = NoiseMeter(Gradients(model, x[:NOISE_ROWS], y[:NOISE_ROWS], 1024)) if noise else None
    limits = Limits(steps, seconds, settings.target, settings.budget == "target-accuracy")
    held = tuple(a[:VALIDATED] for a in data.validation)
    watch = Watch(held, limits, size, meter).rows(len(x))  # type: ignore[arg-type]
    model.fit(x, y, batch_size=size, epochs=epochs, callbacks=[watch], verbose=0)
    return watch.trace, meter


def _minimum(model: Any, data: Data, job: Job) -> dict[str, Any]:
    """Of the weights that a run ended with."""
    x, y = data.train
    few = Gradients(model, x[:PROBED], y[:PROBED], PROBED)
    many = Gradients(model, x[:NOISE_ROWS], y[:NOISE_ROWS])
    size = min(job.size, len(many.rows))
    found = directions(many, [size], 4 if size < len(many.rows) else 1)
    return {
        "sharpness": keskar_sharpness(few), "eigenvalue": top_eigenvalue(few), "cosine": found["cosine"][0], "error": found["error"][0],
    }


# ---------------------------------------------------------------------- the other kinds
def _tune(job: Job, build: Build, data: Data, settings: Settings) -> dict[str, Any]:
    """The best of rates a factor of 2 apart, going up and down from where the rule puts it as long as that helps.

    Best: the target reached in fewest steps, else the lowest validation loss, in half of the budget.
    """
    tried: dict[int, tuple[float, float]] = {}

    def score(power: int) -> tuple[float, float]:
        if power not in tried:
            with Scope(job.seed):
                model = make(build, data, settings, job.learning_rate * FACTOR**power)
                trace, _ = _train(model, data, settings, job.size, TUNE_SHARE, False)
            losses = [p.loss for p in trace.points if math.isfinite(p.loss)]
            worst = trace.diverged or not losses
            steps = math.inf if trace.reached is None or worst else float(trace.reached.step)
            tried[power] = steps, math.inf if worst else losses[-1]
        return tried[power]

    best = 0
    for way in (1, -1):
        while len(tried) < TRIES and score(best + way) < score(best):
            best += way
    trials = [[job.learning_rate * FACTOR**p, *_finite(list(s))] for p, s in sorted(tried.items())]
    return {"status": OK, "rate": job.learning_rate * FACTOR**best, "trials": trials}


def _law(job: Job, build: Build, data: Data, settings: Settings) -> dict[str, Any]:
    """Directions of the gradients of all sizes at common weights: those after one hundred steps of `base_batch` rows."""
    model = make(build, data, settings, job.learning_rate)
    x, y = data.train
    size = min(settings.base_batch, len(x))
    model.fit(x, y, batch_size=size, steps_per_epoch=max(1, min(100, len(x) // size)), verbose=0)
    sizes = [n for n in settings.sizes if n <= len(x) // 2] or [max(1, len(x) // 2)]
    return _finite({"status": OK, "sizes": sizes, "rows": len(x)} | directions(Gradients(model, x, y), sizes))


def _finite(value: Any) -> Any:
    """The same with None for every number that JSON cannot write."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
