"""Whether models can be trained as one: the same architecture, and nothing that only one model at a time can do."""

from collections.abc import Sequence
from typing import Any

OWN = ("name", "seed", "learning_rate")  # what replicas may differ in


def check_alike(models: Sequence[Any]) -> None:
    """Raises ValueError naming the first layer, weight, loss or optimizer in which a model differs from the first."""
    expected = _parts(models[0])
    for r, model in enumerate(models[1:], 1):
        for (what, mine), (_, theirs) in zip(expected, _parts(model), strict=False):
            if mine != theirs:
                raise ValueError(f"Replicas: expected one architecture. Received: {what}: {mine} in replica 0, {theirs} in replica {r}.")


def _parts(model: Any) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = [("device", model.backend.name), ("dtype", model.dtype), ("layers", len(model.leaves))]
    for i, layer in enumerate(model.leaves):
        shapes = [p.shape for p in layer.parameters]
        out.append((f"layer {i}", f"{type(layer).__name__}({_config(layer)}) with weights {shapes}"))
    if model.built:
        places = {id(layer): i for i, layer in enumerate(model.leaves)}
        calls = [(places.get(id(s.layer)), s.inputs, s.outputs, s.options) for s in model.inference_plan().stages]
        out.append(("graph of (layer, inputs, outputs, options)", str(calls)))
    if model._setup is not None:
        optimizer = model.optimizer
        out.append(("optimizer", f"{type(optimizer).__name__}({_config(optimizer)})"))
        out += [(f"loss {k}", f"{type(head.loss).__name__}({_config(head.loss)})") for k, head in enumerate(model._setup.heads)]
    return out


def _config(thing: Any) -> Any:
    """Its configuration in words; that it has none, where it was given a function that cannot be written down."""
    try:
        return _plain(thing.get_config())
    except ValueError:
        return "a function"


def _plain(value: Any) -> Any:
    """A configuration without what replicas may differ in."""
    if isinstance(value, dict):
        return ", ".join(f"{k}={_plain(v)}" for k, v in value.items() if k not in OWN)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def check_together(models: Sequence[Any]) -> None:
    """Raises ValueError naming the layer, loss, metric or optimizer that cannot be part of a joint step."""
    model, alone = models[0], "which is one model's at a time"
    setup = model._setup
    if model.built:
        for stage in model.inference_plan().stages:
            if not stage.recordable:
                kind = type(stage.layer).__name__
                raise ValueError(f"Replicas: layer {stage.layer.name!r} ({kind}) runs from Python in every step, {alone}.")
    if setup is None:
        return
    if setup.optimizer.whole_data:
        raise ValueError(f"Replicas: the optimizer {type(setup.optimizer).__name__} searches on the host, {alone}.")
    for head in setup.heads:
        if not head.loss.recordable:
            raise ValueError(f"Replicas: the loss {head.loss.name!r} is called from Python in every step, {alone}.")
        for metric in head.metrics:
            if not metric.recordable or metric.on_host:
                raise ValueError(f"Replicas: the metric {metric.name!r} is reckoned on the host in every step, {alone}.")
    if not setup.recordable:
        raise ValueError(f"Replicas: a regularizer or constraint is called from Python in every step, {alone}.")
