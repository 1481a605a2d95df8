"""Initial weights: Keras's set. All are drawn on the CPU from `gpunn.random`, so that they are equal on every device."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import lookup, random


def fans(shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None) -> tuple[int, int]:
    """(fan in, fan out) of a kernel: (in, out) for a matrix, (*window, in, out) for a convolution, or the products of the axes given."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (int(shape[0]) if shape else 1,) * 2
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class Initializer:
    """``initializer(shape, dtype)`` -> array. A subclass gives `draw`, or ``__call__`` itself."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self.draw(tuple(int(n) for n in shape)).astype(dtype or "float32")

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} gives neither draw(shape) nor __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


# ---------------------------------------------------------------------- given values


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


# ---------------------------------------------------------------------- random values


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


class FromFunction(Initializer):
    """Any callable ``f(shape, dtype=None)``, or ``f(shape)``; what it returns is cast. Raises ValueError for a wrong shape."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = tuple(int(n) for n in shape), np.dtype(dtype or "float32").name
        values = np.asarray(self.function(shape, dtype=dtype) if _takes_dtype(self.function) else self.function(shape))
        if values.shape != shape:
            raise ValueError(f"The initializer {self!r} returned the wrong shape. Expected {shape}. Received: {values.shape}.")
        return values.astype(dtype)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def _takes_dtype(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin that tells nothing about itself
        return True
    return "dtype" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


# ---------------------------------------------------------------------- names

zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
random_uniform, random_normal, truncated_normal, variance_scaling = RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal, orthogonal = LecunUniform, LecunNormal, Orthogonal
NAMES: dict[str, Any] = {  # Keras 1 called some otherwise
    "zero": Zeros, "one": Ones, "uniform": RandomUniform, "normal": RandomNormal, "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal, "STFTInitializer": STFT,
}
_BASES = (Initializer, RandomInitializer, _Named, FromFunction)
for _name, _class in list(globals().items()):
    if isinstance(_class, type) and issubclass(_class, Initializer) and _class not in _BASES:
        NAMES[_name] = _class


def get(identifier: Any) -> Initializer:
    """An initializer from a name, object, configuration, array, or any callable. Raises ValueError listing the names."""
    if isinstance(identifier, np.ndarray):
        def given_array(shape: tuple[int, ...]) -> np.ndarray:
            return identifier

        return FromFunction(given_array)
    return lookup.optional("initializer", identifier, NAMES, Initializer, _wrapped) or _wrapped(identifier)


def _wrapped(thing: Any) -> Initializer:
    if not callable(thing):
        raise ValueError(f"Could not interpret initializer. Expected a name, an Initializer, an array or a callable. Received: {thing!r}.")
    return FromFunction(thing)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Its configuration, for `deserialize`. A function or an array is not written down: zeros stand for it, as weights are saved anyway."""
    return lookup.serialize(Zeros() if isinstance(initializer, FromFunction) else initializer)  # type: ignore[return-value]


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Initializer:
    """An initializer from its configuration; classes of your own are found in `custom_objects`."""
    with lookup.custom_objects(custom_objects):
        return get(config)
