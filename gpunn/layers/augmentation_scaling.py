"""Rescaling and Normalization: numbers brought to a scale, in training and otherwise."""

import math
from typing import Any

import numpy as np

from gpunn.kernels.augment_scale import scale_columns, standardize, unstandardize
from gpunn.kernels.weighing import TAKE
from gpunn.layers.base import Layer, Pullback
from gpunn.printed import warn
from gpunn.results import dressed

SMALLEST = 1e-7  # of a deviation that is divided by, as Keras's


class Rescaling(Layer):
    """y = x * scale + offset; numbers, or one for each channel. ``Rescaling(1 / 255)`` brings bytes to (0, 1)."""

    recordable = supports_masking = images_alone = True

    def __init__(self, scale: Any, offset: Any = 0.0, **common: Any):
        super().__init__(**common)
        self.scale, self.offset = self._given("scale", scale), self._given("offset", offset)

    def _given(self, name: str, value: Any) -> Any:
        values = np.asarray(value)
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise ValueError(f"Layer {self.name!r}: {name} must be a number, or one for each channel. Received: {name}={value!r}.")
        return values.tolist()

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, row = self.backend, tuple(x.shape[1:])
        scale, offset = (ops.asarray(np.broadcast_to(a, row).reshape(-1), x.dtype) for a in (self.scale, self.offset))
        y = ops.empty(x.shape, x.dtype)
        ops.launch(scale_columns, x, scale, offset, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if need_dx:
                ops.launch(scale_columns, dy, scale, ops.asarray(np.zeros(scale.shape, x.dtype)), dy)
            return dy

        return y, pullback

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        row = tuple(int(n or 0) for n in input_shape[1:])
        for values in (self.scale, self.offset):
            if np.shape(values) and np.broadcast_shapes(np.shape(values), row) != row:
                raise ValueError(f"Layer {self.name!r}: {np.shape(values)} numbers do not fit rows of shape {row}.")
        return input_shape

    def config(self) -> dict[str, Any]:
        return {"scale": self.scale, "offset": self.offset}


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance): of each index along `axis`, or with axis=None of all values together. With `invert` the way back.

    mean and variance are given, or learned from data by `adapt` before training. They are weights of the layer (mean, variance, count, as
    in Keras), saved with a model and never optimised. Raises ValueError for one without the other, an axis that is not there, and a use
    before `adapt`.
    """

    recordable = supports_masking = True

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **common: Any):
        super().__init__(**common)
        if (mean is None) != (variance is None):
            raise ValueError(f"Layer {self.name!r}: expected both mean and variance, or neither. Received: {mean!r} and {variance!r}.")
        self.axis = None if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        self.given = None if mean is None else (np.asarray(mean, np.float64), np.asarray(variance, np.float64))
        self.invert = bool(invert)
        self.adapt_mean: Any = None
        self.adapt_variance: Any = None

    @property
    def mean(self) -> Any:
        """As an array of a row's axes and one more, of size 1 where values are taken together; None before it is known for which rows."""
        return self._shown(0)

    @property
    def variance(self) -> Any:
        """The same of the variances."""
        return self._shown(1)

    def _shown(self, which: int) -> Any:
        if self.built_for is None:
            return None
        kept = self._axes(len(self.built_for))
        sizes = [n or 1 if a in kept else 1 for a, n in enumerate(self.built_for)]
        values = self.given[which] if self.given is not None else (self.adapt_mean, self.adapt_variance)[which].numpy()
        return dressed(np.broadcast_to(values.reshape(sizes) if values.size == math.prod(sizes) else values, sizes).astype(self.dtype))

    def _axes(self, rank: int) -> tuple[int, ...]:
        """The axes that are kept, from 1 on."""
        kept = tuple(sorted(a % rank if -rank <= a < rank else rank for a in self.axis or ()))
        if any(a in (0, rank) for a in kept) or len(set(kept)) < len(kept):
            raise ValueError(f"Layer {self.name!r}: axis must name axes of a row. Received: axis={self.axis} for an input of {rank} axes.")
        return kept

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self._axes(len(input_shape))
        return input_shape

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.given is not None:
            return
        shape = tuple(int(input_shape[a] or 0) for a in self._axes(len(input_shape)))
        self.adapt_mean = self.add_weight("mean", shape, "zeros", trainable=False)
        self.adapt_variance = self.add_weight("variance", shape, "ones", trainable=False)
        self.add_weight("count", (), "zeros", trainable=False)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn mean and variance from all rows of an array, or from what gives arrays or tuples that begin with one. Forgets what it
        learned before. Raises ValueError where mean and variance were given, and for no rows."""
        if self.given is not None:
            raise ValueError(f"Layer {self.name!r}: mean and variance were given. Expected none of them for adapt.")
        parts = [data] if hasattr(data, "shape") or isinstance(data, (list, tuple)) else data
        count, total, squares, first = 0, 0.0, 0.0, None
        for done, part in enumerate(parts):
            if steps is not None and done >= steps:
                break
            values = np.asarray(part[0] if isinstance(part, tuple) else part, np.float64)
            values = values[:, None] if values.ndim == 1 else values
            if values.size == 0:
                continue
            kept = self._axes(values.ndim)
            over = tuple(a for a in range(values.ndim) if a not in kept)
            first = values.mean(axis=over, keepdims=True) if first is None else first  # sums about it lose no digits
            apart = values - first
            total = total + apart.sum(axis=over)
            squares = squares + (apart**2).sum(axis=over)
            count += values.size // max(1, int(np.prod([values.shape[a] for a in kept])))
            shape = values.shape
        if first is None or count == 0:
            raise ValueError(f"Layer {self.name!r}: expected at least one row to adapt to. Received none.")
        self.ensure_built((None, *shape[1:]))
        mean = np.asarray(total) / count
        self.adapt_mean.assign(mean + first.reshape(mean.shape))
        self.adapt_variance.assign(np.maximum(np.asarray(squares) / count - mean**2, 0))
        self.parameters[2].assign(np.asarray(count))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, y = self.backend, self.backend.empty(x.shape, x.dtype)
        mean, variance = self._rows(x)
        ops.launch(unstandardize if self.invert else standardize, x, mean, variance, SMALLEST, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if need_dx:
                zeros = ops.asarray(np.zeros(mean.shape, x.dtype))
                ops.launch(unstandardize if self.invert else standardize, dy, zeros, variance, SMALLEST, dy)
            return dy

        return y, pullback

    def _rows(self, x: Any) -> tuple[Any, Any]:
        """Mean and variance of every value of a row: read from the weights in each step, so that a later `adapt` counts."""
        ops, row = self.backend, tuple(int(n) for n in x.shape[1:])
        kept = self._axes(len(row) + 1)
        wide = tuple(n if a + 1 in kept else 1 for a, n in enumerate(row))
        if self.given is not None:
            shaped = (a.reshape(wide) if a.size == np.prod(wide) else a for a in self.given)
            mean, variance = (ops.asarray(np.broadcast_to(a, row).reshape(-1), x.dtype) for a in shaped)
            return mean, variance
        plain = not self.adapt_mean.numpy().any() and (self.adapt_variance.numpy() == 1).all()
        if self.parameters[2].numpy() == 0 and plain:  # Keras saves no count
            warn(f"Layer {self.name!r} has neither mean nor variance, and changes nothing: give both, or call adapt(data) first.")
        places = np.broadcast_to(np.arange(np.prod(wide), dtype=np.int32).reshape(wide), row).reshape(-1)
        out = []
        for weight in (self.adapt_mean, self.adapt_variance):
            spread = ops.empty(places.shape, x.dtype)
            ops.launch(TAKE, weight.value.reshape(-1), ops.asarray(places), spread)
            out.append(spread)
        return out[0], out[1]

    def config(self) -> dict[str, Any]:
        given = {} if self.given is None else {"mean": self.given[0].tolist(), "variance": self.given[1].tolist()}
        return {"axis": self.axis, "invert": self.invert, **given}
