"""``tf.image.random_...``: changes of images that are drawn for each call, and the ``stateless_random_...`` ones, drawn by a seed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import random
from gpunn.compat import pictures
from gpunn.results import dressed

Draws = np.random.Generator


def _draws(seed: Any) -> Draws:
    """By a seed; without one by the seed of `set_random_seed`, other numbers each time."""
    if seed is None:
        return np.random.default_rng([random.current_seed(), random.next_stream()])
    return np.random.default_rng([int(n) % 2**32 for n in np.atleast_1d(seed)])


def _flip(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def flipped(image: Any, draws: Draws) -> Any:
        if np.ndim(image) == 3:
            return function(image) if draws.random() < 0.5 else dressed(np.asarray(image))
        chosen = draws.random(len(image)) < 0.5
        return dressed(np.where(chosen[:, None, None, None], function(image), image))

    return flipped


def _by(change: Callable[..., Any], image: Any, draws: Draws, lower: float, upper: float) -> Any:
    """A change by a number between two bounds."""
    return change(image, draws.uniform(lower, upper))


def _around(change: Callable[..., Any], image: Any, draws: Draws, max_delta: float) -> Any:
    return change(image, draws.uniform(-max_delta, max_delta))


def _crop(value: Any, draws: Draws, size: Any) -> Any:
    shape = np.shape(value)
    if len(shape) != len(size) or any(n > whole for n, whole in zip(size, shape, strict=True)):
        raise ValueError(f"tf.image.random_crop: expected a size within the shape {shape}. Received: {tuple(size)}.")
    first = [int(draws.integers(whole - n + 1)) for n, whole in zip(size, shape, strict=True)]
    return dressed(np.asarray(value)[tuple(np.s_[a : a + n] for a, n in zip(first, size, strict=True))])


left_right, up_down = _flip(pictures.flip_left_right), _flip(pictures.flip_up_down)


def random_flip_left_right(image: Any, seed: Any = None) -> Any:
    """Mirrored from side to side, or not: each image of several by itself."""
    return left_right(image, _draws(seed))


def random_flip_up_down(image: Any, seed: Any = None) -> Any:
    """Upside down, or not."""
    return up_down(image, _draws(seed))


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`adjust_brightness` by a number up to `max_delta` to either side."""
    return _around(pictures.adjust_brightness, image, _draws(seed), max_delta)


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`adjust_hue` by a number up to `max_delta` to either side."""
    return _around(pictures.adjust_hue, image, _draws(seed), max_delta)


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`adjust_contrast` by a factor between two bounds."""
    return _by(pictures.adjust_contrast, image, _draws(seed), lower, upper)


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`adjust_saturation` by a factor between two bounds."""
    return _by(pictures.adjust_saturation, image, _draws(seed), lower, upper)


def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """A part of this size, anywhere. Raises ValueError for a size that does not fit."""
    return _crop(value, _draws(seed), size)


stateless_random_flip_left_right, stateless_random_flip_up_down = random_flip_left_right, random_flip_up_down
stateless_random_brightness, stateless_random_hue = random_brightness, random_hue
stateless_random_contrast, stateless_random_saturation = random_contrast, random_saturation
stateless_random_crop = random_crop
