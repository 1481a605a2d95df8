"""Plain convolutional networks: LeNet-5, and one that is good on Fashion-MNIST."""

from typing import Any

from gpunn import layers
from gpunn.models import Sequential


def images_of(input_shape: Any, least: int, what: str) -> tuple[int, int, int]:
    """(height, width, channels); an image without channels gets one. Raises ValueError for what is no image, or too small a one."""
    shape = tuple(input_shape)
    shape = (*shape, 1) if len(shape) == 2 else shape
    if len(shape) != 3 or min(shape[:2]) < least:
        raise ValueError(
            f"{what}: expected input_shape=(height, width[, channels]) of at least {least} x {least}. Received: {tuple(input_shape)}."
        )
    return shape


def start(input_shape: Any, shape: tuple[int, int, int]) -> list[Any]:
    """The first layers: images as they are given, with an axis of channels behind."""
    given = tuple(input_shape)
    return [layers.Input(given)] + ([] if given == shape else [layers.Reshape(shape)])


def LeNet5(
    input_shape: Any = (28, 28, 1), classes: int = 10, activation: Any = "tanh", classifier_activation: Any = "softmax",
    name: str = "lenet5",
) -> Sequential:
    """LeCun et al. 1998: convolutions of 6 and 16 filters of 5 x 5, each followed by average pooling, then 120, 84 and `classes` units.

    Images of 28 x 28 are padded to 32 x 32 by the first convolution, as there. 61,706 parameters for 28 x 28 x 1. Between the
    convolutions all maps are connected (the paper leaves some out to save time). Raises ValueError for images under 12 x 12.
    """
    shape = images_of(input_shape, 12, "LeNet5")
    return Sequential([
        *start(input_shape, shape),
        layers.Conv2D(6, 5, padding="same", activation=activation), layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation=activation), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(120, activation), layers.Dense(84, activation), layers.Dense(classes, classifier_activation),
    ], name=name)


def FashionCNN(
    input_shape: Any = (28, 28, 1), classes: int = 10, dropout: float = 0.25, classifier_activation: Any = "softmax",
    name: str = "fashion_cnn",
) -> Sequential:
    """Two convolutions of 3 x 3 (32 and 64 filters, relu), each with max pooling, then dropout, 128 units and `classes`.

    Over 0.91 of Fashion-MNIST's test images in ten epochs of Adam, over 0.99 of MNIST's in five. Raises ValueError for images under 4 x 4.
    """
    shape = images_of(input_shape, 4, "FashionCNN")
    return Sequential([
        *start(input_shape, shape),
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(dropout),
        layers.Dense(128, "relu"), layers.Dense(classes, classifier_activation),
    ], name=name)
