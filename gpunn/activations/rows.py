"""Activations along an axis: softmax and its relatives, and the gated linear unit, which halves the axis."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from gpunn.activations.base import Activation, Pullback, biased
from gpunn.kernels import row_activations as k
from gpunn.kernels import softmax as s
from gpunn.kernels.record import Kernel

Axis = int | Sequence[int]


class Rows(NamedTuple):
    """Kernels over the rows of a matrix, and the axis that its columns are. `halves`: y has half as many columns, and dx is made of x."""

    forward: Kernel
    backward: Kernel
    axis: Axis
    halves: bool = False


class RowActivation(Activation):
    """An activation of the whole of an axis; of several neighbouring ones, taken as one, where `axis` is a list."""

    elementwise = False

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        axis, _ = self._axes(len(shape))
        n = shape[axis]
        if not self._made.halves or n is None:
            return shape
        if n % 2:
            raise ValueError(f"Activation {self.name!r}: axis {axis} must be even, as its second half gates the first. Received: {shape}.")
        return (*shape[:axis], n // 2, *shape[axis + 1 :])

    def _axes(self, rank: int) -> tuple[int, int]:
        """-> (the first axis, how many). Raises ValueError for axes that are not there, or are not neighbours."""
        given = self._made.axis
        axes = sorted(a + rank if a < 0 else a for a in (given if isinstance(given, (list, tuple)) else [given]))
        if not axes or not all(0 <= a < rank for a in axes) or axes != list(range(axes[0], axes[0] + len(axes))):
            raise ValueError(f"Activation {self.name!r}: expected an axis of {rank}, or neighbouring ones. Received: axis={given}.")
        return axes[0], len(axes)

    def apply(
        self, ops: Any, x: Any, bias: Any = None, inplace: bool = False, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        x, inplace = biased(ops, x, bias, inplace)
        full = tuple(x.shape if shape is None else shape) or (1,)
        axis, count = self._axes(len(full))
        outer, n, inner = math.prod(full[:axis]), math.prod(full[axis : axis + count]), math.prod(full[axis + count :])
        rows = _turned(ops, x, outer, n, inner)
        y, pullback = self._rows(ops, rows.reshape(outer * inner, n), inplace or inner > 1)
        width = y.shape[1]
        out = _turned(ops, y, outer, inner, width) if inner > 1 else y

        def back(dy: Any) -> Any:
            d = pullback(_turned(ops, dy, outer, width, inner).reshape(outer * inner, width))
            return (_turned(ops, d, outer, inner, n) if inner > 1 else d).reshape(x.shape)

        return out.reshape(self.compute_output_shape(full)), back

    def after(
        self, ops: Any, kernel: Kernel, arguments: tuple[Any, ...], out: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        ops.launch(kernel, *arguments, out)
        return self.apply(ops, out, inplace=True, shape=shape)

    def _rows(self, ops: Any, x: Any, inplace: bool) -> tuple[Any, Pullback]:
        made = self._made
        if made.halves:
            y = ops.empty((x.shape[0], x.shape[1] // 2), x.dtype)
            ops.launch(made.forward, x, y)

            def halves(dy: Any) -> Any:
                dx = ops.empty(x.shape, x.dtype)
                ops.launch(made.backward, dy, x, dx)
                return dx

            return y, halves
        y = x if inplace else ops.empty(x.shape, x.dtype)
        ops.launch(made.forward, x, y)

        def pullback(dy: Any) -> Any:
            ops.launch(made.backward, dy, y, dy)
            return dy

        return y, pullback


def _turned(ops: Any, x: Any, outer: int, n: int, inner: int) -> Any:
    """(outer, n, inner) as (outer, inner, n): a new array, or x itself where inner is 1."""
    x = x.reshape(outer, n * inner)
    if inner == 1:
        return x
    out = ops.empty(x.shape, x.dtype)
    ops.launch(k.TURN, x, inner, out)
    return out


def _softmax(axis: Axis = -1) -> Rows:
    """exp(x) / sum exp(x) along `axis`, with its true Jacobian: dx = y * (dy - sum(dy * y))."""
    return Rows(s.SOFTMAX, s.SOFTMAX_BWD, axis)


def _log_softmax(axis: Axis = -1) -> Rows:
    """x - log sum exp(x) along `axis`."""
    return Rows(k.LOG_SOFTMAX, k.LOG_SOFTMAX_BWD, axis)


def _sparsemax(axis: Axis = -1) -> Rows:
    """The point of the simplex nearest to x: like softmax, with exact zeros (Martins & Astudillo 2016)."""
    return Rows(k.SPARSEMAX, k.SPARSEMAX_BWD, axis)


def _glu(axis: Axis = -1) -> Rows:
    """a * sigmoid(b), where a and b are the halves of x along `axis` (Dauphin et al. 2017)."""
    return Rows(k.GLU, k.GLU_BWD, axis, halves=True)


softmax = RowActivation("softmax", _softmax)
log_softmax = RowActivation("log_softmax", _log_softmax)
sparsemax = RowActivation("sparsemax", _sparsemax)
glu = RowActivation("glu", _glu)

NAMES = {a.name: a for a in (softmax, log_softmax, sparsemax, glu)}
