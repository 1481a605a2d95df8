"""What a training run starts from: the data, the model, the backend.  Everything wrong with them is one clear error here."""

import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.backend.probe import GpuUnavailable, prefer_gpu, require_gpu
from gpunn.cli.presets import PRESETS, cnn, mlp
from gpunn.cli.shell import Failure, one_line

VALIDATION_EVERY = 10  # every tenth training row; not the last ones, which in `digits` are other people's handwriting than the first

Rows = tuple[np.ndarray, np.ndarray]  # images (n, height, width) float32 in [0, 1], labels (n,)


@dataclass(frozen=True)
class Data:
    """A data set, scaled and split."""

    train: Rows
    validation: Rows
    test: Rows
    input_shape: tuple[int, ...]
    classes: int


def load_data(name: str, folder: Path | None) -> Data:
    """Load, scale to [0, 1] and split a data set.

    Raises:
        Failure: when it is missing or damaged, with what the loader says of the places tried, and the offline choice.
    """
    from gpunn import datasets

    preset = PRESETS[name]
    if name == "digits" and folder is not None:
        raise Failure("--data-dir has no effect on digits, which come with scikit-learn. Leave it out.")
    module = getattr(datasets, preset.module)
    try:
        (x, y), (x_test, y_test) = module.load_data() if folder is None else module.load_data(path=folder)
    except (OSError, ValueError, ImportError) as error:
        offline = "" if name == "digits" or "digits" in str(error) else " Without a download: gpunn train digits."
        raise Failure(one_line(error) + offline) from error
    held = np.arange(len(x)) % VALIDATION_EVERY == VALIDATION_EVERY - 1

    def scaled(images: np.ndarray) -> np.ndarray:
        return np.divide(images, np.float32(preset.largest), dtype=np.float32)

    classes = int(max(y.max(), y_test.max())) + 1
    return Data((scaled(x[~held]), y[~held]), (scaled(x[held]), y[held]), (scaled(x_test), y_test), x.shape[1:], classes)


def choose_backend(name: str) -> str:
    """``cpu`` or ``gpu``.

    Raises:
        Failure: when ``gpu`` was asked for and cannot be used.
    """
    if name == "cpu":
        return "cpu"
    if name == "auto":
        return "gpu" if prefer_gpu() else "cpu"
    try:
        require_gpu()
    except GpuUnavailable as error:
        raise Failure(str(error)) from error
    return "gpu"


def make_model(spec: str, dataset: str, input_shape: tuple[int, ...], classes: int) -> Any:
    """The model that ``--model`` names: ``mlp``, ``cnn``, or what the function in ``PATH.py:FUNCTION`` returns.

    Raises:
        Failure: when the file or the function is missing, or the function fails or returns no model.
    """
    if spec == "mlp":
        return mlp(input_shape, classes, PRESETS[dataset].hidden)
    if spec == "cnn":
        return cnn(input_shape, classes)
    path, _, function_name = spec.rpartition(":")
    if not path.endswith(".py") or not function_name.isidentifier():
        raise Failure(f"--model is mlp, cnn, or a file and a function in it: PATH.py:FUNCTION. Received: {spec!r}")
    function = _find_function(Path(path), function_name)
    try:
        model = function(input_shape, classes)
    except Exception as error:
        raise _users_failure(error, Path(path)) from error
    if not callable(getattr(model, "fit", None)):
        raise Failure(f"{spec} must return a model. Received: {model!r} (of type {type(model).__name__})")
    return model


def _find_function(path: Path, name: str) -> Callable[..., Any]:
    if not path.is_file():
        raise Failure(f"--model: there is no file {str(path)!r}.")
    loader = importlib.util.spec_from_file_location(f"_gpunn_user_{path.stem}", path)
    if loader is None or loader.loader is None:
        raise Failure(f"--model: {str(path)!r} cannot be imported.")
    module = importlib.util.module_from_spec(loader)
    sys.modules[loader.name] = module  # dataclasses and pickling look a class's module up there
    sys.path.insert(0, str(path.resolve().parent))  # as `python PATH.py` does, so that the file finds its neighbours
    try:
        loader.loader.exec_module(module)
    except Exception as error:
        raise _users_failure(error, path) from error
    function = getattr(module, name, None)
    if not callable(function):
        here = sorted(n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == loader.name)
        raise Failure(f"--model: {str(path)!r} has no function {name!r}. It has: {', '.join(here) or 'none'}.")
    return function


def _users_failure(error: Exception, path: Path) -> Failure:
    """The error in the user's file, with the last line of it that was running."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        line: int | None = error.lineno
    else:
        mine = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == path.resolve()]
        line = mine[-1] if mine else None
    where = f"{path}:{line}" if line else str(path)
    text = error.msg if isinstance(error, SyntaxError) else one_line(error)
    return Failure(f"--model: {where}: {type(error).__name__}: {text}")
