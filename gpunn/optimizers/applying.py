"""Updates by gradients that somebody else worked out: of a model's weights, of several models', or of variables of no layer."""

import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gpunn.backend.traced import trace
from gpunn.kernels.penalties import shrink
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.segments import ROW, views
from gpunn.printed import warn


class Variables:
    """The variables an optimizer has seen first, as one flat vector, which is what it updates. Where they are all that learns of one model
    the vector is that model's; else it is a copy, which takes the values before an update and gives them back afterwards.

    ``places``, ``trainable_size``, ``values``, ``gradients`` as `models.storage.Storage` has them; ``known``, the variables by their names
    there.
    """

    name = "a training loop"

    def __init__(self, variables: Sequence[Any]):
        self.known: dict[str, Any] = {}
        for p in variables:
            name, n = p.name, 0
            while name in self.known:
                n += 1
                name = f"{p.name}_{n}"
            self.known[name] = p
        kinds = sorted({p.dtype for p in variables})
        if len(kinds) > 1 or np.dtype(kinds[0]).kind != "f":
            raise ValueError(f"An optimizer updates variables of one floating type. Received: {', '.join(kinds)}.")
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        at = 0
        for name, p in self.known.items():
            self.places[name] = at, p.shape
            at += -(-math.prod(p.shape) // ROW) * ROW
        self.trainable_size, self.dtype = at, kinds[0]
        self.values: Any = None
        self.gradients: Any = None
        self._ops: Any = None

    def storage(self, ops: Any) -> Any:
        """Where the flat vectors are now: the model's, or these."""
        home = next(iter(self.known.values())).home
        if home is not None and set(home.places) == set(self.known) and all(p.home is home for p in self.known.values()):
            return home
        if self._ops is not ops:
            self._ops = ops
            self.values, self.gradients = (ops.zeros((self.trainable_size,), self.dtype) for _ in range(2))
        return self

    def split(self, vector: Any, places: dict[str, tuple[int, tuple[int, ...]]] | None = None) -> dict[str, Any]:
        """Views of a flat vector by the variables' names, as laid out here or in other `places`."""
        return views(vector, self.places if places is None else places)


def apply(optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """One update of exactly these variables; see `Optimizer.apply`."""
    who = f"Optimizer {optimizer.name!r}"
    if optimizer.whole_data:
        raise ValueError(f"{who}: {type(optimizer).__name__} takes its gradients over all rows of a fit. Expected another optimizer.")
    given, variables = list(gradients), list(variables)
    if len(given) != len(variables) or not given:
        raise ValueError(f"{who}: expected a gradient for each variable. Received: {len(given)} gradients and {len(variables)} variables.")
    for p, g in zip(variables, given, strict=True):
        if not hasattr(p, "claim"):
            raise ValueError(f"{who}: expected weights or Variables to update. Received: {type(p).__name__}.")
        if g is not None and np.shape(g) != p.shape:
            raise ValueError(f"{who}: expected a gradient of shape {p.shape} for {p.name}. Received: {np.shape(g)}.")
    if len({id(p) for p in variables}) < len(variables):
        raise ValueError(f"{who}: expected each variable once. Received: {', '.join(p.name for p in variables)}.")
    missing = [p.name for p, g in zip(variables, given, strict=True) if g is None]
    if len(missing) == len(variables):
        raise ValueError(f"{who}: expected a gradient for some variable. Received: None for all, {', '.join(missing)}.")
    known, storage, ops = _known(optimizer, variables, who)
    if missing:
        warn(f"{who}: there are no gradients for {', '.join(missing)}, which stay as they are.")
    pairs = {id(p): g for p, g in zip(variables, given, strict=True) if g is not None}
    _update(optimizer, ops, storage, known, pairs)


def build(optimizer: Any, variables: Sequence[Any]) -> None:
    """Say which variables an optimizer that nobody uses yet will update. Raises ValueError where it has others."""
    _known(optimizer, list(variables), f"Optimizer {optimizer.name!r}")


def _known(optimizer: Any, variables: list[Any], who: str) -> tuple[dict[str, Any], Any, Any]:
    """-> (the optimizer's variables by name, where they lie, on which backend). Raises ValueError for one that it does not know."""
    owner = None if optimizer._owner is None else optimizer._owner()
    if optimizer._owner is None:
        owner = optimizer.own_variables = Variables(variables)
        optimizer._owner = weakref.ref(owner)
    if isinstance(owner, Variables):
        known, whose = owner.known, "those it saw first"
    else:
        if owner is not None:
            owner._follow_flags()
        learning = [] if owner is None or owner.storage is None else [p for p in owner.parameters if p.learns]
        known = {p.name: p for p in learning}
        whose = f"the weights that learn of {'its model' if owner is None else f'model {owner.name!r}'}"
    ids = {id(p) for p in known.values()}
    if odd := [p.name for p in variables if id(p) not in ids]:
        raise ValueError(f"{who}: expected variables among {whose}. Received: {', '.join(odd)}. A new optimizer takes others.")
    places = {p.backend.name: p.backend for p in known.values()}
    if len(places) > 1:
        raise ValueError(f"{who}: expected all variables on one device. Received: {', '.join(places)}.")
    (ops,) = places.values()
    storage = owner.storage(ops) if isinstance(owner, Variables) else owner.storage  # type: ignore[union-attr]
    if optimizer._ops not in (None, ops):
        optimizer.move(ops)
    optimizer.bind(ops, storage)
    return known, storage, ops


def _update(optimizer: Any, ops: Any, storage: Any, known: dict[str, Any], pairs: dict[int, Any]) -> None:
    size, own = storage.trainable_size, isinstance(storage, Variables)
    values, gradients = storage.split(storage.values[:size]), storage.split(storage.gradients[:size])
    resting = [name for name, p in known.items() if id(p) not in pairs]
    for name, p in known.items():
        _put(ops, pairs.get(id(p), 0), gradients[name])
        if own:
            _copy(ops, p.value, values[name])
    kept = []  # of variables that are not updated: their values, and what the optimizer keeps of them
    for vector in (values, *map(storage.split, optimizer.state.values())):
        for name in resting:
            before = ops.empty(vector[name].shape, vector[name].dtype)
            _copy(ops, vector[name], before)
            kept.append((vector[name], before))
    for _ in [1] if trace() else _ready(optimizer):
        optimizer.record(ops, storage.values[:size], storage.gradients[:size])
    for view, before in kept:
        _copy(ops, before, view)
    for name, p in known.items():
        if name in resting:
            continue
        if own:
            _copy(ops, values[name], p.value)
        if p.regularizer is not None and (l1 := p.regularizer.threshold(math.prod(p.shape))):
            ops.launch(shrink, p.value, optimizer.rate, l1)
        if p.constraint is not None:
            p.constraint.record(ops, p.value, p.name)
    updated = [p for name, p in known.items() if name not in resting]
    _count(updated)
    if (recorded := trace()) is not None:
        recorded.taken.append(lambda: [*vars(optimizer).values(), *optimizer.state.values(), optimizer._rate.form])
        if optimizer._rate.by_table:
            recorded.before.append(lambda: list(_ready(optimizer)))
        recorded.ends.append(lambda: _count(updated))


def _ready(optimizer: Any) -> Iterator[int]:
    """One update, before which the host makes ready what only it knows."""
    optimizer._rate.restart()
    return optimizer.portions(1)


def _count(variables: Sequence[Any]) -> None:
    for p in variables:
        p.version += 1


def _put(ops: Any, gradient: Any, view: Any) -> None:
    """Write a gradient, a tensor, an array or a number, where the optimizer reads it."""
    array = getattr(gradient, "array", None)
    if array is None or gradient.backend is not ops or array.dtype != view.dtype:
        array = ops.asarray(np.full(view.shape, gradient, view.dtype) if np.isscalar(gradient) else np.asarray(gradient, view.dtype))
    _copy(ops, array, view)


def _copy(ops: Any, source: Any, target: Any) -> None:
    ops.launch(REGISTRY["linear"], source.reshape(-1), target.reshape(-1))
