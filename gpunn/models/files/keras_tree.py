"""Weights and optimizer state as Keras 3 lays them out in HDF5: alone in .weights.h5, and inside .keras."""

import pathlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.models.files import hdf5, optimizer_state, variables
from gpunn.models.files.atomic import replacing
from gpunn.optimizers import NAMES

OPTIMIZER = "optimizer/vars"


def fill_groups(file: Any, groups: Iterable[variables.Group]) -> None:
    """Write weights into an open HDF5 file."""
    for group in groups:
        place = file.create_group(f"{group.path}/vars" if group.path else "vars")
        place.attrs["name"] = group.name
        for i, p in enumerate(group.parameters):
            place[str(i)] = p.numpy()


def fill(file: Any, model: Any, with_optimizer: bool) -> None:
    """Write a model's tree into an open HDF5 file."""
    fill_groups(file, variables.groups(model))
    if with_optimizer:
        place = file.create_group(OPTIMIZER)
        place.attrs["name"] = model.optimizer.name
        for i, (_, array) in enumerate(optimizer_state.to_list(model)):
            place[str(i)] = array


def save_weights(model: Any, path: pathlib.Path) -> None:
    with replacing(path) as temporary:
        hdf5.write(temporary, lambda file: fill(file, model, model.optimizer is not None))


@contextmanager
def reading(path: pathlib.Path) -> Iterator["Tree"]:
    with hdf5.opened(path) as file:
        yield Tree(file)


class Tree:
    """Such a file, open."""

    def __init__(self, file: Any):
        self.file = file

    def numbers(self) -> int:
        return hdf5.numbers(self.file)

    def model_config(self, own: dict[str, Any] | None) -> dict[str, Any]:
        raise ValueError("the file holds weights alone. Expected a whole model; `Model.load_weights` reads this one.")

    def weights(self, model: Any) -> list[np.ndarray]:
        """In the model's order. Raises ValueError naming the layer where numbers or shapes differ, before anything is read."""
        return self.of_groups(f"Model {model.name!r}", variables.groups(model), model.parameters)

    def of_groups(self, where: str, groups: Iterable[variables.Group], parameters: list[Any]) -> list[np.ndarray]:
        """The same of these parameters, which are in these groups."""
        found = {id(p): dataset for group in groups for p, dataset in self._of_group(where, group)}
        return [hdf5.values(found[id(p)], p.name) for p in parameters]

    def weights_that_fit(self, model: Any) -> tuple[list[np.ndarray], list[str]]:
        """The same, where layers that do not fit keep what they have; with the reasons, one for each of these."""
        found: dict[int, Any] = {}
        reasons = []
        for group in variables.groups(model):
            try:
                found |= {id(p): dataset for p, dataset in self._of_group(f"Model {model.name!r}", group)}
            except ValueError as reason:
                reasons.append(str(reason))
        return [hdf5.values(found[id(p)], p.name) if id(p) in found else p.numpy() for p in model.parameters], reasons

    def _of_group(self, where: str, group: variables.Group) -> list[tuple[Any, Any]]:
        """A group's parameters with their arrays in the file. Raises ValueError unless they have their shapes."""
        place = hdf5.child(self.file, f"{group.path}/vars" if group.path else "vars")
        have = len(group.parameters) and len(place or ())
        if have != len(group.parameters):
            raise ValueError(f"Layer {group.name!r}: expected {len(group.parameters)} weights at {group.path}. Received: {have}.")
        out = [(p, hdf5.child(place, str(i))) for i, p in enumerate(group.parameters)]
        for p, dataset in out:
            check_shape(where, p, dataset)
        return out

    def optimizer_state(self, model: Any) -> Callable[[], None] | None:
        place = hdf5.child(self.file, OPTIMIZER)
        if place is None or not len(place):
            return None
        arrays = [hdf5.child(place, str(i)) for i in range(len(place))]
        shapes = [hdf5.shape_of(a, f"{OPTIMIZER}/{i}") for i, a in enumerate(arrays)]
        return optimizer_state.prepared(model, shapes, lambda i: hdf5.values(arrays[i], f"{OPTIMIZER}/{i}"))

    def optimizer_of_weights(self, model: Any) -> Callable[[], None] | str | None:
        place = hdf5.child(self.file, OPTIMIZER)
        if place is None or not len(place):
            return None
        try:
            return self.optimizer_state(model)
        except ValueError:
            name = hdf5.text(place, "name") or "of another kind"
            return getattr(NAMES.get(name), "__name__", name)


def check_shape(where: str, p: Any, dataset: Any) -> tuple[int, ...]:
    """An array's shape. Raises ValueError unless it is the parameter's, and the numbers are floating ones, as those are (a count may be
    whole)."""
    shape = hdf5.shape_of(dataset, p.name)
    if shape != p.shape:
        raise ValueError(f"{where}: weight {p.name} has shape {p.shape}. Received: {shape}.")
    if dataset.dtype.kind != "f" and shape and p.shown is None:
        raise ValueError(f"{where}: weight {p.name} is of floating numbers. Received: dtype {dataset.dtype}.")
    return shape
