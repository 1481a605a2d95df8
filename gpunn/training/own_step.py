"""A user's own ``train_step`` and ``test_step``: the parts that they are made of."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from gpunn.backend.foreign import on_host
from gpunn.layers.fed import Fed
from gpunn.layers.graph import flat
from gpunn.layers.tensor import Tensor, tapes
from gpunn.losses.targets import beside
from gpunn.metrics import Mean
from gpunn.ops import add_n
from gpunn.ops.loss_at_once import lost
from gpunn.training.step import as_taken, spread
from gpunn.training.tape import GradientTape


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
    leaves: Any
    storage: Any
    trainable_weights: Any
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

    @abstractmethod
    def __call__(self, x: Any, *others: Any, training: bool | None = None) -> Any:
        """The outputs for these rows."""

    @property
    def steps_itself(self) -> bool:
        """Whether a class of the user's gives `train_step`, or works out its loss in `compute_loss`."""
        return type(self).train_step is not OwnSteps.train_step or type(self).compute_loss is not OwnSteps.compute_loss

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on a batch, (x, y) or (x, y, sample_weight) of arrays on the model's device. -> numbers for the logs.

        A class derived from Model may give its own, which `fit` and `train_on_batch` then run for every batch; the logs of an epoch are
        those of its last batch, as in Keras. Calls in it give tensors, and gradients come of a `gpunn.GradientTape`::

            def train_step(self, data):
                x, y = data
                with gpunn.GradientTape() as tape:
                    y_pred = self(x, training=True)
                    loss = self.compute_loss(y=y, y_pred=y_pred)
                self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
                for metric in self.metrics:
                    metric.update_state(*([loss] if metric.name == "loss" else [y, y_pred]))
                return {metric.name: metric.result() for metric in self.metrics}

        Such a step is recorded for its second batch of a size and replayed for later ones, as a `gpunn.function` is and by the same rules:
        Python in it runs no more, until an attribute of the model, a layer or an optimizer is another one. What reads a value runs as it is
        written for every batch; `explain` says why, and so does everything after ``compile(run_eagerly=True)``. Items of a data set whose
        parts have not one number of rows, ``((labelled, y), unlabelled)``, are handed to it as they come.

        Gradients may be written by hand, too: by pullbacks, and by ``p.gradient``, batch by batch::

            def train_step(self, data):
                x, y, weight = gpunn.utils.unpack_x_y_sample_weight(data)
                y_pred, backward = self.forward(x, training=True)
                loss, gradient = self.compute_loss(x, y, y_pred, weight)
                backward(gradient)          # writes the parameters' gradients; a second call adds to them
                self.apply_gradients()
                return {**self.compute_metrics(x, y, y_pred, weight), "loss": loss}

        This one is as the first, with the mean loss so far. Metrics kept as attributes begin anew in every epoch.
        """
        with GradientTape() as tape:
            y_pred, loss = self._passed(data, True)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return self._measured(data, y_pred, loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of a batch, for `evaluate` and validation; see `train_step`."""
        return self._measured(data, *self._passed(data, False))

    def _passed(self, data: Any, training: bool) -> tuple[Any, Any]:
        """(predictions, loss) of a batch."""
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=training)
        takes = inspect.signature(self.compute_loss).parameters
        more = {"training": training} if "training" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values()) else {}
        return y_pred, self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **more)

    def _measured(self, data: Any, y_pred: Any, loss: Any) -> dict[str, Any]:
        """The mean loss so far, the metrics of compile with this batch added, and what else the model lists as its metrics."""
        x, y, weight = unpack_x_y_sample_weight(data)
        self._mean_loss().update_state(loss, sample_weight=flat(y_pred)[0].shape[0])
        found = self.compute_metrics(x, y, y_pred, weight)
        return {**{m.name: m.result() for m in self.metrics if m.name not in found}, **found}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """-> (the loss that compile was given, penalties of the weights in it; its gradient with respect to `y_pred`, for the pullback).

        The pair is a number, too, the loss. Several outputs: lists, in their order, of targets and weights those with a loss. Masks of
        outputs do not count here. Of outputs that the model itself was called for, which are tensors, and in a `GradientTape`'s block only
        the loss, as a tensor. A class may give its own ``compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None)``, which
        returns a tensor, the loss to go down.

        Raises ValueError where outputs have penalties and `forward` gave them.
        """
        heads, ops = self._setup.heads, self.backend
        outputs = flat(y_pred)
        targets, weights = (list(v) if isinstance(v, (list, tuple)) else [v] * len(heads) for v in (y, sample_weight))
        if any(tape.differentiates for tape in tapes()) or any(isinstance(p, Tensor) for p in outputs):
            return self._taped_loss(targets, outputs, weights)
        if odd := [layer.name for layer in self.leaves if layer.activity_regularizer is not None]:
            raise ValueError(
                f"Model {self.name!r}: by pullbacks a step gets no penalties of outputs. Expected a GradientTape, or no "
                f"activity_regularizer. Received: {', '.join(odd)}."
            )
        outputs = [ops.asarray(p, self.dtype) for p in outputs]
        total, gradients = 0.0, [None] * len(outputs)
        for head, y, given in zip(self._setup.heads, targets, weights, strict=True):
            whole, loss = outputs[head.index], head.loss
            rows = whole.shape[0]
            target, weight = self._prepared(loss, y, whole), self._prepared(None, given, whole)
            z, target = as_taken(loss, whole, target)
            each = loss.weigh(ops, target, spread(ops, weight, rows, rows * loss.positions(z.shape), z.dtype))
            scale = head.weight * loss.scale(loss.count(z.shape))
            values, gradient = loss.record(ops, target, z, each, scale)
            gradients[head.index] = gradient.reshape(whole.shape)
            total += scale * float(np.dot(*(ops.to_numpy(a).reshape(-1).astype(np.float64) for a in (values, each))))
        total += sum(self.weight_losses)
        self._mean_loss().update_state(np.full(outputs[0].shape[0], total))
        found = LossAndGradient(total)
        found.gradient = gradients if len(outputs) > 1 else gradients[0]
        return found

    def _prepared(self, loss: Any, value: Any, output: Any) -> Any:
        """Targets for a loss, or weights (None), on the device. What a step was given is prepared already; other arrays are checked here.
        Raises ValueError for targets that do not fit."""
        ops = self.backend
        if value is None or id(value) in self._given_here:
            return ops.take_in(value)
        array = np.asarray(on_host(value, ops))
        if loss is not None:
            shape = beside(array.shape, output.shape, loss.squeezes)
            array = loss.prepare(array, (None, *shape[1:]), self.dtype)
        return ops.asarray(np.ascontiguousarray(array), self.dtype if loss is None else array.dtype)

    def _taped_loss(self, targets: list[Any], outputs: list[Any], weights: list[Any]) -> Any:
        """The same as a tensor. Targets that `train_step` was given are as the losses take them already."""
        parts = []
        for head, y, weight in zip(self._setup.heads, targets, weights, strict=True):
            here = id(weight) in self._given_here and not isinstance(weight, Fed)
            own = self.backend.to_numpy(weight) if here else weight
            part = lost(head.loss, y, outputs[head.index], own, ready=id(y) in self._given_here)
            parts.append(part if head.weight == 1.0 else part * head.weight)
        return add_n([*parts, *self.losses])

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss and the metrics of compile, for an own step to update; a class may say otherwise."""
        return [self._mean_loss(), *([] if self._setup is None else self._setup.metrics)]

    def _mean_loss(self) -> Mean:
        if self._tracker is None:
            self._tracker = Mean("loss")
        return self._tracker

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
        for k, weighted, metric in setup.measured:
            weight = weights[k] if weighted else None
            given = [targets[k], outputs[setup.heads[k].index], weight]
            metric.update_state(*(a if a is None or isinstance(a, Tensor) else ops.to_numpy(a) for a in given))
        return self._compiled_results()

    def _compiled_results(self) -> dict[str, Any]:
        """The mean loss and the metrics of compile, by their names in the logs."""
        measured = self._setup.measured
        names = self._setup.names[-len(measured) :] if measured else []
        return {"loss": self._mean_loss().result(), **{name: m.result() for name, (_, _, m) in zip(names, measured, strict=True)}}

    def get_metrics_result(self) -> dict[str, Any]:
        """What all metrics say now, by name, for a `train_step` to return: mean loss, those of compile, and what else the model lists.

        The loss is what a step of one's own has told its metric, "loss"; the built-in `fit` leaves its mean to the logs."""
        found = {} if self._setup is None else self._compiled_results()
        return {**{m.name: m.result() for m in self.metrics if m.name not in found}, **found}

    def reset_metrics(self) -> None:
        """Begin the metrics that the model lists anew, as `fit` does for every epoch."""
        for metric in self.metrics:
            metric.reset_state()
