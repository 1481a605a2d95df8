"""Random categories, integers and orders, at once: made of `drawing.uniform` numbers."""

from typing import Any

import numpy as np

from gpunn import config
from gpunn.ops.drawing import uniform

TINY = 2.0**-53


def _shares(shape: Any, seed: Any) -> np.ndarray:
    """Numbers between 0 and 1, without either."""
    return np.clip(np.asarray(uniform(tuple(shape), dtype="float64", seed=seed), np.float64), TINY, 1 - TINY)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> np.ndarray:
    """(rows, num_samples) of classes, each drawn with the probabilities whose logarithms, but for a constant, are in (rows, classes).

    Raises ValueError for logits of other axes.
    """
    given = np.asarray(logits, np.float64)
    if given.ndim != 2:
        raise ValueError(f"categorical: expected logits of shape (rows, classes). Received: shape {given.shape}.")
    noise = -np.log(-np.log(_shares((len(given), int(num_samples), given.shape[1]), seed)))  # Gumbel's: the largest sum is such a draw
    return (given[:, None, :] + noise).argmax(axis=-1).astype(dtype or "int32")


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> np.ndarray:
    """Integers from minval up to maxval, without it. Raises ValueError where there is none."""
    if not minval < maxval:
        raise ValueError(f"randint: expected minval below maxval. Received: {minval!r} and {maxval!r}.")
    found = np.floor(minval + (maxval - minval) * _shares(shape, seed))
    return np.minimum(found, maxval - 1).astype(dtype or "int32")


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Normal numbers within two standard deviations of their mean."""
    from statistics import NormalDist

    normal = NormalDist()
    low, high = normal.cdf(-2.0), normal.cdf(2.0)
    shares = low + (high - low) * _shares(shape, seed)
    values = np.array([normal.inv_cdf(s) for s in shares.reshape(-1).tolist()]).reshape(shares.shape)
    return (mean + stddev * values).astype(dtype or config.floatx())


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> np.ndarray:
    """The same in another order along an axis."""
    array = np.asarray(x)
    return np.take(array, np.argsort(_shares((array.shape[axis],), seed), kind="stable"), axis)
