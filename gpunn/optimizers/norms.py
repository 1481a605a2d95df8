"""Norms of parameters, or of their gradients, as a step works them out: sums over chunks, a number a part, that number for every row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.record import Kernel
from gpunn.kernels.segments import CHUNK_SQUARES, ROW, VALUE_OF_PART, chunks


class Parts:
    """The places of some parameters in the flat vector, cut into chunks. A part may be the whole vector."""

    def __init__(self, ops: Any, places: Mapping[str, tuple[int, tuple[int, ...]]], size: int, dtype: Any):
        bounds: list[tuple[int, int]] = []
        parts: list[tuple[int, int]] = []
        of_row = np.full(size // ROW, len(places), np.int32)  # rows of no part: the number behind the last
        for i, (at, shape) in enumerate(places.values()):
            end = at + int(np.prod(shape))
            first = len(bounds)
            bounds += chunks(at, end).tolist()
            parts.append((first, len(bounds)))
            of_row[at // ROW : -(-end // ROW)] = i
        self.names, self._rows, self._dtype = list(places), size // ROW, dtype
        self._bounds, self._parts = (ops.asarray(np.array(a, np.int64).reshape(-1, 2)) for a in (bounds, parts))
        self._of_row = ops.asarray(of_row)

    def numbers(self, ops: Any, kernel: Kernel, vectors: Sequence[Any], given: Sequence[float]) -> Any:
        """A number a part (and a 0 behind the last), by a kernel of `kernels.segments` from the vectors' sums of squares."""
        sums = []
        for vector in vectors:
            squares = ops.zeros((self._bounds.shape[0],), "float64")
            ops.launch(CHUNK_SQUARES, self._bounds, vector, squares)
            sums.append(squares)
        out = ops.zeros((len(self.names) + 1,), "float64")
        ops.launch(kernel, self._parts, *sums, *given, out[: len(self.names)])
        return out

    def spread(self, ops: Any, numbers: Any) -> Any:
        """Each part's number for each of its rows."""
        out = ops.zeros((self._rows,), self._dtype)
        ops.launch(VALUE_OF_PART, self._of_row, numbers, out)
        return out
