"""Sound: waveforms with noise, shifted in time, faster or slower, higher or lower (``pip install "gpunn[audio]"`` for the last two).

A waveform is an array (..., samples); what stands in front, a batch, is changed row by row, at random each row in its own way. Random
amounts follow from `seed`, or from NumPy's global generator where it is None.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "add_noise", "change_pitch", "change_speed", "random_noise", "random_pitch", "random_shift", "random_speed", "shift",
]  # fmt: skip

WINDOW = 2048  # samples of a frame of the phase vocoder; shorter for short waveforms
SHORTEST = 64  # samples that are worth a phase vocoder


def add_noise(x: Any, snr_db: float | None = None, amount: float = 0.005, kind: str = "gaussian", seed: int | None = None) -> np.ndarray:
    """x plus "gaussian" noise of deviation `amount`, or "uniform" noise between plus and minus `amount`; with `snr_db` so loud that the
    signal's power is that many decibels above the noise's, in each row."""
    if kind not in ("gaussian", "uniform"):
        raise ValueError(f"Argument kind: expected 'gaussian' or 'uniform'. Received: {kind!r}.")
    amount = _number("amount", amount, amount >= 0, "a number of at least 0")
    snr_db = None if snr_db is None else _number("snr_db", snr_db)
    wave, rng = _waves(x), _generator(seed)
    noise = rng.standard_normal(wave.shape) if kind == "gaussian" else rng.uniform(-1, 1, wave.shape)
    if snr_db is not None:
        power = np.mean(wave.astype(np.float64) ** 2, axis=-1, keepdims=True)
        own = 1.0 if kind == "gaussian" else 1 / 3
        return (wave + noise * np.sqrt(power / own / 10 ** (snr_db / 10))).astype(wave.dtype)
    return (wave + amount * noise).astype(wave.dtype)


def shift(x: Any, seconds: float, sample_rate: float) -> np.ndarray:
    """x later by so many seconds (to the right), or earlier for negative ones (to the left); silence where nothing is left. Same length."""
    wave = _waves(x)
    by = round(_number("seconds", seconds) * _rate(sample_rate))
    out = np.zeros_like(wave)
    n = wave.shape[-1]
    if abs(by) < n:
        out[..., max(by, 0) : n + min(by, 0)] = wave[..., max(-by, 0) : n - max(by, 0)]
    return out


def change_speed(x: Any, rate: float) -> np.ndarray:
    """x `rate` times as fast, at the same pitch: round(samples / rate) samples. A phase vocoder (Flanagan & Golden 1966) over SciPy's
    short-time Fourier transform. Raises ValueError for a rate that is not positive."""
    rate, wave = _number("rate", rate, rate > 0, "a number above 0"), _waves(x)
    n = round(wave.shape[-1] / rate)
    if rate == 1 or n == 0 or wave.shape[-1] == 0:
        return wave[..., :n].copy()
    if wave.shape[-1] < SHORTEST:  # too short to have a pitch
        places = np.arange(n) * rate
        flat = wave.reshape(-1, wave.shape[-1])
        return np.stack([np.interp(places, np.arange(wave.shape[-1]), row) for row in flat]).reshape(*wave.shape[:-1], n).astype(wave.dtype)
    from scipy.signal import istft, stft

    window = min(WINDOW, 1 << max(4, (wave.shape[-1] // 4).bit_length()))
    options: dict[str, Any] = {"nperseg": window, "noverlap": window - window // 4}
    spectrum = stft(wave.astype(np.float64), **options)[2]  # (..., bins, frames)
    places = np.arange(0, spectrum.shape[-1] - 1, rate)
    left = places.astype(int)
    share = places - left
    before, after = spectrum[..., left], spectrum[..., left + 1]
    loud = (1 - share) * np.abs(before) + share * np.abs(after)
    steady = 2 * np.pi * (window // 4) / window * np.arange(spectrum.shape[-2])[:, None]  # what a bin's own frequency turns in a hop
    turned = np.angle(after) - np.angle(before) - steady
    turned = steady + turned - 2 * np.pi * np.round(turned / (2 * np.pi))
    phase = np.angle(spectrum[..., :1]) + np.concatenate([np.zeros_like(turned[..., :1]), np.cumsum(turned, axis=-1)[..., :-1]], axis=-1)
    return _of_length(istft(loud * np.exp(1j * phase), **options)[1], n).astype(wave.dtype)


def change_pitch(x: Any, semitones: float, sample_rate: float | None = None) -> np.ndarray:
    """x higher by so many semitones (lower for negative ones), as long as before: stretched in time, then resampled by soxr where that is
    installed, else by SciPy. The sample rate does not matter; it is accepted because librosa asks for it."""
    wave = _waves(x)
    factor = 2.0 ** (_number("semitones", semitones) / 12)
    if factor == 1 or wave.shape[-1] == 0:
        return wave.copy()
    longer = change_speed(wave.astype(np.float64), 1 / factor)
    return _of_length(resampled(longer, 1 / factor), wave.shape[-1]).astype(wave.dtype)


def resampled(wave: np.ndarray, factor: float) -> np.ndarray:
    """`factor` times as many samples."""
    flat = wave.reshape(-1, wave.shape[-1])
    try:
        import soxr
    except ImportError:
        from fractions import Fraction

        from scipy.signal import resample_poly

        ratio = Fraction(factor).limit_denominator(500)
        out = resample_poly(flat, ratio.numerator, ratio.denominator, axis=-1)
    else:
        out = np.stack([soxr.resample(row, 1.0, factor) for row in flat]) if len(flat) else flat
    return out.reshape(*wave.shape[:-1], -1)


def random_noise(x: Any, amount: Any = (0.0, 0.01), kind: str = "gaussian", seed: int | None = None) -> np.ndarray:
    """`add_noise` with an amount from the range (lower, upper), for each row its own."""
    rng = _generator(seed)
    return _each(x, rng, _range("amount", amount), lambda row, a: add_noise(row, None, a, kind, int(rng.integers(2**31))))


def random_shift(x: Any, max_seconds: float, sample_rate: float, direction: str = "both", seed: int | None = None) -> np.ndarray:
    """`shift` by up to max_seconds, "left" (forward in time), "right", or "both" ways."""
    ranges = {"left": (-max_seconds, 0.0), "right": (0.0, max_seconds), "both": (-max_seconds, max_seconds)}
    if direction not in ranges or not 0 <= max_seconds < math.inf:
        raise ValueError(
            f"Expected a direction of {tuple(ranges)} and max_seconds of at least 0. Received: {direction!r} and {max_seconds!r}."
        )
    return _each(x, _generator(seed), ranges[direction], lambda row, seconds: shift(row, seconds, sample_rate))


def random_speed(x: Any, rate: Any = (0.8, 1.25), seed: int | None = None) -> np.ndarray:
    """`change_speed` by a rate from the range (lower, upper); cut, or filled up with silence, to the length it had, so that rows of a batch
    stay of one length."""
    low, high = _range("rate", rate)
    _number("rate", rate, low > 0, "a pair of numbers above 0")
    return _each(x, _generator(seed), (low, high), lambda row, r: _of_length(change_speed(row, r), row.shape[-1]))


def random_pitch(x: Any, semitones: Any = (-2.0, 2.0), seed: int | None = None) -> np.ndarray:
    """`change_pitch` by a number of semitones from the range (lower, upper)."""
    return _each(x, _generator(seed), _range("semitones", semitones), change_pitch)


def _each(x: Any, rng: Any, amounts: tuple[float, float], change: Callable[[np.ndarray, float], np.ndarray]) -> np.ndarray:
    """Every row changed by an amount of its own."""
    wave = _waves(x)
    rows = wave.reshape(-1, wave.shape[-1])
    drawn = rng.uniform(*amounts, len(rows))
    return np.stack([change(row, float(a)) for row, a in zip(rows, drawn, strict=True)]).reshape(wave.shape) if len(rows) else wave.copy()


def _waves(x: Any) -> np.ndarray:
    wave = np.asarray(x)
    if wave.ndim == 0 or wave.dtype.kind not in "iuf":
        raise ValueError(f"Expected a waveform, an array of numbers (..., samples). Received: dtype {wave.dtype} and shape {wave.shape}.")
    if wave.dtype.kind == "f" and not np.isfinite(wave).all():
        place = np.argwhere(~np.isfinite(wave))[0].tolist()
        raise ValueError(f"Expected a waveform of finite numbers. Received: NaN or infinity at {place}.")
    return wave if wave.dtype.kind == "f" else wave.astype(np.float32)


def _rate(value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"Argument sample_rate: expected samples a second, a number above 0. Received: {value!r}.")
    return float(value)


def _number(name: str, value: Any, fits: bool = True, expected: str = "a number") -> Any:
    """A finite number, or a pair, that fits. Raises ValueError for any other."""
    if not (fits and np.isfinite(value).all()):
        raise ValueError(f"Argument {name}: expected {expected}. Received: {value!r}.")
    return value


def _range(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not -math.inf < value[0] <= value[1] < math.inf:
        raise ValueError(f"Argument {name}: expected a pair (lower, upper), in order. Received: {value!r}.")
    return float(value[0]), float(value[1])


def _of_length(wave: np.ndarray, n: int) -> np.ndarray:
    """Cut, or filled up with silence."""
    wave = wave[..., :n]
    return np.concatenate([wave, np.zeros((*wave.shape[:-1], n - wave.shape[-1]), wave.dtype)], axis=-1)


def _generator(seed: int | None) -> Any:
    return np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
