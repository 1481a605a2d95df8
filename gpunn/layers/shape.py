"""Layers that only change the shape of a row."""

import math
from collections.abc import Sequence
from typing import Any

from gpunn.layers.base import Layer, Pullback, one_shape


class InputLayer(Layer):
    """What a model's rows look like: shape without the batch axis."""

    recordable = True

    def __init__(
        self, shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None,
        **common: Any,
    ):
        super().__init__(name=name, dtype=dtype, **({"batch_input_shape": batch_shape} if batch_shape is not None else {}), **common)
        given = one_shape(shape, None, None) if shape is not None else self.given_shape
        if given is None:
            raise ValueError("Input needs a shape, without the batch axis: Input(shape=(784,)).")
        self.given_shape: tuple[int, ...] = given

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (None, *self.given_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, lambda dy, need_dx=True: dy

    def config(self) -> dict[str, Any]:
        return {"shape": self.given_shape}

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": self.given_shape}


class Reshape(Layer):
    """Rows of another shape with as many elements; one -1 is worked out. Raises ValueError when the counts differ."""

    recordable = True

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

    def __init__(self, data_format: str | None = None, **common: Any):
        super().__init__(**common)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Layer {self.name!r}: data is channels-last. Received: data_format={data_format!r}.")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (None, math.prod(n or 0 for n in input_shape[1:]))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x.reshape(x.shape[0], -1 if x.shape[0] else math.prod(x.shape[1:])), lambda dy, need_dx=True: dy.reshape(x.shape)
