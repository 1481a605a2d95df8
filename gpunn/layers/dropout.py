"""Dropout whose mask is drawn again in the backward pass instead of being stored."""

import itertools
import math
from typing import Any

import numpy as np

from gpunn import random
from gpunn.kernels.noise import MASKED
from gpunn.kernels.philox import DROPOUT
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import WHOLE
from gpunn.layers.spelling import old_names


class Drawing(Layer):
    """A layer that draws random numbers in training. They are a function of (seed, layer, step, element), the same on every device.

    `seed`: of this layer alone, an integer, or None for the model's. Raises ValueError for anything else.
    """

    supports_masking = True
    drawing = True
    first_stream = random.DROPOUT  # of a model's layers that draw; each has one of its own
    always = False  # whether it draws outside of training too

    def __init__(self, seed: int | None = None, **common: Any):
        super().__init__(**common)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"Layer {self.name!r}: seed must be an integer or None. Received: seed={seed!r}.")
        self.seed = None if seed is None else int(seed)
        self.stream = self.first_stream  # a model numbers its layers that draw

    def kind_out(self, kinds: list[str], training: bool = False) -> str:
        return self.dtype if training else super().kind_out(kinds)

    def source(self) -> tuple[Any, int, int]:
        """(step, a scalar of the device; seed; stream), as the kernels take them."""
        return self.rng.step, self.rng.seed if self.seed is None else self.seed, self.stream

    def share(self, name: str, value: Any, closed: bool = False) -> float:
        """A rate. Raises ValueError unless 0 <= value < 1 (or 1, where `closed`)."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or (value == 1 and not closed):
            bound = "a number from 0 to 1" if closed else "at least 0 and below 1"
            raise ValueError(f"Layer {self.name!r}: {name} must be {bound}. Received: {name}={value!r}.")
        return float(value)


class Dropout(Drawing):
    """In training sets a share `rate` of the elements to zero and scales the others by 1 / (1 - rate) (Srivastava et al. 2014, inverted).

    `noise_shape`: the shape of the mask, the batch axis included, with 1 where elements share their fate and None for the input's size:
    ``(None, 1, None)`` drops whole features of (batch, steps, features). Raises ValueError for a rate or a noise_shape that cannot be.
    """

    recordable = True
    kept_kinds = WHOLE

    @old_names(p="rate")
    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        self.rate = self.share("rate", rate, closed=True)
        self.noise_shape = self._noise_shape(noise_shape)

    def _noise_shape(self, given: Any) -> tuple[int | None, ...] | None:
        if given is None:
            return None
        sizes = tuple(given) if isinstance(given, (tuple, list)) else ()
        if not sizes or not all(n is None or (isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0) for n in sizes):
            raise ValueError(f"Layer {self.name!r}: noise_shape must hold positive integers or None. Received: noise_shape={given!r}.")
        return tuple(None if n is None else int(n) for n in sizes)

    def mask_shape(self, rank: int) -> tuple[int | None, ...] | None:
        """The noise shape for inputs of so many axes; None: a mask of its own for every element."""
        return self.noise_shape

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self._groups(input_shape)
        return input_shape

    def _groups(self, shape: tuple[int | None, ...]) -> tuple[int, int, int, int] | None:
        """(b, c, d, e) of an input seen as (a, b, c, d, e), whose elements share their fate along b and d; see `kernels.noise.MASKED`."""
        mask = self.mask_shape(len(shape))
        if mask is None:
            return None
        fits = len(mask) == len(shape) and all(m in (None, 1, n) or n is None for m, n in zip(mask, shape, strict=True))
        runs = [(m == 1, [n or 1 for _, n in group]) for m, group in itertools.groupby(zip(mask, shape, strict=False), key=lambda p: p[0])]
        merged: list[tuple[bool, int]] = []
        for shared, sizes in runs:
            size = math.prod(sizes)
            if merged and merged[-1][0] == shared:
                merged[-1] = (shared, merged[-1][1] * size)
            else:
                merged.append((shared, size))
        if merged and merged[0][0]:
            merged.insert(0, (False, 1))
        if not fits or len(merged) > 5:
            raise ValueError(
                f"Layer {self.name!r}: noise_shape must have the input's sizes or 1, for the shape {shape}. Received: {mask}."
            )
        b, c, d, e = [size for _, size in merged[1:]] + [1] * (5 - len(merged))
        return b, c, d, e

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training or self.rate == 0.0:
            return x, lambda dy, need_dx=True: dy
        scale = 1.0 / (1.0 - self.rate) if self.rate < 1 else 0.0
        ops, groups, fixed = self.backend, self._groups(x.shape), (*self.source(), threshold(self.rate), scale)
        y = ops.empty(x.shape, x.dtype)

        def drop(source: Any, target: Any) -> None:
            if groups is None:
                ops.launch(DROPOUT, source, *fixed, target)
            else:
                ops.launch(MASKED, source, *fixed, 0.0, 0.0, *groups, target)

        drop(x, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            drop(dy, dy)
            return dy

        return y, pullback

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def threshold(rate: float) -> int:
    """Words below it are dropped."""
    return min(round(rate * 2**32), 2**32 - 1)


class _Spatial(Dropout):
    """Dropout of whole feature maps (Tompson et al. 2015): all places of a channel share their fate."""

    rank = 0

    def __init__(self, rate: float, seed: int | None = None, **common: Any):
        super().__init__(rate, None, seed, **common)

    def mask_shape(self, rank: int) -> tuple[int | None, ...]:
        if rank != self.rank:
            raise ValueError(f"Layer {self.name!r}: expected an input with {self.rank} axes, the channels last. Received: {rank} axes.")
        return (None, *[1] * (rank - 2), None)

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed}


class SpatialDropout1D(_Spatial):
    """Drops channels of (batch, steps, channels)."""

    recordable = True
    rank = 3


class _Pictures(_Spatial):
    """With `data_format` in the place where Keras has it; only "channels_last" (or None) is there."""

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **common: Any):
        super().__init__(rate, seed, **common)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Layer {self.name!r}: data_format must be 'channels_last' or None. Received: data_format={data_format!r}.")


class SpatialDropout2D(_Pictures):
    """Drops channels of (batch, rows, columns, channels)."""

    recordable = True
    rank = 4


class SpatialDropout3D(_Pictures):
    """Drops channels of (batch, depth, rows, columns, channels)."""

    recordable = True
    rank = 5
