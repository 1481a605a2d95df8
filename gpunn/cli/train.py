"""``gpunn train``: from the options to a trained, tested and saved model."""

import contextlib
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

import gpunn
from gpunn.cli import report
from gpunn.cli.inputs import Data, choose_backend, load_data, make_model
from gpunn.cli.presets import PRESETS
from gpunn.cli.progress import EpochRows, LiveRows
from gpunn.cli.record import Record
from gpunn.cli.shell import FAILED, INTERRUPTED, OK, Failure, one_line, say_error

STATUS = {OK: "ok", FAILED: "failed", INTERRUPTED: "interrupted"}


@dataclass(frozen=True)
class Options:
    """The command's options, by their names; ``None`` where the default depends on the data set or the optimizer."""

    dataset: str
    model: str
    epochs: int | None
    batch_size: int | None
    optimizer: str | None
    lr: float | None
    seed: int
    backend: str
    data_dir: Path | None
    out: Path | None
    as_json: bool


@dataclass
class Run:
    """One run: what it starts from, what has come of it so far."""

    model: Any
    data: Data
    record: Record
    epochs: int
    batch_size: int
    learning_rate: float
    failure: Failure | None = None
    seconds: float = 0.0
    test: dict[str, float] = field(default_factory=dict)


def run(options: Options) -> int:
    """Do it; the exit code."""
    # With --json stdout carries the object alone: whatever a user's model file or callback prints goes to stderr.
    with contextlib.redirect_stdout(sys.stderr) if options.as_json else contextlib.nullcontext():
        result, failure = _train(options, Console(highlight=False))
    if options.as_json:
        print(json.dumps(result, allow_nan=False))
    if failure is None:
        return OK
    say_error(failure)
    return failure.code


def _train(options: Options, console: Console) -> tuple[dict[str, Any], Failure | None]:
    data = load_data(options.dataset, options.data_dir)
    backend = choose_backend(options.backend)
    preset = PRESETS[options.dataset]
    with gpunn.device(backend):
        gpunn.utils.set_random_seed(options.seed)
        model = make_model(options.model, options.dataset, data.input_shape, data.classes)
        settings = _compile(model, options)
        job = Run(
            model, data, Record(len(data.train[0])), options.epochs or preset.epochs, options.batch_size or preset.batch_size,
            settings["learning_rate"],
        )
        about: dict[str, Any] = {"dataset": options.dataset, "model": options.model, "backend": backend, "seed": options.seed}
        folder = _make_folder(options)
        report.headline(console, options.backend, **about)
        try:
            _fit_and_test(job, console)
        except Failure:
            if options.out is None:
                folder.rmdir()  # bad input: nothing was written
            raise
    status = STATUS[OK if job.failure is None else job.failure.code]
    result = about | settings | {
        "status": status, "epochs": job.epochs, "epochs_done": job.record.epochs, "batch_size": job.batch_size,
        "train_images": len(data.train[0]), "validation_images": len(data.validation[0]), "test_images": len(data.test[0]),
        "parameters": _parameters(model), "images_per_second": job.record.images_per_second, "seconds": job.seconds,
        "test_loss": job.test.get("loss"), "test_accuracy": job.test.get("accuracy"), "test": job.test,
        "history": job.record.history, "error": None if job.failure is None else str(job.failure), "out": str(folder),
    }
    result = _finite(result)
    result["files"] = report.save(folder, result, None if status == "failed" else model)
    report.summary(console, result)
    return result, job.failure


def _compile(model: Any, options: Options) -> dict[str, Any]:
    """Compile the model unless it came compiled; what is known of its optimizer."""
    if getattr(model, "optimizer", None) is not None:
        given = [name for name, value in (("--optimizer", options.optimizer), ("--lr", options.lr)) if value is not None]
        if given:
            raise Failure(f"{options.model} returns a compiled model, so {' and '.join(given)} would have no effect. Leave it out.")
        optimizer = model.optimizer
    else:
        config = {} if options.lr is None else {"learning_rate": options.lr}
        try:
            optimizer = gpunn.optimizers.get({"class_name": options.optimizer or "adam", "config": config})
            model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        except (ValueError, TypeError) as error:
            raise Failure(one_line(error)) from error
    return {"optimizer": type(optimizer).__name__, "learning_rate": float(optimizer.learning_rate)}


def _fit_and_test(job: Run, console: Console) -> None:
    """Train and test.

    Ctrl-C, a loss that is not a number and an error of the engine end in ``job.failure``, so that what there is gets saved.

    Raises:
        Failure: for bad input (the engine's ValueError), before anything was trained.
    """
    live = console.is_terminal and not console.is_dumb_terminal
    rows = LiveRows(console, job.record, job.epochs, job.batch_size) if live else EpochRows(console, job.record, job.epochs)
    begin = time.perf_counter()
    try:
        with rows:
            job.model.fit(
                *job.data.train, batch_size=job.batch_size, epochs=job.epochs, validation_data=job.data.validation, verbose=0,
                callbacks=[job.record, rows],
            )
        job.seconds = time.perf_counter() - begin
        if job.record.broken is None:
            test = job.model.evaluate(*job.data.test, batch_size=job.batch_size, verbose=0, return_dict=True)
            job.test = {name: float(value) for name, value in test.items()}
        else:
            advice = f"A smaller --lr may help (it was {job.learning_rate:g})."
            job.failure = Failure(f"training failed: the loss was not finite in epoch {job.record.broken}. {advice}", FAILED)
    except KeyboardInterrupt:
        job.failure = Failure(f"interrupted after {job.record.epochs} of {job.epochs} epochs", INTERRUPTED)
    except ValueError as error:
        raise Failure(one_line(error)) from error
    except Exception as error:
        job.failure = Failure(f"training failed: {type(error).__name__}: {one_line(error)}", FAILED)
        job.failure.__cause__ = error
    if not job.seconds:
        job.seconds = time.perf_counter() - begin


def _parameters(model: Any) -> int | None:
    try:
        return int(model.count_params())
    except ValueError:  # interrupted before the model was built
        return None


def _make_folder(options: Options) -> Path:
    """The folder for the results; made before training, so that a bad --out costs no training time."""
    folder = options.out
    if folder is None:
        base = Path("runs") / f"{options.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder = next(p for p in (base, *(base.with_name(f"{base.name}-{n}") for n in range(2, 1000))) if not p.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"--out: the folder {str(folder)!r} cannot be made: {error.strerror}.") from error
    return folder


def _finite(value: Any) -> Any:
    """The same with ``None`` for every number that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
