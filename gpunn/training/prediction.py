"""Outputs of a model over rows: stored one behind the other on the device by recorded steps, read once or in large blocks."""

from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from gpunn.backend.foreign import on_host
from gpunn.kernels import data as feeding
from gpunn.training.door import check_batches
from gpunn.training.feeds.base import Feed
from gpunn.training.feeds.choice import make
from gpunn.training.pace import Pace

BLOCK = 64 << 20  # bytes of outputs that are read from the device at a time
UNKNOWN = 64  # batches that are read at a time where nobody knows how many come


class Prediction:
    """`run` -> the outputs for all rows of a data set, or for those of the first `steps` batches: a list, one for each output."""

    def __init__(self, model: Any, rows: Any, batch_size: int, steps: int | None):
        self.model, self.ops = model, model.backend
        self.feed: Feed = make(self.ops, rows, batch_size)
        check_batches(model, self.feed)
        self.steps = steps if self.feed.count is None else min(steps or self.feed.count, self.feed.count)
        self._total = None if self.feed.rows is None else min(self.feed.rows, self.steps * self.feed.batch)  # type: ignore[operator]
        self._programs: dict[int, Any] = {}
        self._of_rows = True  # whether each output has a row for each row that goes in
        self._fed = self.feed.position
        self._out: list[Any] = []  # outputs on the device
        self._filled = 0
        self._place = self.ops.zeros((1,), "int64")  # the next free row of them
        self._values: list[Any] = []  # all outputs on the host, where it is known how many
        self._kept = 0
        self._parts: list[list[np.ndarray]] = []
        self.pace = Pace()
        self._last: list[np.ndarray] = []

    def refill(self, rows: Any) -> None:
        """Other rows of the same shapes."""
        self.feed.refill(rows)

    def run(self, chain: Any = None) -> list[np.ndarray]:
        """May be called again, when the model has changed: nothing is recorded anew."""
        done, watched = 0, chain is not None and chain.predict_batches
        chunks = chain is not None and chain.predict_chunks
        self._values, self._kept, self._parts = [], 0, []
        self.feed.begin(0, 0, False)
        with closing(self.feed.pieces(0, self.steps)) as pieces:
            for rows, left in pieces:
                while left:
                    if watched:
                        chain.on_predict_batch_begin(done)
                    if self._of_rows and self._ready(rows):
                        n = self.pace.run(partial(self._recorded, rows), 1 if watched else left, partial(self._room_for, rows))
                    else:
                        n = self._eager(rows)
                    done, left = done + n, left - n
                    if watched:
                        self._read()
                    if chunks:
                        chain.on_predict_batch_end(done - 1, {"outputs": self.packed(self._last)} if watched else {})
        self._read()
        values, parts, self._values, self._parts, self._last = self._values, self._parts, [], [], []  # the caller's, from here on
        if values:
            return values
        return [values[0] if len(values) == 1 else _joined(values) for values in zip(*parts, strict=True)]

    def packed(self, values: list[np.ndarray]) -> Any:
        """Outputs as the model has them: alone, in a list or in a dict."""
        return self.model.pack_outputs(values)

    def _ready(self, rows: int) -> bool:
        """Record the program of so many rows, where that is not done. -> whether it can be: by every layer, and with outputs of that many
        rows, too."""
        if self._fed is not self.feed.position:  # the feed has other arrays now
            self._programs, self._fed = {}, self.feed.position
        if self._out and self._room - self._filled < rows:
            self._read()
            if self._room < rows:
                self._out, self._programs = [], {}
        if rows not in self._programs:
            if not self.model.recordable:
                return False
            program = self._record(rows)
            if program is None:
                self._read()
                self._of_rows = False
                return False
            self._programs[rows] = program
        return True

    def _recorded(self, rows: int, steps: int) -> None:
        self._programs[rows].run(steps)
        self._filled += rows * steps

    def _room_for(self, rows: int, steps: int) -> int:
        """How many of these steps have room for their outputs."""
        return min(steps, (self._room - self._filled) // rows)

    @property
    def _room(self) -> int:
        """Rows that fit the outputs on the device."""
        return int(self._out[0].shape[0])

    def _outputs(self, rows: int) -> list[Any]:
        """Those of the next batch. What is drawn for it is drawn anew: from a state that no training looks at."""
        model, inference = self.model, self.model.inference_plan()
        model.lend(model.draws)
        outputs = inference.run(self.feed.gather_inputs(self.ops, rows, np.dtype(model.dtype)), False).outputs
        if inference.draws:
            model.draws.advance(self.ops)
        model.lend()
        return outputs

    def _record(self, rows: int) -> Any:
        """The program of a batch; None where an output has other rows than the batch: of some operations over the batch axis."""
        ops = self.ops
        with ops.record() as program:
            outputs = self._outputs(rows)
            if any(out.shape[:1] != (rows,) for out in outputs):
                return None
            if not self._out:
                most = UNKNOWN * rows if self._total is None else self._total
                room = max(rows, min(most, BLOCK // max(1, sum(out.nbytes for out in outputs) // rows)))
                self._out = [ops.empty((room, *out.shape[1:]), out.dtype) for out in outputs]
            if [out.shape[1:] for out in outputs] != [place.shape[1:] for place in self._out]:
                shapes = [tuple(place.shape[1:]) for place in self._out], [tuple(out.shape[1:]) for out in outputs]
                raise ValueError(f"predict: expected batches whose outputs are rows of one shape, {shapes[0]}. Received: {shapes[1]}.")
            for out, place in zip(outputs, self._out, strict=True):
                ops.launch(feeding.STORE, out, self._place, place)
            ops.launch(feeding.ADVANCE, self.feed.position, self._place, rows, rows)
        return program

    def _eager(self, rows: int) -> int:
        """One batch, launch by launch, for layers that cannot be recorded."""
        outputs = self._outputs(rows)
        self.ops.launch(feeding.ADVANCE, self.feed.position, self._place, rows, 0)
        self._keep([on_host(out, self.ops) for out in outputs])
        return 1

    def _read(self) -> None:
        """What is on the device is read, and free again."""
        if self._filled:
            values, self._filled = [self.ops.to_numpy(out[: self._filled]) for out in self._out], 0
            self.ops.write(self._place, 0)
            self._keep(values)

    def _keep(self, values: list[np.ndarray]) -> None:
        self._last = values
        rows = len(values[0]) if self._of_rows and values[0].ndim else 0
        if self._total is None or not self._of_rows or rows == self._total:
            self._parts.append(values)
            return
        if not self._values:
            self._values = [np.empty((self._total, *v.shape[1:]), v.dtype) for v in values]
        for whole, part in zip(self._values, values, strict=True):
            whole[self._kept : self._kept + rows] = part
        self._kept += rows


def _joined(values: Any) -> np.ndarray:
    """Of several batches: one behind the other; numbers, one for each batch."""
    return np.concatenate(values) if values[0].ndim else np.stack(values)
