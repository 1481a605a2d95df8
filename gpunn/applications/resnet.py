"""A residual network for small images (He et al. 2016, section 4.2)."""

from collections.abc import Sequence
from typing import Any

from gpunn import layers
from gpunn.applications.convolutional import images_of, start
from gpunn.models import Model


def ResNet(
    input_shape: Any = (28, 28, 1), classes: int = 10, filters: Sequence[int] = (16, 32, 64), blocks: int = 1,
    classifier_activation: Any = "softmax", name: str = "resnet",
) -> Model:
    """A convolution, then for each of `filters` so many `blocks`, then the mean over all places and `classes` units.

    A block is two convolutions of 3 x 3 with batch normalization, added to its input; the first of every stage but one halves height and
    width, and brings its input to the new size by a convolution of 1 x 1. ``blocks=3`` is the paper's ResNet-20 (with projections).
    Raises ValueError for images under 8 x 8.
    """
    shape = images_of(input_shape, 8, "ResNet")
    inputs, *reshape = start(input_shape, shape)
    x = inputs
    for layer in reshape:
        x = layer(x)
    x = _normalized(layers.Conv2D(filters[0], 3, padding="same", use_bias=False)(x), "relu")
    for stage, width in enumerate(filters):
        for block in range(blocks):
            x = _block(x, width, 2 if stage and not block else 1, bool(stage) and not block)
    outputs = layers.Dense(classes, classifier_activation)(layers.GlobalAveragePooling2D()(x))
    return Model(inputs, outputs, name=name)


def _normalized(x: Any, activation: str | None = None) -> Any:
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def _block(x: Any, filters: int, strides: int, project: bool) -> Any:
    y = _normalized(layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x), "relu")
    y = _normalized(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    if project:
        x = _normalized(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([y, x]))
