"""Initial weights that are given: constants, the identity, a Fourier transform."""

from typing import Any

import numpy as np

from gpunn.initializers.base import Initializer


class Constant(Initializer):
    """Every element is `value`, a number or an array that is broadcast to the shape."""

    def __init__(self, value: Any = 0.0):
        self.value = value

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value, np.float64), shape).copy()

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value.tolist() if isinstance(self.value, (np.ndarray, np.generic)) else self.value}


class Zeros(Initializer):
    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


class Ones(Initializer):
    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, zeros elsewhere. Raises ValueError for another rank."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices. Received: shape={shape} of rank {len(shape)}.")
        return self.gain * np.eye(*shape)


class STFT(Initializer):
    """The windowed short-time Fourier transform as a Conv1D kernel (frame length, 1, bins): its cosines ("real") or sines ("imag").

    `window`: a name that `scipy.signal.get_window` knows, an array, or None; `scaling`: "density", "spectrum" or None. Needs SciPy for a
    window by name. Raises ValueError for other names.
    """

    def __init__(self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False):
        if side not in ("real", "imag") or scaling not in (None, "density", "spectrum"):
            raise ValueError(
                "STFT: expected side 'real' or 'imag', scaling 'density', 'spectrum' or None. "
                f"Received: side={side!r}, scaling={scaling!r}."
            )
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, bool(periodic)

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 3:
            raise ValueError(f"STFT: expected the shape (frame length, channels, bins). Received: {shape}.")
        frame, _, bins = shape
        angle = -2.0 * np.pi * np.arange(frame).reshape(-1, 1, 1) * np.arange(bins) / (2 * (bins - 1))
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            window = self.window
            if isinstance(window, str):
                from scipy.signal import get_window

                window = get_window(window, frame, self.periodic)
            window = np.asarray(window, np.float64)
            if window.shape != (frame,):
                raise ValueError(f"STFT: expected a window of shape ({frame},). Received: {window.shape}.")
            scale = {None: 1.0, "density": np.sqrt(np.square(window).sum()), "spectrum": np.abs(window).sum()}[self.scaling]
            kernel = kernel * window.reshape(-1, 1, 1) / scale
        return np.broadcast_to(kernel, shape).copy()
