"""``tf.train``'s checkpoints: the variables of models, layers, optimizers, modules and counters in one file, by the names of attributes.

A checkpoint is one ``.npz`` of arrays, written as a whole; its path is told without the ending. What is restored is there already: a model
that has no weights yet is called or built before, an optimizer is built for the weights of the one model beside it.
"""

import pathlib
import re
from typing import Any

import numpy as np

from gpunn.layers.base import Layer
from gpunn.layers.variable import Variable
from gpunn.models.files.atomic import replacing
from gpunn.models.model import Model
from gpunn.optimizers import Optimizer

ENDING = ".npz"


class Status:
    """What `restore` gives: whether all was there."""

    def __init__(self, missing: list[str], unused: list[str]):
        self._missing, self._unused = missing, unused

    def expect_partial(self) -> "Status":
        return self

    def assert_existing_objects_matched(self) -> "Status":
        """Raises AssertionError where something in the program is not in the file."""
        if self._missing:
            raise AssertionError(f"The checkpoint has no values for {', '.join(self._missing)}.")
        return self

    def assert_consumed(self) -> "Status":
        """Raises AssertionError, too, where something in the file is not in the program."""
        if self._unused:
            raise AssertionError(f"Nothing takes these values of the checkpoint: {', '.join(self._unused)}.")
        return self.assert_existing_objects_matched()


class Checkpoint:
    """Objects by name, ``Checkpoint(model=model, optimizer=optimizer, step=tf.Variable(0))``, saved and restored together."""

    def __init__(self, root: Any = None, **objects: Any):
        self.save_counter = Variable(0, trainable=False)
        for name, thing in {**({} if root is None else {"root": root}), **objects}.items():
            setattr(self, name, thing)

    def write(self, file_prefix: Any) -> str:
        """Under just this path; -> it."""
        path = str(file_prefix)
        with replacing(pathlib.Path(path + ENDING)) as temporary, open(temporary, "wb") as file:
            arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in _variables("", self).items()}
            np.savez(file, **arrays)
        return path

    def save(self, file_prefix: Any) -> str:
        """Under the next number, ``prefix-1``; -> the path."""
        self.save_counter.assign_add(1)
        return self.write(f"{file_prefix}-{int(self.save_counter)}")

    def restore(self, save_path: Any) -> Status:
        """Put the values back; of None nothing. Raises FileNotFoundError for no such checkpoint, ValueError for another shape."""
        if save_path is None:
            return Status([], [])
        with np.load(f"{save_path}{ENDING}", allow_pickle=False) as file:
            saved = {name: file[name] for name in file.files}
        for name, thing in vars(self).items():
            if isinstance(thing, Optimizer) and not thing._places and any(key.startswith(f"{name}/2") for key in saved):
                thing.build(self._weights_beside(name))
        own = _variables("", self)
        taken = {name: saved[name] for name in own if name in saved}
        for name, value in taken.items():
            if value.shape != tuple(own[name].shape):
                raise ValueError(f"Checkpoint.restore: expected {name} of shape {tuple(own[name].shape)}. Received: {value.shape}.")
        for name, value in taken.items():
            own[name].assign(value)
        return Status([n for n in own if n not in saved], [n for n in saved if n not in own])

    read = restore

    def _weights_beside(self, name: str) -> list[Any]:
        models = [thing for thing in vars(self).values() if isinstance(thing, Model)]
        if len(models) != 1 or not models[0].trainable_weights:
            raise ValueError(
                f"Checkpoint.restore: the optimizer {name!r} has no variables yet. Expected one model with weights beside it, or "
                f"optimizer.build(weights) before. Received: {len(models)} models."
            )
        return list(models[0].trainable_weights)


def _variables(prefix: str, thing: Any) -> dict[str, Any]:
    """What can be assigned in an object, by its path. Raises TypeError for what a checkpoint cannot keep."""
    if isinstance(thing, Optimizer):
        parts: Any = enumerate(thing.variables)
    elif isinstance(thing, Layer):
        if not thing.built and not thing.weights:
            raise ValueError(f"A checkpoint keeps weights that are there. Expected {thing.name!r} to be built, or called, before.")
        compiled = getattr(thing, "optimizer", None)
        parts = [*enumerate(thing.weights), *([] if compiled is None else [("optimizer", compiled)])]
    elif isinstance(thing, Checkpoint):
        parts = vars(thing).items()
    elif isinstance(thing, dict):
        parts = thing.items()
    elif isinstance(thing, (list, tuple)):
        parts = enumerate(thing)
    elif getattr(thing, "variables", ()):  # of modules, and metrics of one's own
        parts = enumerate(thing.variables)
    elif hasattr(thing, "assign") and hasattr(thing, "shape"):
        return {prefix: thing}
    else:
        kinds = "models, layers, optimizers, modules and variables"
        raise TypeError(f"A checkpoint keeps {kinds}. Received: {prefix}, a {type(thing).__name__}.")
    return {k: v for name, part in parts for k, v in _variables(f"{prefix}/{name}" if prefix else str(name), part).items()}


class CheckpointManager:
    """Keeps the last `max_to_keep` checkpoints of a directory (all with None)."""

    def __init__(
        self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None, keep_checkpoint_every_n_hours: Any = None,
        checkpoint_name: str = "ckpt", step_counter: Any = None, checkpoint_interval: int | None = None, init_fn: Any = None,
    ):
        if keep_checkpoint_every_n_hours is not None:
            raise ValueError("CheckpointManager keeps checkpoints by number. Received: keep_checkpoint_every_n_hours.")
        self.checkpoint, self.directory, self._most, self._init = checkpoint, str(directory), max_to_keep, init_fn
        self._prefix, self._counter, self.checkpoint_interval = pathlib.Path(directory) / checkpoint_name, step_counter, checkpoint_interval
        self._last: int | None = None

    @property
    def checkpoints(self) -> list[str]:
        return _numbered(self._prefix.parent, re.escape(self._prefix.name))

    @property
    def latest_checkpoint(self) -> str | None:
        return next(reversed(self.checkpoints), None)

    def save(self, checkpoint_number: Any = None, check_interval: bool = True) -> str | None:
        """The next checkpoint; None where the step counter is not an interval on from the last."""
        if self.checkpoint_interval and check_interval and self._last is not None:
            if int(self._counter) - self._last < self.checkpoint_interval:
                return None
        self._last = None if self._counter is None else int(self._counter)
        if checkpoint_number is None:
            path = self.checkpoint.save(self._prefix)
        else:
            path = self.checkpoint.write(f"{self._prefix}-{int(checkpoint_number)}")
        for old in self.checkpoints[: -self._most] if self._most else []:
            pathlib.Path(old + ENDING).unlink()
        return path

    def restore_or_initialize(self) -> str | None:
        """Go on from the latest checkpoint, if there is one; -> its path."""
        path = self.latest_checkpoint
        if path is not None:
            self.checkpoint.restore(path)
        elif self._init is not None:
            self._init()
        return path


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The one of the highest number in a directory; None where there is none."""
    return next(reversed(_numbered(pathlib.Path(checkpoint_dir), ".+")), None)


def _numbered(directory: pathlib.Path, name: str) -> list[str]:
    found = [(re.fullmatch(rf"{name}-(\d+){re.escape(ENDING)}", file.name), file) for file in directory.glob(f"*{ENDING}")]
    return [str(file.with_suffix("")) for _, file in sorted((int(match[1]), file) for match, file in found if match)]
