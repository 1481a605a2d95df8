"""Rows of a table at places that only the graph knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels.sequences import EMBED, EMBED_BWD
from gpunn.ops.operation import Back, Definition, Place


class Gather(Definition):
    """x[indices]: (n, ...), and integers from 0 to n - 1 of any shape. The gradient is x's; of rows taken several times it adds up."""

    def numpy(self, x: Any, indices: Any) -> Any:
        return np.take(x, np.asarray(indices).astype(np.int64), axis=0)

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        x, indices = operands
        kind = x.dtype if isinstance(x.dtype, str) else np.dtype(x.dtype).name
        return (*indices.shape, *x.shape[1:]), kind

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, (x, indices) = op.backend, operands
        table, places = x.reshape(x.shape[0], -1), indices.reshape(indices.shape[0] if indices.ndim else 1, -1)
        wide = table.shape[1]
        y = ops.empty((places.shape[0], places.shape[1] * wide), x.dtype)
        ops.launch(EMBED, places, table, wide, table.shape[0], y)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            if not needs[0]:
                return [None, None]
            dx = ops.empty(table.shape, x.dtype)
            ops.launch(EMBED_BWD, places, dy.reshape(y.shape), places.size, 0.0, dx)
            return [dx.reshape(x.shape), None]

        return y.reshape((*indices.shape, *x.shape[1:])), back


GATHER = Gather("gather")
