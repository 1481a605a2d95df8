"""Layers that make one of several: Add, Subtract, Multiply, Average, Maximum, Minimum; and the functions of these names.

Inputs are broadcast as in Keras: axes of length one are repeated, and missing ones put behind the batch axis.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY
from gpunn.kernels import columns as kernels
from gpunn.kernels.arithmetic import is_greater_equal
from gpunn.kernels.sequences import choose_rows, mask_rows
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.columns import add_up, numbered, pick
from gpunn.layers.graph import INTEGERS, WHOLE

Shape = tuple[int | None, ...]


class Merge(Layer):
    """Base class of layers with several inputs, given as a list. A subclass gives `merge`, or `forward` and `compute_output_shape`.

    Raises ValueError for fewer inputs than `fewest`, more than `most`, and shapes that do not fit each other.
    """

    supports_masking = True
    fewest, most = 1, 1 << 30
    neutral = 0.0  # what stands for an input's masked steps, in a class that takes masks

    def check(self, shapes: Any) -> list[Shape]:
        """The shapes, if they are as many as the layer takes."""
        if not isinstance(shapes, list) or not all(isinstance(s, tuple) for s in shapes):
            raise ValueError(
                f"Layer {self.name!r}: a {type(self).__name__} layer should be called on a list of inputs. Received: one of shape {shapes}."
            )
        if not self.fewest <= len(shapes) <= self.most:
            bound = "exactly" if self.fewest == self.most else "at least"
            raise ValueError(
                f"Layer {self.name!r}: a {type(self).__name__} layer should be called on {bound} {self.fewest} inputs. "
                f"Received: {len(shapes)}."
            )
        return shapes

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self.check(input_shape)
        deep = max(len(s) for s in shapes)
        aligned = [(1,) * (deep - len(s)) + s[1:] for s in shapes]
        try:
            return (None, *np.broadcast_shapes(*aligned))  # type: ignore[arg-type]
        except ValueError:
            raise ValueError(f"Layer {self.name!r}: the inputs have incompatible shapes. Received: {shapes}.") from None

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        ops, shape = self.backend, self.compute_output_shape([(None, *a.shape[1:]) for a in x])[1:]
        masks = [m if m is not None and a.ndim == 3 else None for a, m in zip(x, self.counted(mask or [None] * len(x)), strict=True)]
        given = [a if m is None else _kept(ops, a, m, self.neutral) for a, m in zip(x, masks, strict=True)]
        indices = [_broadcast(a.shape[1:], shape) for a in x]
        wide = [a if index is None else pick(ops, a, index, shape) for a, index in zip(given, indices, strict=True)]
        y, back = self.merge(wide)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            needs = need_dx if isinstance(need_dx, tuple) else (bool(need_dx),) * len(x)
            out = []
            for a, index, m, dx in zip(x, indices, masks, back(dy, needs), strict=True):
                narrow = dx if dx is None or index is None else add_up(ops, dx, index, a.shape[1:])
                if narrow is not None and m is not None:
                    lines = narrow.reshape(-1, a.shape[2])
                    ops.launch(mask_rows, lines, m.reshape(lines.shape[0]), lines)
                out.append(None if narrow is None else narrow.reshape(a.shape))
            return out

        return y.reshape(x[0].shape[0], *shape), pullback

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        """Of arrays with equally many elements: (y, a function of dy and of which gradients are needed -> gradients, None where not)."""
        raise NotImplementedError

    def counted(self, masks: list[Any]) -> list[Any]:
        """The masks by which `neutral` takes the place of inputs' steps."""
        return masks

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """What any input has, if all have a mask."""
        return any_of(self.backend, mask)


def _broadcast(row: Sequence[int], shape: Sequence[int]) -> np.ndarray | None:
    """Which column of a row each column of the broadcast one is; None where they are the same."""
    if tuple(row) == tuple(shape):
        return None
    aligned = numbered(row).reshape(*(1,) * (len(shape) - len(row)), *row)
    return None if aligned.size == np.prod(shape) else np.broadcast_to(aligned, shape)


def _kept(ops: Any, x: Any, mask: Any, other: float) -> Any:
    """x where the mask of its steps is 1, `other` elsewhere."""
    y, lines = ops.empty(x.shape, x.dtype), (x.shape[0] * x.shape[1], x.shape[2])
    rest = ops.asarray(np.full(lines, other, x.dtype))
    ops.launch(choose_rows, x.reshape(lines), rest, mask.reshape(lines[0]), y.reshape(lines))
    return y


def any_of(ops: Any, masks: Sequence[Any]) -> Any:
    """1 where any mask is; None where one is None."""
    if not masks or any(m is None for m in masks):
        return None
    if of_host(ops, masks):
        return np.logical_or.reduce(masks)
    return _chain(ops, kernels.larger_of_two, list(masks))[-1] if len(masks) > 1 else masks[0]


def of_host(ops: Any, masks: Sequence[Any]) -> bool:
    """Whether masks are somebody's, in NumPy's arrays, and not a step's."""
    given = [m for m in masks if m is not None]
    return all(isinstance(m, np.ndarray) and (m.dtype.kind == "b" or ops.take_in(m) is not m) for m in given)


def _chain(ops: Any, kernel: Any, x: list[Any]) -> list[Any]:
    """x[0], then what the kernel makes of each result and the next of x."""
    out = [x[0]]
    for a in x[1:]:
        y = ops.empty(x[0].shape, x[0].dtype)
        ops.launch(kernel, out[-1], a.reshape(y.shape), y)
        out.append(y)
    return out


def _own(ops: Any, array: Any) -> Any:
    """A copy."""
    out = ops.empty(array.shape, array.dtype)
    ops.launch(REGISTRY["linear"], array, out)
    return out


def _total(ops: Any, x: list[Any]) -> Any:
    if len(x) == 1:
        return _own(ops, x[0])
    y = _chain(ops, kernels.add_two, x[:2])[-1]
    for a in x[2:]:
        ops.launch(REGISTRY["add"], y, a.reshape(y.shape))
    return y


def _to_each(ops: Any, dy: Any, needs: Sequence[bool]) -> list[Any]:
    """dy for the first that needs it, copies for the others."""
    first = needs.index(True) if True in needs else None
    return [None if not need else dy if i == first else _own(ops, dy) for i, need in enumerate(needs)]


class Add(Merge):
    """The sum of the inputs."""

    recordable = True
    kept_kinds = INTEGERS

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        return _total(self.backend, x), lambda dy, needs: _to_each(self.backend, dy, needs)


class Average(Merge):
    """The mean of the inputs."""

    recordable = True

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        ops, y = self.backend, _total(self.backend, x)
        ops.launch(kernels.times, y, 1.0 / len(x))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            ops.launch(kernels.times, dy, 1.0 / len(x))
            return _to_each(ops, dy, needs)

        return y, back


class Subtract(Merge):
    """The first of two inputs minus the second."""

    recordable = True
    kept_kinds = INTEGERS
    fewest = most = 2

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        ops = self.backend

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            out = _to_each(ops, dy, needs)
            if out[1] is not None:
                ops.launch(kernels.times, out[1], -1.0)
            return out

        return _chain(ops, kernels.subtract_two, x)[-1], back


class Multiply(Merge):
    """The product of the inputs, element by element; masked steps of an input count as 1, those that all inputs mask are 0."""

    recordable = True
    kept_kinds = WHOLE
    takes_mask = True
    neutral = 1.0

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        y, pullback = super().forward(x, training, mask)
        some = any_of(self.backend, mask or [])
        if some is None or y.ndim != 3:
            return y, pullback
        out, lines = self.backend.empty(y.shape, y.dtype), (y.shape[0] * y.shape[1], y.shape[2])
        self.backend.launch(mask_rows, y.reshape(lines), some.reshape(lines[0]), out.reshape(lines))
        return out, pullback

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        ops = self.backend
        products = _chain(ops, kernels.multiply_two, x)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            out: list[Any] = [None] * len(x)
            for i in range(len(x) - 1, 0, -1):
                if needs[i]:
                    out[i] = ops.empty(dy.shape, dy.dtype)
                    ops.launch(kernels.multiply_two, dy, products[i - 1].reshape(dy.shape), out[i])
                if any(needs[:i]):
                    ops.launch(kernels.multiply_two, dy, x[i].reshape(dy.shape), dy)
            out[0] = dy if needs[0] else None
            return out

        return products[-1] if len(x) > 1 else _own(ops, x[0]), back


class Maximum(Merge):
    """The largest of the inputs, element by element; where two are alike each gets half of the gradient. Masked steps of an input do not
    count; where those of all are masked, the first input's stay."""

    recordable = True
    kept_kinds = WHOLE
    takes_mask = True
    kernel, first, neutral = kernels.larger_of_two, 0, -3e38

    def counted(self, masks: list[Any]) -> list[Any]:
        others = any_of(self.backend, masks[1:])
        if masks[0] is None or others is None:
            return masks if len(masks) > 1 else [None]
        first = self.backend.empty(others.shape, others.dtype)
        self.backend.launch(is_greater_equal, masks[0], others, first)
        return [first, *masks[1:]]

    def merge(self, x: list[Any]) -> tuple[Any, Any]:
        ops = self.backend
        best = _chain(ops, self.kernel, x)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            out: list[Any] = [None] * len(x)
            for i in range(len(x) - 1, 0, -1):
                parts = ops.empty(dy.shape, dy.dtype), ops.empty(dy.shape, dy.dtype)
                pair = best[i - 1].reshape(dy.shape), x[i].reshape(dy.shape)
                ops.launch(kernels.larger_of_two_bwd, dy, pair[self.first], pair[1 - self.first], *parts)
                dy, out[i] = parts[0], parts[1] if needs[i] else None
            out[0] = dy if needs[0] else None
            return out

        return best[-1] if len(x) > 1 else _own(ops, x[0]), back


class Minimum(Maximum):
    """The smallest of the inputs, element by element; where two are alike each gets half of the gradient. Masks as in `Maximum`."""

    recordable = True
    kernel, first, neutral = kernels.smaller_of_two, 1, 3e38


def add(inputs: Any, **common: Any) -> Any:
    """`Add` of these inputs."""
    return Add(**common)(inputs)


def subtract(inputs: Any, **common: Any) -> Any:
    """`Subtract` of these inputs."""
    return Subtract(**common)(inputs)


def multiply(inputs: Any, **common: Any) -> Any:
    """`Multiply` of these inputs."""
    return Multiply(**common)(inputs)


def average(inputs: Any, **common: Any) -> Any:
    """`Average` of these inputs."""
    return Average(**common)(inputs)


def maximum(inputs: Any, **common: Any) -> Any:
    """`Maximum` of these inputs."""
    return Maximum(**common)(inputs)


def minimum(inputs: Any, **common: Any) -> Any:
    """`Minimum` of these inputs."""
    return Minimum(**common)(inputs)
