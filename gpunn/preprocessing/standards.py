"""Images brought to a standard: rescaled, centred, divided by deviations, whitened. What an ImageDataGenerator does last."""

import math
import warnings
from typing import Any

import numpy as np

from gpunn.kernels.augment_scale import scale_columns

SMALL = 1e-6  # added to deviations, as in Keras


class Standards:
    """The standards of an ImageDataGenerator, which sets the attributes."""

    dtype: str
    rescale: float | None
    preprocessing_function: Any
    samplewise_center: bool
    samplewise_std_normalization: bool
    featurewise_center: bool
    featurewise_std_normalization: bool
    zca_whitening: bool
    zca_epsilon: float
    mean: Any = None
    std: Any = None
    zca_whitening_matrix: Any = None

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        raise NotImplementedError

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """An image, or a batch of them, standardized; in place where it is of a floating type."""
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        each = tuple(range(x.ndim - 3, x.ndim))
        if self.preprocessing_function is not None:
            one = x.ndim == 3
            x = np.stack([self.preprocessing_function(image) for image in (x[None] if one else x)]).astype(self.dtype)
            x = x[0] if one else x
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean(axis=each, keepdims=True)
        if self.samplewise_std_normalization:
            x /= x.std(axis=each, keepdims=True) + SMALL
        if self._fitted(self.featurewise_center, self.mean, "featurewise_center"):
            x -= self.mean
        if self._fitted(self.featurewise_std_normalization, self.std, "featurewise_std_normalization"):
            x /= self.std + SMALL
        if self._fitted(self.zca_whitening, self.zca_whitening_matrix, "zca_whitening"):
            x = (x.reshape(-1, math.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _fitted(self, wanted: bool, found: Any, name: str) -> bool:
        if wanted and found is None:
            warnings.warn(f"This ImageDataGenerator has {name}=True, but has not been fitted: call fit(x) first.", stacklevel=3)
        return wanted and found is not None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn mean, deviation and whitening from images (rows, height, width, channels), rescaled, and with `augment` changed at random
        `rounds` times. Raises ValueError for an array of other axes."""
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Argument x of ImageDataGenerator.fit: expected (rows, height, width, channels). Received: {x.shape}.")
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        if self.featurewise_center:
            self.mean = x.mean(axis=(0, 1, 2), keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axis=(0, 1, 2), keepdims=True)[0]
            x /= self.std + SMALL
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (math.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T

    def scaled(self, ops: Any, x: Any) -> Any:
        """rescale and the featurewise standards as one launch."""
        scale = np.full(x.shape[1:], self.rescale or 1.0)
        offset = np.zeros_like(scale)
        if self.featurewise_center:
            offset = offset - self.mean
        if self.featurewise_std_normalization:
            scale, offset = scale / (self.std + SMALL), offset / (self.std + SMALL)
        if (scale == 1).all() and not offset.any():
            return x
        y = ops.empty(x.shape, x.dtype)
        ops.launch(scale_columns, x, *(ops.asarray(a.reshape(-1), x.dtype) for a in (scale, offset)), y)
        return y
