"""Matrix products of operands with any axes before, as NumPy's matmul; dot, tensordot and einsum are made of it by moving axes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels.columns import ROW_DOTS
from gpunn.ops.moves import fold_to, spread
from gpunn.ops.one_type import of_one_type
from gpunn.ops.operation import Back, Definition, Place


class Matmul(Definition):
    """a @ b: (..., m, k) by (..., k, n). One product where b is a matrix; else a product for each of the axes before."""

    def numpy(self, a: Any, b: Any) -> Any:
        return np.matmul(*of_one_type((a, b), False))

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops = op.backend
        a, b = operands
        shape = _outcome(a.shape, b.shape)
        left = a.reshape(1, -1) if a.ndim == 1 else a
        right = b.reshape(-1, 1) if b.ndim == 1 else b
        y, back_of_two = (_flat if right.ndim == 2 else _batched)(ops, left, right)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            return [None if d is None else d.reshape(v.shape) for d, v in zip(back_of_two(dy.reshape(y.shape), needs), (a, b), strict=True)]

        return y.reshape(shape), back


def _outcome(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    before = np.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2]))
    return (*before, *(a[-2:-1] if len(a) > 1 else ()), *(b[-1:] if len(b) > 1 else ()))


def _flat(ops: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """All rows of a by one matrix."""
    rows = a.reshape(-1, a.shape[-1])
    y = ops.matmul(rows, b)

    def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
        d = dy.reshape(-1, b.shape[1])
        return [ops.matmul(d, b, tb=True) if needs[0] else None, ops.matmul(rows, d, ta=True) if needs[1] else None]

    return y.reshape(*a.shape[:-1], b.shape[1]), back


def _batched(ops: Any, a: Any, b: Any) -> tuple[Any, Any]:
    (m, k), n = a.shape[-2:], b.shape[-1]
    before = np.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    many, wide = math.prod(before), ((*before, m, k), (*before, k, n))
    left, right = (spread(ops, v, w).reshape(many, -1) for v, w in zip((a, b), wide, strict=True))
    y = _dots(ops, left, right, (m, n, k), (k, 1), (1, n))

    def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
        d = dy.reshape(many, m * n)
        da = _dots(ops, d, right, (m, k, n), (n, 1), (n, 1)) if needs[0] else None
        db = _dots(ops, left, d, (k, n, m), (1, k), (1, n)) if needs[1] else None
        return [
            None if g is None else fold_to(ops, g.reshape(w), (1,) * (len(w) - v.ndim) + tuple(v.shape))
            for g, w, v in zip((da, db), wide, (a, b), strict=True)
        ]

    return y.reshape(*before, m, n), back


def _dots(ops: Any, a: Any, b: Any, sizes: tuple[int, int, int], a_steps: tuple[int, int], b_steps: tuple[int, int]) -> Any:
    """For each row: out[i, j] = the sum over l of a[i * a_steps[0] + l * a_steps[1]] * b[j * b_steps[0] + l * b_steps[1]]."""
    out = ops.empty((a.shape[0], sizes[0] * sizes[1]), a.dtype)
    ops.launch(ROW_DOTS, a, b, b.shape[1], *sizes, *a_steps, *b_steps, out)
    return out


MATMUL = Matmul("matmul")
