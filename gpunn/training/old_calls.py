"""Calls that Keras had before version 3, under their names of that time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.layers.graph import flat
from gpunn.metrics import Mean
from gpunn.ops import add_n
from gpunn.training.own_step import OwnSteps

_WORKERS = ("max_queue_size", "max_q_size", "nb_worker", "pickle_safe", "use_multiprocessing", "workers")  # nothing to set here


@dataclass
class CompiledLoss:
    """``self.compiled_loss(y, y_pred)`` in a `train_step`: the loss of compile, with ``regularization_losses=self.losses`` these too. The
    model's metric "loss" is told."""

    model: Any

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None) -> Any:
        model = self.model
        total, added = OwnSteps.compute_loss(model, y=y_true, y_pred=y_pred, sample_weight=sample_weight), model.losses
        if added and not regularization_losses:
            total = total - add_n(added)
        model._tracker = model._tracker or Mean("loss")
        model._tracker.update_state(total, sample_weight=flat(y_pred)[0].shape[0])
        return total


@dataclass
class CompiledMetrics:
    """``self.compiled_metrics.update_state(y, y_pred)`` in a `train_step`: the metrics of compile with a batch added."""

    model: Any

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        OwnSteps.compute_metrics(self.model, y=y_true, y_pred=y_pred, sample_weight=sample_weight)


class OldCalls:
    """The ``*_generator`` calls of Keras 1 and 2, `reset_states`, and what their steps of one's own call, for a model that has `fit` and
    its kin."""

    fit: Any
    evaluate: Any
    predict: Any
    leaves: Any

    def fit_generator(self, generator: Any, steps_per_epoch: float | None = None, epochs: int = 1, **named: Any) -> Any:
        """`fit` with a generator as `x`."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, **_without(named))

    def evaluate_generator(self, generator: Any, steps: float | None = None, **named: Any) -> Any:
        """`evaluate` with a generator as `x`, which shows nothing unless it is told to."""
        return self.evaluate(generator, steps=steps, **{"verbose": 0, **_without(named)})

    def predict_generator(self, generator: Any, steps: float | None = None, **named: Any) -> Any:
        """`predict` with a generator as `x`."""
        return self.predict(generator, steps=steps, **_without(named))

    @property
    def compiled_loss(self) -> CompiledLoss:
        return CompiledLoss(self)

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        return CompiledMetrics(self)

    def reset_states(self) -> None:
        """Stateful layers begin the next batch with states of zeros."""
        for layer in self.leaves:
            if hasattr(layer, "reset_state"):
                layer.reset_state()


class OldPredictions:
    """`predict_classes` and `predict_proba` of a `Sequential`."""

    predict: Any

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> np.ndarray:
        """`predict`."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> np.ndarray:
        """The class of each row: the largest of several outputs, shape (rows,); whether a single one exceeds 0.5, shape (rows, 1)."""
        p = self.predict(x, batch_size=batch_size, verbose=verbose)
        return p.argmax(axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")


def _without(named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if name not in _WORKERS}
