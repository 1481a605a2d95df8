"""Training by an optimizer that looks at all rows before every step (L-BFGS): an epoch is one search."""

from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from gpunn.logs import Logs
from gpunn.training.loop import Training, _offer


class WholeTraining(Training):
    """The epochs of a `fit` whose optimizer has ``whole_data``. Raises ValueError for what such a search cannot do."""

    def __init__(self, model: Any, rows: Any, batch_size: int, shuffle: Any, steps: int | None = None):
        where = type(model.optimizer).__name__
        if steps is not None:
            raise ValueError(f"{where} goes through all rows every time. Expected no steps_per_epoch. Received: steps_per_epoch={steps}.")
        if model._setup.penalties.moves_weights:
            raise ValueError(f"{where} cannot train weights with a constraint or a proximal step, which move them behind its back.")
        if model._setup.loss.reduction == "sum":  # the sum over all rows, penalties once: as one batch
            batch_size = len(rows)
        super().__init__(model, rows, batch_size, False)
        if self.count is None:
            raise ValueError(f"{where} goes through the data many times. Expected arrays. Received: batches from an iterator.")
        self.rows = self.feed.rows

    def epoch(self, chain: Any) -> Logs:
        """One search. -> the loss and metrics of the weights it ended with. Batch callbacks see it as one batch."""
        chain.on_train_batch_begin(0)
        logs = self._search()
        if chain.every_batch or chain.every_chunk:
            _offer(self.logs, partial(chain.on_train_batch_end, 0))
        self.model.epochs_seen += 1
        return logs

    def once(self) -> Logs:
        """One search on the rows as they are."""
        return self._search()

    def _search(self) -> Logs:
        model, optimizer, ops = self.model, self.model.optimizer, self.ops
        self._forget()
        size, began = model.storage.trainable_size, int(ops.to_numpy(model.rng.step)[0])
        weights = model.storage.values[:size]
        seen: dict[str, Any] = {}

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            ops.write(weights, x.astype(weights.dtype))
            ops.write(model.rng.step, began)
            logs = self._evaluate()
            seen.update(x=x.copy(), logs=logs)
            return logs["loss"], ops.to_numpy(optimizer.total).astype(np.float64)

        result = optimizer.minimize(function, ops.to_numpy(weights).astype(np.float64))
        if not np.array_equal(seen["x"], result.x):
            function(result.x)
        ops.write(optimizer.step, optimizer.steps + result.nit)
        if result.status == 0:
            model.stop_training = True
        self.bad_step = None if self.bad_step is None else 0
        return seen["logs"]

    def _evaluate(self) -> Logs:
        """Loss, metrics and gradient over all rows, as the weights are."""
        self.ops.write(self.model.optimizer.total, 0)
        self.feed.begin(0, 0, False)
        self.reset()
        with closing(self.feed.pieces(0, self.count)) as pieces:
            for rows, steps in pieces:
                self.model.optimizer.share = rows / self.rows  # in the program that this may record
                self._run(rows, steps)
        return self.logs()


def kind_of(optimizer: Any) -> type[Training]:
    """The training that an optimizer wants."""
    return WholeTraining if optimizer.whole_data else Training
