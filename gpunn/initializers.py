"""Initial weights: Keras's set. All are drawn on the CPU from `gpunn.random`, so that they are equal on every device."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import random
from gpunn.lookup import from_identifier


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """(fan in, fan out) of a kernel: (in, out) for a matrix, (*window, in, out) for a convolution."""
    if len(shape) < 2:
        return (float(shape[0]) if shape else 1.0,) * 2
    window = math.prod(shape[:-2])
    return float(window * shape[-2]), float(window * shape[-1])


class Initializer:
    """``initializer(shape, dtype)`` -> array. A given `seed` makes it repeat itself; without one each call draws from a fresh stream of
    the global seed."""

    def __init__(self, seed: int | None = None):
        self.seed = seed

    def _source(self) -> tuple[int, int]:
        return (self.seed, 0) if self.seed is not None else (random.current_seed(), random.next_stream())

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        return self.draw(tuple(shape)).astype(dtype)

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}


class Constant(Initializer):
    """Every element is `value`, a number or an array of the shape."""

    def __init__(self, value: Any = 0.0):
        self.value = value

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value, np.float64), shape).copy()


class Zeros(Initializer):
    def __init__(self) -> None:
        pass

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


class Ones(Initializer):
    def __init__(self) -> None:
        pass

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


class RandomUniform(Initializer):
    """Uniform on [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return random.uniform(shape, self.minval, self.maxval, *self._source())


class RandomNormal(Initializer):
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


class VarianceScaling(Initializer):
    """Variance scale / fan (Glorot & Bengio 2010; He et al. 2015). `mode` fan_in, fan_out or fan_avg; `distribution` uniform,
    truncated_normal or untruncated_normal. Raises ValueError for other names or a scale that is not positive."""

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None):
        super().__init__(seed)
        if scale <= 0 or mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Expected scale > 0 and mode fan_in, fan_out or fan_avg. Received: scale={scale!r}, mode={mode!r}.")
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(f"Expected distribution uniform, truncated_normal or untruncated_normal. Received: {distribution!r}.")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
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

    def __init__(self, seed: int | None = None):
        super().__init__(*self._settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


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


class FromFunction(Initializer):
    """Any callable ``f(shape, dtype=...)``; what it returns is cast."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        values = np.asarray(self.function(shape, dtype="float32"), np.float64)
        if values.shape != shape:
            name = getattr(self.function, "__name__", self.function)
            raise ValueError(f"The initializer {name} returned the wrong shape. Expected {shape}. Received: {values.shape}.")
        return values

    def get_config(self) -> dict[str, Any]:
        raise ValueError(f"A function cannot be saved as an initializer. Received: {self.function!r}.")


_CLASSES = [
    Constant, Zeros, Ones, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal,
    LecunUniform, LecunNormal,
]
NAMES: dict[str, Any] = {"zeros": Zeros, "ones": Ones}
for _c in _CLASSES:
    NAMES[_c.__name__] = NAMES["".join(("_" + ch.lower()) if ch.isupper() else ch for ch in _c.__name__).lstrip("_")] = _c


def get(identifier: Any) -> Initializer:
    """An initializer from a name, object, configuration, or any callable. Raises ValueError listing the names."""
    if callable(identifier) and not isinstance(identifier, (Initializer, type)):
        return FromFunction(identifier)
    return from_identifier("initializer", identifier, NAMES, Initializer)
