"""Arrays of several shapes beside each other, as a kernel takes them: matrices, a value a row, a value a column, numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.kernels.row_sums import ROW_SUM
from gpunn.ops.moves import fold_to, spread


@dataclass(frozen=True)
class Placed:
    """A number or an array, and its kind in a kernel: "const", "row", "col" or "full"."""

    value: Any
    kind: str


class View:
    """Arrays broadcast to `shape`, as matrices: the axes before `split` are its rows. By itself it takes the split that copies least."""

    def __init__(self, ops: Any, shape: tuple[int, ...], operands: Sequence[Any], split: int | None = None):
        self.ops, self.shape = ops, shape
        shapes = [tuple(v.shape) for v in operands if not isinstance(v, float)]
        splits = range(1, len(shape)) if split is None else (split,)
        self.split = min(splits, key=lambda s: sum(self._choice(own, s)[1] for own in shapes), default=len(shape))
        self.rows, self.columns = math.prod(shape[: self.split]), math.prod(shape[self.split :])

    def _padded(self, own: Sequence[int]) -> tuple[int, ...]:
        return (1,) * (len(self.shape) - len(own)) + tuple(own)

    def _choice(self, own: tuple[int, ...], split: int) -> tuple[str, int]:
        """-> (kind, how many elements are copied) of an array of this shape at a split. One that has no axes before the split is a row even
        where there is but one."""
        shape, padded = self.shape, self._padded(own)
        if padded == shape and len(own) + split > len(shape):
            return "full", 0
        choices = [("full", math.prod(shape))]
        if len(shape) > 1 and set(padded[:split]) <= {1}:
            choices.append(("row", 0 if padded[split:] == shape[split:] else math.prod(shape[split:])))
        if len(shape) > 1 and set(padded[split:]) <= {1}:
            choices.append(("col", 0 if padded[:split] == shape[:split] else math.prod(shape[:split])))
        return min(choices, key=lambda c: c[1])

    def place(self, value: Any) -> Placed:
        if isinstance(value, float):
            return Placed(value, "const")
        kind, _ = self._choice(tuple(value.shape), self.split)
        return Placed(spread(self.ops, value.reshape(self._padded(value.shape)), self._of(kind)), kind)

    def _of(self, kind: str) -> tuple[int, ...]:
        """The shape of an array of this kind, with all axes."""
        shape, ones = self.shape, (1,) * len(self.shape)
        before = ones if kind == "row" else shape
        return (*before[: self.split], *(ones if kind == "col" else shape)[self.split :])

    def matrix(self, placed: Placed) -> Any:
        """What a kernel takes."""
        if placed.kind == "const":
            return placed.value
        return placed.value.reshape((self.rows, self.columns) if placed.kind == "full" else (-1,))

    def empty(self, dtype: Any) -> Any:
        return self.ops.empty((self.rows, self.columns), dtype)

    def back(self, d: Any, kind: str, shape: Sequence[int]) -> Any:
        """What a gradient of the whole shape is for an operand of this kind and shape. Overwrites nothing."""
        d, padded = d.reshape(self.shape), self._padded(shape)
        if kind in ("row", "col"):
            total = self.ops.empty((self.columns if kind == "row" else self.rows,), d.dtype)
            kernel = COLUMN_SUM if kind == "row" else ROW_SUM
            self.ops.launch(kernel, d.reshape(self.rows, self.columns), 0.0 if kind == "row" else 1.0, total)
            d = total.reshape(self._of(kind))
        return fold_to(self.ops, d, padded).reshape(tuple(shape))
