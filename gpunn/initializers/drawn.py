"""Initial weights that are drawn, on the CPU from `gpunn.random`, so that they are equal on every device."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import random
from gpunn.initializers.base import Initializer


def fans(shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None) -> tuple[int, int]:
    """(fan in, fan out) of a kernel: (in, out) for a matrix, (*window, in, out) for a convolution, or the products of the axes given."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (int(shape[0]) if shape else 1,) * 2
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class RandomInitializer(Initializer):
    """A given `seed` makes it repeat itself; without one each call draws from a fresh stream of the global seed. Raises ValueError for a
    seed that is no integer."""

    def __init__(self, seed: int | None = None):
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"Argument seed of {type(self).__name__}: expected an integer or None. Received: seed={seed!r}.")
        self.seed = None if seed is None else int(seed)

    def _source(self) -> tuple[int, int]:
        return (self.seed, 0) if self.seed is not None else (random.current_seed(), random.next_stream())


class RandomUniform(RandomInitializer):
    """Uniform on [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return random.uniform(shape, self.minval, self.maxval, *self._source())


class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * random.normal(shape, *self._source())


class TruncatedNormal(RandomNormal):
    """Normal, drawn again wherever it lies more than two standard deviations away."""

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        seed, stream = self._source()
        values, step = random.normal(shape, seed, stream), 0
        while (outside := np.abs(values) > 2.0).any():
            step += 1
            values[outside] = random.normal((int(outside.sum()),), seed, stream, step)
        return self.mean + self.stddev * values


class VarianceScaling(RandomInitializer):
    """Variance scale / fan (Glorot & Bengio 2010; He et al. 2015). `mode` fan_in, fan_out or fan_avg; `distribution` uniform,
    truncated_normal (also "normal") or untruncated_normal; `input_axes` and `output_axes` say what the fans are of a kernel laid out in
    another way. Raises ValueError for other names or a scale that is not positive."""

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None,
        input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None,
    ):
        super().__init__(seed)
        if scale <= 0 or mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Expected scale > 0 and mode fan_in, fan_out or fan_avg. Received: scale={scale!r}, mode={mode!r}.")
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(f"Expected distribution uniform, truncated_normal or untruncated_normal. Received: {distribution!r}.")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        fan = max(1.0, {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode])
        variance = self.scale / fan
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return RandomUniform(-limit, limit, self.seed).draw(shape)
        if self.distribution == "untruncated_normal":
            return RandomNormal(0.0, math.sqrt(variance), self.seed).draw(shape)
        # a normal cut at two deviations has the deviation 0.8796...: undo that
        return TruncatedNormal(0.0, math.sqrt(variance) / 0.87962566103423978, self.seed).draw(shape)


class _Named(VarianceScaling):
    _settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None):
        super().__init__(*self._settings, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_Named):
    _settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    _settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    _settings = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    _settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    _settings = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    _settings = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """Rows, or columns where there are fewer of them, at right angles and of length `gain` (Saxe et al. 2014); axes but the last are taken
    together. Raises ValueError for fewer than two axes."""

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = gain

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape with at least two axes. Received: {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(random.normal((max(rows, columns), min(rows, columns)), *self._source()))
        q *= np.sign(np.diag(r))  # without this the draw is not uniform over orthogonal matrices (Mezzadri 2007)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
