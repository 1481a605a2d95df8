"""Steps of a class that gives `compute_loss` and no step of its own: the loss is what it returns, its gradients are a tape's."""

import inspect
from collections.abc import Callable
from typing import Any

from gpunn.layers.graph import mapped
from gpunn.layers.tensor import Tensor


def step(model: Any, training: bool) -> Callable[[Any], dict[str, Any]]:
    """`train_step` or `test_step` of such a model, named so."""

    def train_step(data: Any) -> dict[str, Any]:
        from gpunn.training.tape import GradientTape  # which knows models

        with GradientTape() as tape:
            y_pred, loss = _passed(model, data, True)
        weights = model.trainable_weights
        model.optimizer.apply(tape.gradient(loss, weights), weights)
        return _measured(model, data, y_pred, loss)

    def test_step(data: Any) -> dict[str, Any]:
        return _measured(model, data, *_passed(model, data, False))

    return train_step if training else test_step


def _passed(model: Any, data: Any, training: bool) -> tuple[Any, Any]:
    """(predictions, loss) of a batch."""
    x, y, weight = _unpacked(data)
    y_pred = model(x, training=training)
    takes = inspect.signature(model.compute_loss).parameters
    more = {"training": training} if "training" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values()) else {}
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **more)
    return y_pred, loss


def _measured(model: Any, data: Any, y_pred: Any, loss: Any) -> dict[str, Any]:
    """The mean loss so far, the metrics of compile with this batch added, and what else the model lists as its metrics."""
    x, y, weight = _unpacked(data)
    rows = len(y_pred[0] if isinstance(y_pred, (list, tuple)) else y_pred)
    model._tracker.update_state(float(loss), sample_weight=rows)
    found = model.compute_metrics(x, y, mapped(lambda p: p.array if isinstance(p, Tensor) else model.backend.asarray(p), y_pred), weight)
    return {**{m.name: m.result() for m in model.metrics if m.name not in found}, **found}


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    from gpunn.training.own_step import unpack_x_y_sample_weight  # which chooses these steps

    return unpack_x_y_sample_weight(data)
