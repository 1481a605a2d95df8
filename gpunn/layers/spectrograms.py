"""Spectrograms: which frequencies a sound has from time to time, by convolutions with waves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import initializers
from gpunn.layers.augmentation import number
from gpunn.layers.base import Layer, positive
from gpunn.layers.graph import symbolic
from gpunn.layers.sliding import Shape, channels_last, image_of, padding_of, slide

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
LEAST = 1e-7  # of what is taken the root or the logarithm of
BREAK, STEEPNESS = 700.0, 1127.0  # of the mel scale, in hertz and mels


class STFTSpectrogram(Layer):
    """The short-time Fourier transform of each channel: (rows, steps, channels) -> (rows, frames, channels * bins), or with `expand_dims`
    (rows, frames, bins, channels).

    A frame is `frame_length` steps, every `frame_step` (half of that); bins = fft_length / 2 + 1, fft_length by default the power of two
    that is large enough. `mode`: "log", the logarithm of the "magnitude"; "psd", the power, of all bins but the first and the last twice;
    "real", "imag", "angle", or "stft", real and imaginary parts side by side. `window`, a name of SciPy's or an array, `periodic` and
    `scaling` as `initializers.STFT` has them. Weights real_kernel and imag_kernel, (frame_length, 1, bins), of those that the mode needs,
    learn unless ``trainable=False``. Raises ValueError for what does not fit together.
    """

    recordable = True

    def __init__(
        self, mode: str = "log", frame_length: int = 256, frame_step: int | None = None, fft_length: int | None = None,
        window: Any = "hann", periodic: bool = False, scaling: str | None = "density", padding: str = "valid", expand_dims: bool = False,
        data_format: Any = None, **common: Any,
    ):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.frame_length = positive("frame_length", frame_length, self.name)
        self.frame_step, self.fft_length = frame_step, fft_length
        self.step = max(self.frame_length // 2, 1) if frame_step is None else positive("frame_step", frame_step, self.name)
        if self.step > self.frame_length:
            raise ValueError(f"Layer {self.name!r}: frame_step must be at most frame_length, {frame_length}. Received: {frame_step}.")
        size = 1 << (self.frame_length - 1).bit_length() if fft_length is None else positive("fft_length", fft_length, self.name)
        if size < self.frame_length:
            raise ValueError(f"Layer {self.name!r}: fft_length must be at least frame_length, {frame_length}. Received: {fft_length}.")
        for name, value, known in (("mode", mode, MODES), ("scaling", scaling, (None, "density", "spectrum"))):
            if value not in known:
                raise ValueError(f"Layer {self.name!r}: {name} must be one of {known}. Received: {name}={value!r}.")
        self.bins, self.mode, self.scaling, self.window, self.periodic = size // 2 + 1, mode, scaling, window, bool(periodic)
        self.padding, self.expand_dims = padding_of(padding, ("valid", "same"), self.name), bool(expand_dims)
        self.real_kernel: Any = None
        self.imag_kernel: Any = None

    def build(self, input_shape: Shape) -> None:
        for side, other in (("real", "imag"), ("imag", "real")):
            if self.mode != other:
                waves = initializers.STFT(side, self.window, self.scaling, self.periodic)
                setattr(self, f"{side}_kernel", self.add_weight(f"{side}_kernel", (self.frame_length, 1, self.bins), waves))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        steps, channels = image_of(input_shape, 1, self.name)
        frames = slide(steps, self.frame_length, self.step, 1, self.padding)[0]
        if frames < 1:
            raise ValueError(
                f"Layer {self.name!r}: a frame of {self.frame_length} steps is longer than the input. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        bins = self.bins * (2 if self.mode == "stft" else 1)
        return (input_shape[0], frames, *((bins, channels) if self.expand_dims else (bins * channels,)))

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        from gpunn import ops  # which is made of layers

        _, steps, channels = inputs.shape
        x = ops.reshape(ops.transpose(inputs, (0, 2, 1)) if channels > 1 else inputs, (-1, steps, 1))

        def heard(kernel: Any) -> Any:
            return None if kernel is None else ops.conv(x, kernel, self.step, self.padding)

        y = self._seen(heard(self.real_kernel), heard(self.imag_kernel))
        if channels == 1 and not self.expand_dims:
            return y
        y = ops.reshape(y, (-1, channels, *y.shape[1:]))
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1))
        return ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (-1, y.shape[2], channels * y.shape[3]))

    def _seen(self, real: Any, imag: Any) -> Any:
        """What `mode` asks for, (rows, frames, bins)."""
        from gpunn import ops

        if self.mode in ("real", "imag"):
            return real if self.mode == "real" else imag
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        if self.mode == "stft":
            return ops.concatenate([real, imag], axis=-1)
        power = ops.add(ops.square(real), ops.square(imag))
        if self.mode == "psd":
            return ops.multiply(power, np.where(np.isin(np.arange(self.bins), (0, self.bins - 1)), 1.0, 2.0))
        size = ops.sqrt(ops.maximum(power, LEAST))
        return size if self.mode == "magnitude" else ops.log(ops.maximum(size, LEAST))

    def config(self) -> dict[str, Any]:
        names = ("mode", "frame_length", "frame_step", "fft_length", "window", "periodic", "scaling", "padding", "expand_dims")
        return {n: getattr(self, n) for n in names}


class MelSpectrogram(Layer):
    """The spectrogram of sounds on the mel scale: (rows, samples) -> (rows, num_mel_bins, frames), frames = samples // stride + 1.

    Frames of `fft_length` samples every `sequence_stride` (the sound is reflected at its ends), under a `window` of `sequence_length`
    samples ("hann", "hamming", an array or None); sizes to the power `mag_exp`; triangles of height 1 from `min_freq` to `max_freq` hertz,
    evenly spaced in mels, 1127 log(1 + f / 700); with `power_to_db` decibels, 10 log10(x / ref_power), of at least `min_power`, and at
    most `top_db` below the loudest of the batch. No weights. Raises ValueError for sizes that do not fit together.
    """

    recordable = True

    def __init__(
        self, fft_length: int = 2048, sequence_stride: int = 512, sequence_length: int | None = None, window: Any = "hann",
        sampling_rate: int = 16000, num_mel_bins: int = 128, min_freq: float = 20.0, max_freq: float | None = None,
        power_to_db: bool = True, top_db: float = 80.0, mag_exp: float = 2.0, min_power: float = 1e-10, ref_power: float = 1.0,
        **common: Any,
    ):
        super().__init__(**common)
        given = (("fft_length", fft_length), ("sequence_stride", sequence_stride), ("num_mel_bins", num_mel_bins),
                 ("sequence_length", sequence_length or fft_length))  # fmt: skip
        self.fft_length, self.sequence_stride, self.num_mel_bins, self.sequence_length = (positive(n, v, self.name) for n, v in given)
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"Layer {self.name!r}: fft_length must be at least sequence_length. "
                f"Received: fft_length={fft_length}, sequence_length={sequence_length}."
            )
        if isinstance(window, str) and window not in ("hann", "hamming"):
            raise ValueError(f"Layer {self.name!r}: window must be 'hann', 'hamming', an array or None. Received: window={window!r}.")
        self.window, self.sampling_rate = window, positive("sampling_rate", sampling_rate, self.name)
        self.min_freq, self.max_freq = float(min_freq), float(max_freq or sampling_rate // 2)
        if not 0 <= self.min_freq < self.max_freq:
            raise ValueError(f"Layer {self.name!r}: expected 0 <= min_freq < max_freq. Received: {min_freq!r}, {max_freq!r}.")
        self.power_to_db, self.top_db, self.mag_exp = bool(power_to_db), float(top_db), float(mag_exp)
        if not all(number(v) and v > 0 for v in (min_power, ref_power)):
            raise ValueError(f"Layer {self.name!r}: min_power and ref_power must be positive. Received: {min_power!r}, {ref_power!r}.")
        self.min_power, self.ref_power = float(min_power), float(ref_power)

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        """One sound too, (samples,) -> (num_mel_bins, frames)."""
        if np.ndim(x) == 1 and not symbolic(x):
            return self((x if hasattr(x, "shape") else np.asarray(x))[None], *others, **options)[0]
        return super().__call__(x, *others, **options)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Shape:
        if len(input_shape) == 1:
            return self.compute_output_shape((1, *input_shape))[1:]
        if len(input_shape) != 2 or not input_shape[1] or input_shape[1] <= self.fft_length // 2:
            raise ValueError(
                f"Layer {self.name!r}: expected (rows, samples), of more than fft_length / 2 = {self.fft_length // 2} samples. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        samples = input_shape[1] + 2 * (self.fft_length // 2) - self.fft_length
        return (input_shape[0], self.num_mel_bins, samples // self.sequence_stride + 1)

    def waves(self) -> np.ndarray:
        """(fft_length, 1, 2 * bins): cosines and sines under the window."""
        window = np.ones(self.sequence_length) if self.window is None else self.window
        if isinstance(window, str):
            from scipy.signal import get_window

            window = get_window(window, self.sequence_length)
        window = np.asarray(window, np.float64)
        if window.shape != (self.sequence_length,):
            raise ValueError(f"Layer {self.name!r}: expected a window of shape ({self.sequence_length},). Received: {window.shape}.")
        before = (self.fft_length - self.sequence_length) // 2
        framed = np.pad(window, (before, self.fft_length - self.sequence_length - before))
        angle = 2 * np.pi * np.outer(np.arange(self.fft_length), np.arange(self.fft_length // 2 + 1)) / self.fft_length
        return (framed[:, None] * np.concatenate([np.cos(angle), np.sin(angle)], axis=1))[:, None, :]

    def triangles(self) -> np.ndarray:
        """(bins, num_mel_bins): how much each frequency counts in each band; frequency 0 in none."""

        def mels(hertz: Any) -> Any:
            return STEEPNESS * np.log1p(np.asarray(hertz) / BREAK)

        at = mels(np.linspace(0, self.sampling_rate / 2, self.fft_length // 2 + 1))[:, None]
        edges = np.linspace(mels(self.min_freq), mels(self.max_freq), self.num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        bands = np.maximum(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0)
        bands[0] = 0
        return bands

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        from gpunn import ops  # which is made of layers

        self.compute_output_shape(inputs.shape)
        half = self.fft_length // 2
        x = ops.expand_dims(ops.pad(inputs, ((0, 0), (half, half)), "reflect"), -1)
        heard = ops.square(ops.conv(x, self.waves().astype(self.dtype), self.sequence_stride))
        power = ops.add(*ops.split(heard, 2, axis=-1))
        y = power if self.mag_exp == 2 else ops.power(power, self.mag_exp / 2)
        y = ops.matmul(y, self.triangles().astype(self.dtype))
        if self.power_to_db:
            loud = 10 * np.log10(max(self.ref_power, self.min_power))
            y = ops.subtract(ops.multiply(ops.log10(ops.maximum(y, self.min_power)), 10.0), loud)
            y = ops.maximum(y, ops.subtract(ops.max(y), self.top_db))
        return ops.transpose(y, (0, 2, 1))

    def config(self) -> dict[str, Any]:
        names = ("fft_length", "sequence_stride", "sequence_length", "window", "sampling_rate", "num_mel_bins", "min_freq", "max_freq")
        more = ("power_to_db", "top_db", "mag_exp", "min_power", "ref_power")
        return {n: getattr(self, n) for n in (*names, *more)}
