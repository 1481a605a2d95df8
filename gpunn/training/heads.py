"""What compile says about each output of a model: its loss, that one's weight, its metrics."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from gpunn import losses
from gpunn import metrics as measures

Shape = tuple[int | None, ...]


@dataclass
class Given:
    """The arguments of compile, as they were given."""

    loss: Any
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None


@dataclass
class Head:
    """An output under a loss. ``name`` and ``index`` are the output's."""

    name: str
    index: int
    loss: losses.Loss
    weight: float = 1.0
    asked: list[Any] = field(default_factory=list)
    asked_weighted: list[Any] = field(default_factory=list)
    open_loss: bool = False  # "crossentropy", which one the first targets say
    label: str = ""  # the name of the loss that it was asked for by, as Keras logs it
    fused: bool = False
    metrics: list[measures.Metric] = field(default_factory=list)  # those asked for, then the weighted ones

    def resolve(self, output_shape: Shape, target_shape: Shape | None = None) -> None:
        """Metrics for an output and, once they are seen, targets of these shapes. One that stays what it was stays the same object."""
        found = []
        for i, asked in enumerate([*self.asked, *self.asked_weighted]):
            old = self.metrics[i] if i < len(self.metrics) else None
            if old is None or (isinstance(asked, str) and asked.lower() in (*measures.ACCURACY, *losses.CROSSENTROPY)):
                new = measures.resolve(asked, self.loss, output_shape, target_shape)
                kinds = [(type(m), type(getattr(m, "loss", None))) for m in (old, new)]
                old = old if kinds[0] == kinds[1] else new
            found.append(cast(measures.Metric, old))
        self.metrics = found

    @property
    def recordable(self) -> bool:
        return self.loss.recordable and all(m.recordable for m in self.metrics)


def heads(given: Given, names: list[str], shapes: list[Shape]) -> list[Head]:
    """One for each output that has a loss. Raises ValueError for unknown losses and output names, and numbers that do not fit."""
    several = len(names) > 1
    chosen = _each("loss", given.loss, names, whole=True) if several else [_only("loss", given.loss, names)]
    weights = _weights(given.loss_weights, names, chosen)
    asked, asked_weighted = (
        [_listed(m) for m in _each(what, value, names)] if several else [_flat_list(_only(what, value, names))]
        for what, value in (("metrics", given.metrics), ("weighted_metrics", given.weighted_metrics))
    )
    out = []
    for i, (name, shape, loss, weight) in enumerate(zip(names, shapes, chosen, weights, strict=True)):
        if loss is None:
            if asked[i] or asked_weighted[i]:
                raise ValueError(f"compile: output {name!r} has metrics but no loss. Expected a loss for every output that is measured.")
            continue
        open_loss = isinstance(loss, str) and loss.lower() in losses.CROSSENTROPY
        made = losses.crossentropy(shape, shape[:-1]) if open_loss else losses.get(loss)
        if made.reduction in losses.LEFT:
            raise ValueError(f"compile needs a loss that is one number. Received: {made.name} with reduction={made.reduction!r}.")
        label = loss if isinstance(loss, str) and loss != type(made).__name__ else made.name
        head = Head(name, i, made, weight, asked[i], asked_weighted[i], open_loss, label)
        head.resolve(shape)  # unknown names show here
        out.append(head)
    if not out:
        raise ValueError(f"compile needs a loss. Received: loss={given.loss!r}.")
    return out


def nested(value: Any) -> bool:
    """Whether an argument of compile is a list, or a dict by outputs' names."""
    return isinstance(value, (list, tuple)) or (isinstance(value, dict) and "class_name" not in value)


def _each(what: str, value: Any, names: list[str], whole: bool = False) -> list[Any]:
    """An argument of compile taken apart for several outputs: from a list, a dict by name (a `whole` one names all), or, of losses, one for
    all."""
    if value is None or (not whole and not value):
        return [None] * len(names)
    if nested(value) and isinstance(value, dict):
        if unknown := [key for key in value if key not in names]:
            raise ValueError(f"compile: unknown output names in {what}: {unknown}. Expected some of: {names}. Received: {what}={value!r}.")
        if whole and set(value) != set(names):
            raise ValueError(f"compile: expected keys {names} in the {what} dict. Received: {list(value)}.")
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ValueError(
                f"compile: {what} must have one entry for each of the {len(names)} outputs {names}, or be a dict by their names. "
                f"Received: {what}={value!r}."
            )
        return list(value)
    if whole:
        return [value] * len(names)
    raise ValueError(f"compile: expected {what} as a list or a dict, for the outputs {names}. Received: {what}={value!r}.")


def _only(what: str, value: Any, names: list[str]) -> Any:
    """The same for the one output there is."""
    if nested(value) and isinstance(value, dict):
        if set(value) != set(names):
            raise ValueError(f"compile: unknown output names in {what}: {list(value)}. Expected: {names}.")
        return value[names[0]]
    if what == "loss" and isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"compile: expected one loss for the one output {names[0]!r}. Received: {what}={value!r}.")
        return value[0]
    return value


def _weights(given: Any, names: list[str], chosen: list[Any]) -> list[float]:
    if given is None:
        return [1.0] * len(names)
    if isinstance(given, dict):
        if unknown := [key for key in given if key not in names]:
            raise ValueError(f"compile: unknown output names in loss_weights: {unknown}. Expected some of: {names}.")
        values = [given.get(name, 1.0) for name in names]
    elif isinstance(given, (list, tuple)):
        with_loss = [loss is not None for loss in chosen]
        if len(given) == sum(with_loss) < len(names):
            rest = iter(given)
            given = [next(rest) if w else 1.0 for w in with_loss]
        if len(given) != len(names):
            raise ValueError(
                f"compile: `loss_weights` must match the number of losses, got {len(names)} losses and {len(given)} weights."
            )
        values = list(given)
    else:
        values = [given] * len(names)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
            raise ValueError(f"compile: expected loss_weights as finite numbers. Received: loss_weights={given!r}.")
    return [float(v) for v in values]


def _listed(metrics: Any) -> list[Any]:
    return [] if metrics is None else list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


def _flat_list(metrics: Any) -> list[Any]:
    return [m for part in _listed(metrics) for m in _listed(part)]
