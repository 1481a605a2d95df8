"""``tf.random``: functions whose arguments are others than those of `gpunn.ops.distributions`."""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.ops import distributions, drawing
from gpunn.results import dressed


def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None) -> Any:
    """Numbers of the gamma distribution: so many for each `alpha`."""
    alpha = np.asarray(alpha, float)
    lengths = [shape] if np.ndim(shape) == 0 else list(shape)
    found = distributions.gamma((*(int(n) for n in lengths), *alpha.shape), alpha, dtype, seed)
    return dressed(found if beta is None else ops.divide(found, beta))


def categorical(logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None, name: str | None = None) -> Any:
    """Classes drawn by their log-probabilities, (rows, num_samples)."""
    return dressed(distributions.categorical(logits, num_samples, dtype, seed))


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """Rows in another order."""
    return dressed(distributions.shuffle(value, 0, seed))


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, name: Any = None) -> Any:
    """Normal numbers, none further from the mean than two deviations."""
    return dressed(distributions.truncated_normal(shape, mean, stddev, dtype, seed))


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None) -> Any:
    """Numbers between two bounds, evenly; whole ones where `dtype` is of these."""
    if np.dtype(dtype).kind in "iu":
        return dressed(distributions.randint(shape, minval, maxval, dtype, seed))
    return dressed(drawing.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed))


class Generator:
    """``tf.random.Generator``: draws of its own, which follow from its seed alone. The numbers are not TensorFlow's."""

    def __init__(self, seed: int | None = None):
        self.reset_from_seed(seed)

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> "Generator":
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> "Generator":
        return cls(int(np.random.SeedSequence().generate_state(1)[0] >> 1))

    def reset_from_seed(self, seed: int | None) -> None:
        """Begin anew."""
        self._seeds = drawing.SeedGenerator(seed)

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: str | None = None) -> Any:
        return dressed(drawing.normal(shape, mean, stddev, dtype, self._seeds))

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: str | None = None) -> Any:
        return truncated_normal(shape, mean, stddev, dtype, self._seeds)

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: str | None = None) -> Any:
        return uniform(shape, minval, maxval, dtype, self._seeds)
