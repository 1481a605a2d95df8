"""Layers that only change the shape of a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.base import Layer, Pullback, positive
from gpunn.layers.columns import add_up, numbered, pick
from gpunn.layers.graph import WHOLE


class Reshape(Layer):
    """Rows of another shape with as many elements; one -1 is worked out. Raises ValueError when the counts differ."""

    recordable = True
    kept_kinds = WHOLE

    def __init__(self, target_shape: Sequence[int], **common: Any):
        super().__init__(**common)
        self.target_shape = tuple(int(n) for n in target_shape)
        if self.target_shape.count(-1) > 1 or any(n < 1 and n != -1 for n in self.target_shape):
            raise ValueError(
                f"Layer {self.name!r}: expected positive sizes and at most one -1. Received: target_shape={self.target_shape}."
            )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        have = math.prod(n or 0 for n in input_shape[1:])
        known = math.prod(n for n in self.target_shape if n != -1)
        free = -1 in self.target_shape
        if (free and (known == 0 or have % known)) or (not free and known != have):
            raise ValueError(
                f"Layer {self.name!r}: the input of shape {input_shape} holds {have} values a row. "
                f"Expected a target_shape with as many. Received: {self.target_shape}."
            )
        return (None, *(have // known if n == -1 else n for n in self.target_shape))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        out = x.reshape(x.shape[0], *self.compute_output_shape(x.shape)[1:])
        return out, lambda dy, need_dx=True: dy.reshape(x.shape)

    def config(self) -> dict[str, Any]:
        return {"target_shape": self.target_shape}


class Flatten(Layer):
    """(rows, a, b, ...) -> (rows, a * b * ...)."""

    recordable = True
    kept_kinds = WHOLE

    def __init__(self, data_format: str | None = None, **common: Any):
        super().__init__(**common)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Layer {self.name!r}: data is channels-last. Received: data_format={data_format!r}.")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (None, math.prod(n or 0 for n in input_shape[1:]))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x.reshape(x.shape[0], -1 if x.shape[0] else math.prod(x.shape[1:])), lambda dy, need_dx=True: dy.reshape(x.shape)


class Permute(Layer):
    """Axes of a row in another order: `dims` counts them from 1, ``Permute((2, 1))`` swaps two. Raises ValueError for anything but such an
    order, or rows with another number of axes."""

    recordable = True
    kept_kinds = WHOLE

    def __init__(self, dims: Sequence[int], **common: Any):
        super().__init__(**common)
        self.dims = tuple(dims) if isinstance(dims, (list, tuple)) else ()
        if not self.dims or sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Layer {self.name!r}: dims must be the axes of a row, 1 to n, in some order. Received: dims={dims!r}.")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(f"Layer {self.name!r}: expected {len(self.dims)} axes in a row. Received: input of shape {input_shape}.")
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        shape, index = self.compute_output_shape(x.shape)[1:], numbered(x.shape[1:]).transpose([d - 1 for d in self.dims])
        back = np.argsort(index.reshape(-1))
        y = pick(self.backend, x, index, [int(n or 0) for n in shape])
        return y, lambda dy, need_dx=True: pick(self.backend, dy, back, x.shape[1:]) if need_dx else None

    def config(self) -> dict[str, Any]:
        return {"dims": self.dims}


class RepeatVector(Layer):
    """(rows, features) -> (rows, n, features): each row n times. Raises ValueError for other rows, or n that is not a positive integer."""

    recordable = True
    kept_kinds = WHOLE

    def __init__(self, n: int, **common: Any):
        super().__init__(**common)
        self.n = positive("n", n, self.name)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) != 2:
            raise ValueError(f"Layer {self.name!r}: expected rows of one axis. Received: input of shape {input_shape}.")
        return (input_shape[0], self.n, input_shape[1])

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        self.compute_output_shape(x.shape)
        index = np.tile(np.arange(x.shape[1]), self.n)
        y = pick(self.backend, x, index, (self.n, x.shape[1]))
        return y, lambda dy, need_dx=True: add_up(self.backend, dy, index, x.shape[1:]) if need_dx else None

    def config(self) -> dict[str, Any]:
        return {"n": self.n}


class Identity(Layer):
    """What comes in."""

    recordable = True
    kept_kinds = WHOLE
    supports_masking = True

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, lambda dy, need_dx=True: dy
