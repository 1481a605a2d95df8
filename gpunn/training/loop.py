"""Epochs over recorded steps. The host looks at the device only between chunks of steps, and reads sums at an epoch's end."""

import time
from typing import Any

import numpy as np

from gpunn import random
from gpunn.training.data import Rows
from gpunn.training.step import SUMS, Feed, record_prediction, record_step, run_step_eagerly

CHUNK = 0.1  # seconds of steps between two looks at callbacks and signals


class LazyLogs(dict):
    """Batch logs that are read from the device when somebody looks at them."""

    def __init__(self, read: Any):
        super().__init__()
        self._read: Any = read

    def _fill(self) -> None:
        if self._read is not None:
            read, self._read = self._read, None
            super().update(read())

    def __getitem__(self, key: str) -> Any:
        self._fill()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._fill()
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def __iter__(self) -> Any:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def keys(self) -> Any:
        self._fill()
        return super().keys()

    def values(self) -> Any:
        self._fill()
        return super().values()

    def items(self) -> Any:
        self._fill()
        return super().items()

    def __repr__(self) -> str:
        self._fill()
        return super().__repr__()


class _Pass:
    """One data set, cut into whole batches and a short last one, with its sums on the device."""

    training = False

    def __init__(self, model: Any, rows: Rows, batch_size: int, steps: int | None):
        self.model, self.ops = model, model.backend
        self.feed = Feed.of(self.ops, rows)
        batch = min(batch_size, len(rows))
        whole, rest = divmod(len(rows), batch)
        plan = [(batch, whole), (rest, 1)] if rest else [(batch, whole)]
        if steps is not None and steps < whole + bool(rest):
            plan = [(batch, min(steps, whole))] + ([(rest, 1)] if steps > whole and rest else [])
        self.plan, self.batch = plan, batch
        self.steps = sum(n for _, n in plan)
        count = len(model._setup.names) + 1
        self.sums = self.ops.zeros((count, SUMS), "float64")
        self._fresh = np.tile([0.0, 0.0, -1.0], (count, 1))
        self._programs: dict[int, Any] = {}
        self.bad_step: int | None = None

    def step(self, rows: int, steps: int) -> None:
        if not self.model.recordable:
            for _ in range(steps):
                run_step_eagerly(self.model, self.feed, rows, self.training, self.sums)
            return
        self.record(rows).run(steps)

    def record(self, rows: int) -> Any:
        """The program of a batch of `rows` rows, recorded once."""
        if rows not in self._programs:
            self._programs[rows] = record_step(self.model, self.feed, rows, self.training, self.sums)
        return self._programs[rows]

    def reset(self) -> None:
        self.ops.write(self.sums, self._fresh)
        self.ops.write(self.feed.position, 0)

    def logs(self, steps: int) -> dict[str, float]:
        """Means since the last reset: one read."""
        sums = self.ops.to_numpy(self.sums)
        setup = self.model._setup
        out = {}
        for name, (total, weight, _) in zip(setup.names, sums, strict=False):
            out[name] = float(total / weight) if weight else 0.0
        if setup.loss.reduction == "sum":
            out["loss"] = float(sums[0, 0] / max(steps, 1))
        elif self.feed.weights is not None:
            out["loss"] = float(sums[0, 0] / sums[-1, 1]) if sums[-1, 1] else 0.0
        self.bad_step = None if sums[0, 2] < 0 else int(sums[0, 2])
        return out


def grouped(order: np.ndarray, labels: np.ndarray, batch: int) -> np.ndarray:
    """The same batches, with the rows of each in order of their label: rows of a class are zero in the same places, which products skip."""
    keys = (np.arange(len(order), dtype=np.int64) // batch * (int(labels.max(initial=0)) + 1) + labels[order]) << 32 | order
    keys.sort()
    return (keys & 0xFFFFFFFF).astype(np.int32)


class Training(_Pass):
    """The epochs of one `fit`."""

    training = True

    def __init__(self, model: Any, rows: Rows, batch_size: int, shuffle: bool, steps: int | None):
        super().__init__(model, rows, batch_size, steps)
        self.shuffle, self.rows = bool(shuffle), len(rows)
        self._labels = rows.targets[0] if rows.targets[0].dtype == np.int32 else None

    def epoch(self, chain: Any) -> dict[str, float]:
        """One epoch; -> its mean loss and metrics. Batch callbacks are called after each step only when there are any."""
        model = self.model
        if self.shuffle:
            order = random.permutation(self.rows, model.rng.seed, random.ORDER, model.epochs_seen)
            self.ops.write(self.feed.order, order if self._labels is None else grouped(order, self._labels, self.batch))
        model.epochs_seen += 1
        self.reset()
        done, chunk = 0, 1
        for rows, steps in self.plan:
            left = steps
            while left and not model.stop_training:
                n = min(left, 1 if chain.every_batch else chunk)
                if chain.every_batch:
                    chain.on_train_batch_begin(done)
                began = time.perf_counter()
                self.step(rows, n)
                took = time.perf_counter() - began
                done, left = done + n, left - n
                if chain.every_batch or chain.every_chunk:
                    chain.on_train_batch_end(done - 1, LazyLogs(lambda d=done: self.logs(d)))
                chunk = max(1, min(4 * chunk, int(n * CHUNK / max(took, 1e-6))))
        logs = self.logs(done)
        if self.bad_step is not None:
            self.bad_step -= int(self.ops.to_numpy(model.rng.step)[0]) - done
        return logs

    def once(self, rows: Rows) -> dict[str, float]:
        """One step on other rows of the same shapes."""
        _refill(self, rows)
        self.reset()
        self.step(self.batch, 1)
        return self.logs(1)


class Evaluation(_Pass):
    """Loss and metrics over a data set, without training."""

    def __init__(self, model: Any, rows: Rows, batch_size: int, steps: int | None):
        super().__init__(model, rows, batch_size, steps)

    def run(self) -> dict[str, float]:
        self.reset()
        for rows, steps in self.plan:
            self.step(rows, steps)
        return self.logs(self.steps)

    def once(self, rows: Rows) -> dict[str, float]:
        _refill(self, rows)
        return self.run()


def _refill(run: _Pass, rows: Rows) -> None:
    run.ops.write(run.feed.x, rows.x)
    for target, new in zip(run.feed.targets, rows.targets, strict=True):
        run.ops.write(target, new)
    if rows.weights is not None:
        run.ops.write(run.feed.weights, rows.weights)


class Prediction:
    """Outputs of a model over rows."""

    def __init__(self, model: Any, x: np.ndarray, batch_size: int, steps: int | None):
        self.model, self.ops, self.rows = model, model.backend, len(x)
        self.batch = min(batch_size, len(x))
        self.limit = len(x) if steps is None else min(len(x), steps * self.batch)
        self.x = self.ops.asarray(x)
        self.order = self.ops.asarray(np.arange(len(x), dtype=np.int32))
        self.position = self.ops.zeros((1,), "int64")

    def run(self) -> np.ndarray:
        programs: dict[int, Any] = {}
        parts = []
        for start in range(0, self.limit, self.batch):
            rows = min(self.batch, self.limit - start)
            if not self.model.recordable:
                out, _ = _eager(self, start, rows)
            else:
                if rows not in programs:
                    programs[rows] = record_prediction(self.model, self.x, rows, self.position, self.order)
                program, out = programs[rows]
                program.run(1)
            parts.append(self.ops.to_numpy(out))
        return np.concatenate(parts)


def _eager(run: Prediction, start: int, rows: int) -> tuple[Any, Any]:
    from gpunn.training.step import run_stages

    x = run.ops.asarray(run.x[start : start + rows], run.model.dtype)
    return run_stages(run.model.inference_stages(), x, False)
