"""Gradients of a compiled model that is left as it is: over all rows, or of many batches at the same weights."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from gpunn.kernels.record import REGISTRY
from gpunn.kernels.segments import CHUNK_SQUARES, chunks
from gpunn.training.loop import Training


class _Summing:
    """In the place of an optimizer: adds gradients up on the device and updates nothing.

    ``total``: the sum of the gradients; ``squares``: of their elements' squares, by chunks of the flat vector, in float64.
    """

    loss_scale_factor = None

    def __init__(self, ops: Any, optimizer: Any, storage: Any):
        self._ops, self._optimizer, self.share = ops, optimizer, 1.0
        size = storage.trainable_size
        bounds = np.array(chunks(0, size), np.int64).reshape(-1, 2)
        self._bounds, count = ops.asarray(bounds), len(bounds)
        self.total = ops.zeros((size,), storage.values.dtype)
        self._own, self._sums = ops.zeros((count,), "float64"), ops.zeros((count,), "float64")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        ops.launch(REGISTRY["add"], self.total, gradients)
        ops.launch(CHUNK_SQUARES, self._bounds, gradients, self._own)
        ops.launch(REGISTRY["add"], self._sums, self._own)

    def scale_loss(self, loss: Any) -> Any:
        return loss * self.share

    def portions(self, steps: int) -> Any:
        yield steps

    def clear(self) -> None:
        self._ops.write(self.total, 0)
        self._ops.write(self._sums, 0)

    def squares(self) -> float:
        """The sum of the squared norms since `clear`: one small read."""
        return float(self._ops.to_numpy(self._sums).sum())

    def square_of_total(self) -> float:
        self._ops.launch(CHUNK_SQUARES, self._bounds, self.total, self._own)
        return float(self._ops.to_numpy(self._own).sum())


class Gradients:
    """``with Gradients(model, x, y) as g:`` losses and gradients of the mean loss (penalties included) over these rows.

    Vectors are float64 NumPy arrays over the model's flat vector of weights that learn (``model.storage``), padding included, which is 0.
    Dropout masks are those of the model's present step, the same at every call of `at`; batch normalization uses its batch's statistics.
    Afterwards weights, running statistics and random state are as before, bit for bit; the model may be trained on, and the same object be
    entered again.

    Raises ValueError for a model that is not compiled, or data that do not fit it.
    """

    def __init__(self, model: Any, x: Any, y: Any, batch_size: int = 1024):
        self.model, self.ops = model, model.backend
        self.rows = model._check(x, y, None, None, "Gradients")
        model._ready(self.rows.row_shape)
        self.batch_size = min(batch_size, len(self.rows))
        self._passes: dict[int, Training] = {}
        self._resting: Any = None
        self._storage: Any = None
        self._before: Any = None

    # ------------------------------------------------------------------ at rest
    def __enter__(self) -> "Gradients":
        model = self.model
        if not model.storage_fits():
            model._arrange()
        setup = model._setup
        if self._resting is None or self._storage is not model.storage:
            self._storage = model.storage
            self._resting = _Summing(self.ops, setup.optimizer, model.storage)
        self._before = setup, self.ops.to_numpy(model.storage.values), self.ops.to_numpy(model.rng.step)
        model._setup = replace(setup, optimizer=self._resting)
        return self

    def __exit__(self, *error: Any) -> None:
        setup, values, step = self._before
        self.model._setup = setup
        self.ops.write(self.model.storage.values, values)
        self.ops.write(self.model.rng.step, step)

    @property
    def size(self) -> int:
        return int(self.model.storage.trainable_size)

    @property
    def weights(self) -> np.ndarray:
        """The flat vector of weights that learn, as it is."""
        return np.asarray(self.ops.to_numpy(self.model.storage.values[: self.size]), np.float64)

    def _pass(self, batch: int) -> Training:
        if batch not in self._passes:
            self._passes[batch] = Training(self.model, self.rows, batch, True)
        return self._passes[batch]

    # ------------------------------------------------------------------ over all rows
    def at(self, weights: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """(mean loss, gradient) over all rows, at other weights where given."""
        model, ops, own = self.model, self.ops, self._resting
        _, values, step = self._before
        if weights is not None:
            ops.write(model.storage.values[: self.size], weights.astype(values.dtype))
        training = self._pass(self.batch_size)
        ops.write(model.rng.step, step)
        own.clear()
        training.feed.begin(0, 0, True)
        training.reset()
        with closing(training.feed.pieces(0, training.count)) as pieces:
            for rows, steps in pieces:
                own.share = rows / len(self.rows)  # in the program that this may record
                training.step(rows, steps)
        own.share = 1.0
        loss, gradient = training.logs()["loss"], np.asarray(ops.to_numpy(own.total), np.float64)
        if weights is not None:
            ops.write(model.storage.values, values)
        return float(loss), gradient

    # ------------------------------------------------------------------ of batches
    def moments(self, size: int, count: int, number: int = 0) -> tuple[float, float]:
        """(mean of the squared norms, squared norm of the mean) of the gradients of `count` disjoint random batches of `size` rows.

        `number` chooses the batches. All sums are made on the device.
        """
        own = self._resting
        own.clear()
        training = self._pass_of_batches(size)
        training.feed.begin(self.model.rng.seed ^ 0x5EED, number, True)
        with closing(training.feed.pieces(0, self._whole(size, count))) as pieces:
            for rows, steps in pieces:
                training.step(rows, steps)
        return own.squares() / count, own.square_of_total() / count**2

    def batches(self, size: int, count: int, number: int = 0) -> Iterator[np.ndarray]:
        """The gradients of `count` random batches of `size` rows, disjoint as long as there are enough rows."""
        own, training = self._resting, self._pass_of_batches(size)
        whole = len(self.rows) // size
        for i in range(count):
            own.clear()
            if i % whole == 0:
                training.feed.begin(self.model.rng.seed ^ 0x5EED, number + i // whole, True)
            with closing(training.feed.pieces(i % whole, 1)) as pieces:
                for rows, steps in pieces:
                    training.step(rows, steps)
            yield np.asarray(self.ops.to_numpy(own.total), np.float64)

    def _pass_of_batches(self, size: int) -> Training:
        key = -size  # programs with a share of 1; those of `at` have others
        if key not in self._passes:
            self._passes[key] = Training(self.model, self.rows, size, True)
        return self._passes[key]

    def _whole(self, size: int, count: int) -> int:
        if size * count > len(self.rows):
            raise ValueError(f"Gradients: {count} batches of {size} rows do not fit into {len(self.rows)} rows.")
        return count
