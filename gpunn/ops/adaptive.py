"""Poolings to a size that is given, whatever that of the images: the names of ``keras.ops``."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gpunn.layers.sliding import channels_last, sizes
from gpunn.ops import along_axes as along
from gpunn.ops import shaping
from gpunn.ops.one_type import floats_of

__all__ = ["adaptive_average_pool", "adaptive_max_pool"]


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: Any = None) -> Any:
    """The mean of each of `output_size` windows, which cover an axis evenly and may overlap by one: (rows, *output_size, channels) of
    images, sequences or volumes with channels last. Raises ValueError for others."""
    for axis, first, last in _windows("adaptive_average_pool", inputs, output_size, data_format):
        places = np.arange(inputs.shape[axis])
        inside = (places >= first[:, None]) & (places < last[:, None])
        shares = (inside / (last - first)[:, None]).astype(floats_of(inputs))
        inputs = shaping.moveaxis(along.matmul(shaping.moveaxis(inputs, axis, -1), shares.T), -1, axis)
    return inputs


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: Any = None) -> Any:
    """The largest of each of these windows."""
    for axis, first, last in _windows("adaptive_max_pool", inputs, output_size, data_format):
        taps = np.minimum(first[:, None] + np.arange((last - first).max()), last[:, None] - 1)  # the last again where a window is shorter
        parts = shaping.take(inputs, taps, axis=axis)
        inputs = along.max(parts, axis=axis + 1)
    return inputs


def _windows(what: str, inputs: Any, output_size: Any, data_format: Any) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each axis: (its number, where its windows begin, where they end)."""
    channels_last(data_format, what)
    shape = tuple(inputs.shape)
    if len(shape) not in (3, 4, 5) or None in shape[1:]:
        raise ValueError(f"{what}: expected (rows, ..., channels) with one to three axes of known length between. Received: shape {shape}.")
    for axis, count in enumerate(sizes("output_size", output_size, len(shape) - 2, what), start=1):
        places = np.arange(count) * shape[axis]
        yield axis, places // count, -(-(places + shape[axis]) // count)
