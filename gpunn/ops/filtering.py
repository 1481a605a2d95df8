"""Images under fixed windows: smoothed, their edges, how alike two are; the names of ``keras.ops.image``."""

from typing import Any

import numpy as np

from gpunn.layers.sliding import channels_last, sizes
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import convolving, shaping
from gpunn.ops.images import given_back, images_of
from gpunn.ops.one_type import floats_of

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]
SOBEL = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])


def gaussian_blur(images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: Any = None) -> Any:
    """Each pixel as a mean of those around it, weighed by a normal distribution; outside of the image there are zeros.

    kernel_size, sigma: of the window and the distribution, in pixels, along the width and along the height.
    """
    channels_last(data_format, "gaussian_blur")
    images, single = images_of(images, "gaussian_blur")
    wide, tall = sizes("kernel_size", kernel_size, 2, "gaussian_blur")
    along_width, along_height = (float(s) for s in np.broadcast_to(np.asarray(sigma, float), (2,)))
    return given_back(_smoothed(images, _bell(tall, along_height), _bell(wide, along_width), "same"), single)


def _bell(size: int, sigma: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


def _smoothed(images: Any, down: np.ndarray, across: np.ndarray, padding: str) -> Any:
    """The mean by the products of these weights: one axis after the other."""
    kind, channels = floats_of(images), images.shape[-1]
    for weights in (down[:, None], across[None, :]):
        kernel = np.repeat(weights[:, :, None, None], channels, axis=2).astype(kind)
        images = convolving.depthwise_conv(images, kernel, padding=padding)
    return images


def sobel_edges(images: Any, data_format: Any = None) -> Any:
    """How much brighter it gets downwards and to the right: (..., height, width, channels, 2) by Sobel's windows, zeros outside."""
    channels_last(data_format, "sobel_edges")
    images, single = images_of(images, "sobel_edges")
    windows = np.stack([-SOBEL.T, -SOBEL], axis=-1)[:, :, None]  # (3, 3, 1, 2)
    kernel = np.repeat(windows, images.shape[-1], axis=2).astype(floats_of(images))
    edges = convolving.depthwise_conv(images, kernel, padding="same")
    return given_back(shaping.reshape(edges, (-1, *images.shape[1:], 2)), single)


def ssim(
    image1: Any, image2: Any, max_val: float = 1.0, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
    data_format: Any = None,
) -> Any:
    """The structural similarity of two images, or of each pair of rows: 1 where they are alike (Wang et al. 2004); a number each.

    Means and variances are those within windows of `filter_size`, weighed by a normal distribution; `max_val` is the largest value there
    can be. Raises ValueError for unlike shapes, and for images smaller than a window.
    """
    channels_last(data_format, "ssim")
    (x, single), (y, _) = images_of(image1, "ssim"), images_of(image2, "ssim")
    if tuple(x.shape)[1:] != tuple(y.shape)[1:] or min(x.shape[1:3]) < filter_size:
        raise ValueError(
            f"ssim: expected two of one shape, at least {filter_size} pixels high and wide. "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    weights = _bell(filter_size, filter_sigma)
    mean_x, mean_y, of_xx, of_yy, of_xy = (
        _smoothed(v, weights, weights, "valid") for v in (x, y, a.square(x), a.square(y), a.multiply(x, y))
    )
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    squares, product = a.add(a.square(mean_x), a.square(mean_y)), a.multiply(mean_x, mean_y)
    variances, covariance = a.subtract(a.add(of_xx, of_yy), squares), a.subtract(of_xy, product)
    alike = a.multiply(a.add(a.multiply(2.0, product), c1), a.add(a.multiply(2.0, covariance), c2))
    found = along.mean(a.divide(alike, a.multiply(a.add(squares, c1), a.add(variances, c2))), axis=(1, 2, 3))
    return found[0] if single else found
