"""Outputs of a model over rows: stored one behind the other on the device by recorded steps, read once or in large blocks."""

from contextlib import closing
from typing import Any

import numpy as np

from gpunn.kernels import data as feeding
from gpunn.training.feeds.base import Feed
from gpunn.training.feeds.choice import make
from gpunn.training.step import run_stages

BLOCK = 64 << 20  # bytes of outputs that are read from the device at a time
UNKNOWN = 64  # batches that are read at a time where nobody knows how many come


class Prediction:
    """`run` -> the outputs for all rows of a data set, or for those of the first `steps` batches."""

    def __init__(self, model: Any, rows: Any, batch_size: int, steps: int | None):
        self.model, self.ops = model, model.backend
        self.feed: Feed = make(self.ops, rows, batch_size)
        self.steps = steps if self.feed.count is None else min(steps or self.feed.count, self.feed.count)
        self._total = None if self.feed.rows is None else min(self.feed.rows, self.steps * self.feed.batch)  # type: ignore[operator]
        self._programs: dict[int, Any] = {}
        self._fed = self.feed.position
        self._out: Any = None  # outputs on the device
        self._filled = 0
        self._place = self.ops.zeros((1,), "int64")  # the next free row of them
        self._values: Any = None  # all outputs on the host, where it is known how many
        self._kept = 0
        self._parts: list[np.ndarray] = []
        self._last: Any = None

    def run(self, chain: Any = None) -> np.ndarray:
        """May be called again, when the model has changed: nothing is recorded anew."""
        done, watched = 0, chain is not None and chain.predict_batches
        self._values, self._kept, self._parts = None, 0, []
        self.feed.begin(0, 0, False)
        with closing(self.feed.pieces(0, self.steps)) as pieces:
            for rows, left in pieces:
                while left:
                    if watched:
                        chain.on_predict_batch_begin(done)
                    n = self._eager(rows) if not self.model.recordable else self._recorded(rows, 1 if watched else left)
                    done, left = done + n, left - n
                    if watched:
                        self._read()
                        chain.on_predict_batch_end(done - 1, {"outputs": self._last})
        self._read()
        if self._values is not None:
            return self._values
        return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)

    def _recorded(self, rows: int, steps: int) -> int:
        """Run at most so many steps; -> how many."""
        if self._fed is not self.feed.position:  # the feed has other arrays now
            self._programs, self._fed = {}, self.feed.position
        if self._out is not None and self._out.shape[0] - self._filled < rows:
            self._read()
            if self._out.shape[0] < rows:
                self._out, self._programs = None, {}
        if rows not in self._programs:
            self._programs[rows] = self._record(rows)
        steps = min(steps, (self._out.shape[0] - self._filled) // rows)
        self._programs[rows].run(steps)
        self._filled += rows * steps
        return steps

    def _record(self, rows: int) -> Any:
        ops, dtype = self.ops, np.dtype(self.model.dtype)
        with ops.record() as program:
            out, _ = run_stages(self.model.inference_stages(), self.feed.gather(ops, rows, dtype), False)
            if self._out is None:
                most = UNKNOWN * rows if self._total is None else self._total
                self._out = ops.empty((max(rows, min(most, BLOCK // max(1, out.nbytes // rows))), *out.shape[1:]), out.dtype)
            ops.launch(feeding.STORE, out, self._place, self._out)
            ops.launch(feeding.ADVANCE, self.feed.position, self._place, rows, rows)
        return program

    def _eager(self, rows: int) -> int:
        """One batch, launch by launch, for layers that cannot be recorded."""
        x = self.feed.gather(self.ops, rows, np.dtype(self.model.dtype))
        self.ops.launch(feeding.ADVANCE, self.feed.position, self._place, rows, 0)
        self._keep(self.ops.to_numpy(run_stages(self.model.inference_stages(), x, False)[0]))
        return 1

    def _read(self) -> None:
        """What is on the device is read, and free again."""
        if self._filled:
            values, self._filled = self.ops.to_numpy(self._out[: self._filled]), 0
            self.ops.write(self._place, 0)
            self._keep(values)

    def _keep(self, values: np.ndarray) -> None:
        self._last = values
        if self._total is None or len(values) == self._total:
            self._parts.append(values)
            return
        if self._values is None:
            self._values = np.empty((self._total, *values.shape[1:]), values.dtype)
        self._values[self._kept : self._kept + len(values)] = values
        self._kept += len(values)
