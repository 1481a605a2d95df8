"""Weights as .safetensors: a table of contents and raw numbers, nothing else. Names are ``layer/weight``."""

import math
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.models.files.atomic import replacing


def save_weights(model: Any, path: pathlib.Path) -> None:
    from safetensors.numpy import save_file

    arrays = {p.name: np.ascontiguousarray(p.numpy()).reshape(p.shape) for p in model.parameters}
    if len(arrays) != len(model.parameters):
        raise ValueError(f"Model {model.name!r}: weights of one name cannot be told apart in a .safetensors file.")
    with replacing(path) as temporary:
        save_file(arrays, str(temporary), {"format": "gpunn", "order": "\n".join(arrays)})


@contextmanager
def reading(path: pathlib.Path) -> Iterator["Source"]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            yield Source(file)
    except SafetensorError as error:
        raise ValueError(f"no whole .safetensors file: {error}") from error


class Source:
    """Such a file, open."""

    def __init__(self, file: Any):
        self.file, self.names = file, list(file.keys())

    def numbers(self) -> int:
        return sum(math.prod(self.file.get_slice(name).get_shape()) for name in self.names)

    def model_config(self, own: dict[str, Any] | None) -> dict[str, Any]:
        raise ValueError("a .safetensors file holds weights alone. Expected a whole model; `Model.load_weights` reads this one.")

    def weights(self, model: Any) -> list[np.ndarray]:
        """By name; where none fits, in the order they were saved in, as the same layers made again may be called otherwise."""
        wanted = [p.name for p in model.parameters]
        names = wanted
        if set(wanted) != set(self.names):
            names = ((self.file.metadata() or {}).get("order") or "").split("\n")
            if sorted(names) != sorted(self.names) or len(names) != len(wanted):
                missing = ", ".join(sorted(set(wanted) - set(self.names))[:3]) or "none"
                extra = ", ".join(sorted(set(self.names) - set(wanted))[:3]) or "none"
                raise ValueError(
                    f"Model {model.name!r}: expected {len(wanted)} weights. Received: {len(self.names)}; missing: {missing}; "
                    f"unknown: {extra}."
                )
        for name, p in zip(names, model.parameters, strict=True):
            given = self.file.get_slice(name)
            if tuple(given.get_shape()) != p.shape:
                raise ValueError(f"Model {model.name!r}: weight {p.name} has shape {p.shape}. Received: {tuple(given.get_shape())}.")
            if p.shown is None and given.get_dtype() not in ("F16", "F32", "F64"):
                raise ValueError(f"Model {model.name!r}: weight {p.name} is of floating numbers. Received: dtype {given.get_dtype()}.")
        return [self.file.get_tensor(name) for name in names]

    def optimizer_state(self, model: Any) -> Callable[[], None] | None:
        return None

    def optimizer_of_weights(self, model: Any) -> Callable[[], None] | str | None:
        return None
