"""Signals in frames, and the spectra of these: the names of ``keras.ops``."""

from typing import Any

import numpy as np

from gpunn.ops import arithmetic as a
from gpunn.ops import blocks, fourier, made_of_others, shaping
from gpunn.ops.one_type import floats_of

__all__ = ["extract_sequences", "istft", "stft"]
WINDOWS = {"hann": 0.5, "hamming": 0.54}  # the part of each that does not swing


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """The frames of signals (..., steps), every `sequence_stride` steps: (..., frames, sequence_length). Raises ValueError where there is
    no frame."""
    steps = tuple(x.shape)[-1]
    if steps is None or steps < sequence_length or min(sequence_length, sequence_stride) < 1:
        raise ValueError(
            f"extract_sequences: expected at least {sequence_length} steps, a known number. Received: shape {tuple(x.shape)}, "
            f"{sequence_stride=}."
        )
    places = np.add.outer(np.arange(0, steps - sequence_length + 1, sequence_stride), np.arange(sequence_length))
    return shaping.take(x, places, axis=-1)


def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> tuple[Any, Any]:
    """(real part, imaginary part) of the spectrum of each frame of signals (..., steps): (..., frames, fft_length // 2 + 1).

    A frame is weighed by the `window` ("hann", "hamming", None, or its numbers) and filled up with zeros on both sides; `center` reflects
    the signal at its ends, so that frames are around their steps. Raises TypeError for whole numbers, and ValueError for other windows and
    for frames that are longer than their transform.
    """
    kind = str(getattr(x, "dtype", None))
    if kind not in ("float32", "float64"):
        raise TypeError(f"stft: expected signals of float32 or float64. Received: {kind}.")
    weights = _window("stft", window, sequence_length, fft_length).astype(kind)
    if center:
        x = made_of_others.pad(x, [*[(0, 0)] * (shaping.ndim(x) - 1), (fft_length // 2,) * 2], mode="reflect")
    return fourier.rfft(a.multiply(extract_sequences(x, fft_length, sequence_stride), weights))


def istft(
    x: tuple[Any, Any], sequence_length: int, sequence_stride: int, fft_length: int, length: int | None = None, window: Any = "hann",
    center: bool = True,
) -> Any:
    """The signals (..., steps) of these spectra: frames are weighed by the window once more and added up where they lie, over the sum of
    the window's squares there (Griffin & Lim 1984). `length`: of the signals; else as far as there are frames."""
    frames = fourier.irfft(x, fft_length)
    weights, count = _window("istft", window, sequence_length, fft_length), frames.shape[-2]
    whole = fft_length + sequence_stride * (count - 1)

    def added(parts: Any) -> Any:
        """(n, frames, fft_length) -> (n, steps)."""
        columns = shaping.transpose(parts, (0, 2, 1))
        return shaping.reshape(blocks.fold(columns, (whole, 1), (fft_length, 1), stride=(sequence_stride, 1)), (-1, whole))

    squares = added(np.broadcast_to(weights**2, (1, count, fft_length)))[0]
    share = np.where(squares > 1e-10, squares, 1.0)
    kind = floats_of(frames)
    before = tuple(frames.shape)[:-2]
    flat = shaping.reshape(a.multiply(frames, weights.astype(kind)), (-1, count, fft_length))
    signals = a.divide(added(flat), share.astype(kind))
    signals = shaping.reshape(signals, (*(-1 if n is None else n for n in before), whole))
    first = fft_length // 2 if center else 0
    last = whole - first if length is None else min(first + length, whole)
    return shaping.getitem(signals, (..., slice(first, last)))


def _window(what: str, window: Any, length: int, whole: int) -> np.ndarray:
    """The weights of a frame of `length`, with zeros on both sides up to `whole`."""
    if whole < length:
        raise ValueError(f"{what}: expected fft_length of at least sequence_length. Received: {whole} and {length}.")
    if isinstance(window, str):
        if window not in WINDOWS:
            raise ValueError(f"{what}: expected a window of {tuple(WINDOWS)}, None, or numbers. Received: {window=}.")
        still = WINDOWS[window]
        weights = still - (1 - still) * np.cos(2 * np.pi * np.arange(length) / length)
    elif window is None:
        return np.ones(whole)
    else:
        weights = np.asarray(window, float)
    if weights.shape != (length,):
        raise ValueError(f"{what}: expected a window of sequence_length = {length} numbers. Received: shape {weights.shape}.")
    before = (whole - length) // 2
    return np.pad(weights, (before, whole - length - before))
