"""Discrete Fourier transforms of (real part, imaginary part), by products with matrices of cosines and sines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import made_of_others, shaping
from gpunn.ops.one_type import floats_of
from gpunn.ops.operation import has_part

Complex = tuple[Any, Any]


def _waves(n: int, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of sign * 2 pi j k / n."""
    turns = np.outer(np.arange(n), np.arange(n)) % n / n
    return np.cos(2 * np.pi * turns), sign * np.sin(2 * np.pi * turns)


def _along(x: Complex, axis: int, sign: float) -> Complex:
    real, imaginary = (shaping.moveaxis(part, axis, -1) for part in x)
    n = real.shape[-1]
    if n is None:
        raise ValueError(f"A Fourier transform: expected an axis of known length. Received: axis {axis} of shape {tuple(x[0].shape)}.")
    cosines, sines = _waves(n, sign)
    parts = (
        a.subtract(along.matmul(real, cosines), along.matmul(imaginary, sines)),
        a.add(along.matmul(real, sines), along.matmul(imaginary, cosines)),
    )
    return tuple(shaping.moveaxis(part, -1, axis) for part in parts)


def _transform(x: Any, axes: Sequence[int], numpy: Any, sign: float) -> Complex:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x!r}.")
    if not has_part(*x):
        real, imaginary = (np.asarray(part) for part in x)
        found = numpy(real + 1j * imaginary)
        return found.real.astype(real.dtype), found.imag.astype(real.dtype)
    real, imaginary = x
    for axis in axes:
        real, imaginary = _along((real, imaginary), axis, sign)
    return real, imaginary


def fft(x: Complex) -> Complex:
    """The transform along the last axis."""
    return _transform(x, [-1], np.fft.fft, -1.0)


def fft2(x: Complex) -> Complex:
    """The transform along the last two axes."""
    return _transform(x, [-1, -2], np.fft.fft2, -1.0)


def ifft2(x: Complex) -> Complex:
    """The way back of `fft2`."""
    real, imaginary = _transform(x, [-1, -2], lambda z: np.fft.ifft2(z) * z.shape[-1] * z.shape[-2], 1.0)
    count = float(x[0].shape[-1] * x[0].shape[-2])
    return a.divide(real, count), a.divide(imaginary, count)


# ---------------------------------------------------------------------- of real numbers
def rfft(x: Any, fft_length: int | None = None) -> Complex:
    """The first half of the transform of real numbers along the last axis, `fft_length` of them, cut off or filled up with zeros: (...,
    fft_length // 2 + 1)."""
    n = _length(x) if fft_length is None else int(fft_length)
    if not has_part(x):
        found = np.fft.rfft(np.asarray(x, floats_of(x)), n)
        return found.real, found.imag
    cosines, sines = (part[:, : n // 2 + 1] for part in _waves(n, -1.0))
    x = _of_length(x, n)
    return along.matmul(x, cosines), along.matmul(x, sines)


def irfft(x: Complex, fft_length: int | None = None) -> Any:
    """The real numbers whose `rfft` this is, `fft_length` of them (by default an even number)."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x!r}.")
    n = 2 * (_length(x[0]) - 1) if fft_length is None else int(fft_length)
    if not has_part(*x):
        real, imaginary = (np.asarray(part) for part in x)
        return np.fft.irfft(real + 1j * imaginary, n).astype(real.dtype)
    bins = n // 2 + 1
    twice = np.where((np.arange(bins) == 0) | (2 * np.arange(bins) == n), 1.0, 2.0)[:, None] / n  # the half that is left out
    cosines, sines = (part[:bins] * twice for part in _waves(n, -1.0))
    real, imaginary = (_of_length(part, bins) for part in x)
    return a.add(along.matmul(real, cosines), along.matmul(imaginary, sines))


def _length(x: Any) -> int:
    shape = tuple(x.shape)
    if not shape or shape[-1] is None:
        raise ValueError(f"A Fourier transform: expected a last axis of known length. Received: shape {shape}.")
    return shape[-1]


def _of_length(x: Any, n: int) -> Any:
    """The last axis cut off, or filled up with zeros."""
    have = _length(x)
    if have >= n:
        return x if have == n else shaping.getitem(x, (..., slice(0, n)))
    return made_of_others.pad(x, [*[(0, 0)] * (shaping.ndim(x) - 1), (0, n - have)])
