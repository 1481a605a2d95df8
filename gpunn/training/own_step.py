"""A user's own ``train_step`` and ``test_step``: the parts they are made of, and how an epoch runs them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from gpunn.backend.traced import writing
from gpunn.kernels import data as feeding
from gpunn.layers.graph import flat
from gpunn.layers.tensor import Tensor, tapes
from gpunn.logs import Logs
from gpunn.metrics import Mean, Metric
from gpunn.ops import add_n
from gpunn.ops.loss_at_once import lost
from gpunn.training import own_loss
from gpunn.training.step import spread


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what `train_step` is given, None for what is not there."""
    given = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(given) <= 3:
        raise ValueError(f"Expected data as (x, y) or (x, y, sample_weight). Received: {len(given)} parts.")
    return (*given, None, None)[:3]


class LossAndGradient(float):
    """A loss, which unpacks into itself and its gradient with respect to the predictions."""

    gradient: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((float(self), self.gradient))


class OwnSteps(ABC):
    """What a class of the user's writes its steps with."""

    name: str
    backend: Any
    dtype: str
    optimizer: Any
    parameters: Any
    storage: Any
    forward: Any
    _setup: Any
    _input: Any
    _tracker: Any = None
    _given_here: frozenset[int] = frozenset()  # ids of the arrays that the running step was given

    @property
    @abstractmethod
    def losses(self) -> list[Any]:
        """What penalties of the weights, and the last call, add to the loss now."""

    @property
    @abstractmethod
    def weight_losses(self) -> list[float]:
        """What penalties of the weights add."""

    @property
    def steps_itself(self) -> bool:
        """Whether a class of the user's gives `train_step`, or works out its loss in `compute_loss`."""
        return type(self).train_step is not OwnSteps.train_step or type(self).compute_loss is not OwnSteps.compute_loss

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on a batch, (x, y) or (x, y, sample_weight) of arrays on the model's device. -> numbers for the logs.

        A class derived from Model may give its own, which `fit` and `train_on_batch` then call for every batch (nothing is recorded); the
        logs of an epoch are those of its last batch, as in Keras. Gradients come of a `gpunn.GradientTape`::

            def train_step(self, data):
                x, y = data
                with gpunn.GradientTape() as tape:
                    y_pred = self(x, training=True)
                    loss = self.compute_loss(y=y, y_pred=y_pred)
                self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
                for metric in self.metrics:
                    metric.update_state(*([loss] if metric.name == "loss" else [y, y_pred]))
                return {metric.name: metric.result() for metric in self.metrics}

        or are written by hand: by pullbacks, and by ``p.gradient``::

            def train_step(self, data):
                x, y, weight = gpunn.utils.unpack_x_y_sample_weight(data)
                y_pred, backward = self.forward(x, training=True)
                loss, gradient = self.compute_loss(x, y, y_pred, weight)
                backward(gradient)          # writes the parameters' gradients; a second call adds to them
                self.apply_gradients()
                return {**self.compute_metrics(x, y, y_pred, weight), "loss": loss}

        This one does the same, with the mean loss so far. Metrics kept as attributes begin anew in every epoch.
        """
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred, backward = self.forward(x, training=True)
        _, gradient = self.compute_loss(x, y, y_pred, weight)
        backward(gradient)
        self.apply_gradients()
        return self.compute_metrics(x, y, y_pred, weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of a batch, for `evaluate` and validation; see `train_step`."""
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred, _ = self.forward(x, training=False)
        self.compute_loss(x, y, y_pred, weight)
        return self.compute_metrics(x, y, y_pred, weight)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        """-> (the loss that compile was given, penalties of the weights in it; its gradient with respect to `y_pred`, for the pullback).

        The pair is a number, too, the loss. Several outputs: lists, in their order, of targets and weights those with a loss. Masks of
        outputs do not count here. In a `GradientTape`'s block, which works out gradients, only the loss, as a tensor. A class may give its
        own ``compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None)``, which returns a tensor, the loss to go down.
        """
        heads, ops = self._setup.heads, self.backend
        outputs = flat(y_pred)
        targets, weights = (list(v) if isinstance(v, (list, tuple)) else [v] * len(heads) for v in (y, sample_weight))
        if tapes() or any(isinstance(p, Tensor) for p in outputs):
            return self._taped_loss(targets, outputs, weights)
        outputs = [ops.asarray(p, self.dtype) for p in outputs]  # a model that is called gives arrays of the host
        total, gradients = 0.0, [None] * len(outputs)
        for head, target, weight in zip(self._setup.heads, targets, weights, strict=True):
            z, loss = outputs[head.index], head.loss
            rows = z.shape[0]
            each = loss.weigh(ops, target, spread(ops, weight, rows, rows * loss.positions(z.shape), z.dtype))
            scale = head.weight * loss.scale(loss.count(z.shape))
            values, gradients[head.index] = loss.record(ops, target, z, each, scale)
            total += scale * float(np.dot(*(ops.to_numpy(a).reshape(-1).astype(np.float64) for a in (values, each))))
        total += sum(self.weight_losses)
        self._tracker.update_state(np.full(outputs[0].shape[0], total))
        found = LossAndGradient(total)
        found.gradient = gradients if len(outputs) > 1 else gradients[0]
        return found

    def _taped_loss(self, targets: list[Any], outputs: list[Any], weights: list[Any]) -> Any:
        """The same as a tensor. Targets that `train_step` was given are as the losses take them already."""
        parts = []
        for head, y, weight in zip(self._setup.heads, targets, weights, strict=True):
            own = None if weight is None else self.backend.to_numpy(weight) if id(weight) in self._given_here else weight
            part = lost(head.loss, y, outputs[head.index], own, prepared=id(y) in self._given_here)
            parts.append(part if head.weight == 1.0 else part * head.weight)
        return add_n([*parts, *self.losses])

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss and the metrics of compile, for an own step to update; a class may say otherwise."""
        self._tracker = self._tracker or Mean("loss")
        return [self._tracker, *([] if self._setup is None else self._setup.metrics)]

    def apply_gradients(self) -> None:
        """The optimizer's update by the gradients that this step has written, with those of the weights' penalties; then constraints."""
        setup, size = self._setup, self.storage.trainable_size
        for p in self.parameters:
            p.end_step()
        setup.penalties.weights(True)
        setup.optimizer.record(self.backend, self.storage.values[:size], self.storage.gradients[:size])
        setup.penalties.settle(setup.optimizer.rate)

    def compute_metrics(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> dict[str, float]:
        """The mean of what `compute_loss` gave since the epoch began, and the metrics of compile with this batch added."""
        setup, ops = self._setup, self.backend
        outputs = flat(y_pred)
        targets, weights = (list(v) if isinstance(v, (list, tuple)) else [v] * len(setup.heads) for v in (y, sample_weight))
        out = {"loss": self._tracker.result()}
        for name, (k, weighted, metric) in zip(setup.names[-len(setup.measured) :] if setup.measured else [], setup.measured, strict=True):
            weight = weights[k] if weighted else None
            given = [targets[k], outputs[setup.heads[k].index], weight]
            metric.update_state(*(None if a is None else ops.to_numpy(a) for a in given))
            out[name] = metric.result()
        return out


def own(model: Any, training: bool) -> Any:
    """The model's own step, or None where it is this module's. Raises ValueError for what such a step cannot do."""
    name = "train_step" if training else "test_step"
    given = getattr(type(model), name) is not getattr(OwnSteps, name)
    if not given and type(model).compute_loss is OwnSteps.compute_loss:
        return None
    optimizer = model._setup.optimizer
    if training and getattr(optimizer, "whole_data", False):
        raise ValueError(f"Model {model.name!r}: its own train_step needs an optimizer that goes by batches. Received: {optimizer!r}.")
    if training and optimizer.scale_loss(1.0) != 1.0:
        raise ValueError(f"Model {model.name!r}: with an own train_step losses are not scaled. Received: loss_scale_factor, {optimizer!r}.")
    if odd := [layer.name for layer in model.leaves if layer.activity_regularizer is not None]:
        raise ValueError(
            f"Model {model.name!r}: an own {name} gets no penalties of outputs. Expected no activity_regularizer. "
            f"Received: {', '.join(odd)}."
        )
    return getattr(model, name) if given else own_loss.step(model, training)


def reset(model: Any) -> None:
    """Begin all that is tracked anew: the loss, the metrics of compile, and those that the model keeps as attributes or lists."""
    model._tracker = model._tracker or Mean("loss")
    listed = getattr(model, "metrics", None)
    kept = [*vars(model).values(), *(listed if isinstance(listed, (list, tuple)) else ())]
    for metric in {id(m): m for m in (*kept, *model._setup.metrics) if isinstance(m, Metric)}.values():
        metric.reset_state()


def run(model: Any, step: Any, feed: Any, rows: int, training: bool) -> Logs:
    """One call of the step on the feed's next batch. -> what it returned. Raises ValueError for what are no numbers by name."""
    ops, setup, dtype = model.backend, model._setup, np.dtype(model.dtype)
    model.lend()
    for p in model.parameters:
        p.begin_step()
    setup.penalties.begin(rows)
    xs = feed.gather_inputs(ops, rows, dtype)
    x: Any = dict(zip(model.input_names, xs, strict=True)) if isinstance(model._input, dict) else xs if len(xs) > 1 else xs[0]
    ys = [feed.gather_target(ops, place, rows) for place in feed.loss_targets]
    weights = [None if feed.row_weights[k] is None else feed.gather_weights(ops, rows, k) for k in range(len(setup.heads))]
    data: Any = (x, ys if len(ys) > 1 else ys[0])
    if model._without_targets:
        data = x
    elif any(w is not None for w in weights):
        data = (*data, weights if len(weights) > 1 else weights[0])
    model.calls_in_step, model._given_here = 0, frozenset(id(a) for a in (*ys, *weights) if a is not None)
    try:
        with writing():  # targets are as the losses take them already
            found = step(data)
    finally:
        model.calls_in_step, model._given_here = None, frozenset()
    ops.launch(feeding.ADVANCE, feed.position, model.rng.step, rows, int(training))
    try:
        return Logs({str(name): float(value) for name, value in found.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"Model {model.name!r}: {step.__name__} must return a dict of numbers by name, {{'loss': ...}}. Received: {found!r}."
        ) from error


def is_bad(logs: Logs) -> bool:
    return not math.isfinite(logs.get("loss", 0.0))
