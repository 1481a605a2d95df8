"""Random numbers of other distributions, at once; the names of ``keras.random``. The normal and the even one are in `drawing`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import config, random
from gpunn.layers.fed import drawn
from gpunn.layers.graph import KerasTensor
from gpunn.ops.drawing import SeedGenerator


def _generator(seed: Any) -> np.random.Generator:
    """NumPy's, of the next numbers, those of a seed, or the next ones of a `SeedGenerator`."""
    if isinstance(seed, SeedGenerator):
        key = seed.seed, seed.stream()
    else:
        key = (random.current_seed(), random.next_stream()) if seed is None else (int(seed), 0)
    return np.random.Generator(np.random.Philox(key=[n % 2**64 for n in key]))


def _numbers(draw: Callable[[np.random.Generator], Any], dtype: Any, seed: Any) -> Any:
    return drawn(lambda: np.asarray(draw(_generator(seed))).astype(dtype or config.floatx()))


def _shape(shape: Any) -> tuple[int, ...]:
    lengths: list[Any] = [shape] if isinstance(shape, (int, np.integer, KerasTensor)) else list(shape)
    if any(n is None or (isinstance(n, KerasTensor) and not n.has_values) for n in lengths):
        raise TypeError(f"A shape to draw: expected whole numbers; of a symbolic length `normal` and `uniform` draw. Received: {shape!r}.")
    return tuple(int(n) for n in lengths)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Whole numbers from `minval` up to `maxval`, without it. Raises ValueError where there is none."""
    wanted = _shape(shape)
    if not minval < maxval:
        raise ValueError(f"randint: expected minval below maxval. Received: {minval!r} and {maxval!r}.")
    return _numbers(lambda g: g.integers(minval, maxval, wanted), dtype, seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normal numbers, none further from the mean than two deviations: those that were are drawn again."""
    wanted = _shape(shape)

    def draw(g: np.random.Generator) -> np.ndarray:
        out = g.standard_normal(wanted)
        while (far := np.abs(out) > 2).any():
            out = np.where(far, g.standard_normal(wanted), out)
        return mean + stddev * out

    return _numbers(draw, dtype, seed)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of the gamma distribution of scale one."""
    wanted = _shape(shape)
    return _numbers(lambda g: g.gamma(np.asarray(alpha, float), size=wanted), dtype, seed)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of the beta distribution, from 0 to 1."""
    wanted = _shape(shape)
    return _numbers(lambda g: g.beta(np.asarray(alpha, float), np.asarray(beta, float), wanted), dtype, seed)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Any:
    """How many of so many attempts succeed."""
    wanted = _shape(shape)
    return _numbers(lambda g: g.binomial(np.asarray(counts, int), np.asarray(probabilities, float), wanted), dtype, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """For each row of unnormalized log-probabilities (rows, classes) so many classes, (rows, num_samples)."""
    scores = np.asarray(logits, float)
    if scores.ndim != 2:
        raise ValueError(f"categorical: expected logits of shape (rows, classes). Received: shape {scores.shape}.")

    def draw(g: np.random.Generator) -> np.ndarray:
        noise = g.gumbel(size=(len(scores), num_samples, scores.shape[1]))
        return (scores[:, None] + noise).argmax(-1)

    return _numbers(draw, dtype, seed)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """In another order along an axis."""
    array = np.asarray(x)
    return _numbers(lambda g: g.permutation(array, axis), array.dtype, seed)
