"""Normalizations by means and variances, as functions of what they scale with: the names of ``keras.ops``."""

from collections.abc import Sequence
from typing import Any

from gpunn import config
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping

__all__ = ["batch_normalization", "layer_normalization", "rms_normalization"]


def layer_normalization(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the axes of each row (Ba et al. 2016); the shape of x.

    gamma, beta: of the lengths of `axis`, or of any shape that x broadcasts with; epsilon: `gpunn.config.epsilon` by default.
    """
    axes = _axes("layer_normalization", axis, x)
    centred = a.subtract(x, along.mean(x, axes, keepdims=True))
    y = a.multiply(centred, _inverse_root(along.mean(a.square(centred), axes, keepdims=True), epsilon))
    return _scaled(y, *(_beside(v, x, axes) for v in (gamma, beta)))


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """x / sqrt(mean(x^2) + epsilon) * scale over the axes of each row (Zhang & Sennrich 2019); the shape of x."""
    axes = _axes("rms_normalization", axis, x)
    return _scaled(a.multiply(x, _inverse_root(along.mean(a.square(x), axes, keepdims=True), epsilon)), scale, None)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, each a vector along one axis (Ioffe & Szegedy 2015); the shape of x.

    Raises ValueError where a vector is not as long as the axis.
    """
    axes = _axes("batch_normalization", axis, x)
    for name, value in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        if value is not None and tuple(value.shape) != (x.shape[axes[0]],):
            raise ValueError(
                f"batch_normalization: expected {name} of shape {(x.shape[axes[0]],)}, the length of axis {axis}. "
                f"Received: shape {tuple(value.shape)}."
            )
    mean, variance, offset, scale = (_beside(v, x, axes) for v in (mean, variance, offset, scale))
    return _scaled(a.multiply(a.subtract(x, mean), _inverse_root(variance, epsilon)), scale, offset)


def _axes(what: str, axis: Any, x: Any) -> list[int]:
    """Axes as numbers from 0, in their order. Raises ValueError for one that is not there."""
    given, n = list(axis) if isinstance(axis, (tuple, list)) else [axis], shaping.ndim(x)
    if not given or any(not -n <= i < n for i in given):
        raise ValueError(f"{what}: expected axes of an array of {n} axes. Received: axis={axis!r}.")
    return sorted({i % n for i in given})


def _inverse_root(variance: Any, epsilon: float | None) -> Any:
    return a.rsqrt(a.add(variance, config.epsilon() if epsilon is None else epsilon))


def _beside(value: Any, x: Any, axes: Sequence[int]) -> Any:
    """What has the lengths of some axes, with ones for the others."""
    n = shaping.ndim(x)
    if value is None or shaping.ndim(value) == n or list(axes) == [n - 1]:
        return value
    return shaping.reshape(value, [x.shape[i] if i in axes else 1 for i in range(n)])


def _scaled(y: Any, scale: Any, offset: Any) -> Any:
    y = y if scale is None else a.multiply(y, scale)
    return y if offset is None else a.add(y, offset)
