"""The data sets that the command line knows: their defaults and the default network of each."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Defaults of one data set.

    Attributes:
        module: its name in ``gpunn.datasets``.
        largest: the largest pixel value; pixels are divided by it.
        hidden: units of the hidden layers of the default network.
        epochs, batch_size: of a run that gets good in little time.
    """

    module: str
    largest: int
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int


PRESETS = {
    "fashion-mnist": Preset("fashion_mnist", 255, (300, 100), 15, 128),
    "mnist": Preset("mnist", 255, (300, 100), 10, 128),
    "digits": Preset("digits", 16, (128,), 25, 32),
}


def cnn(input_shape: tuple[int, ...], classes: int) -> Any:
    """The convolutional network: `gpunn.applications.FashionCNN`. Not compiled."""
    import gpunn

    return gpunn.applications.FashionCNN(input_shape, classes)


def mlp(input_shape: tuple[int, ...], classes: int, hidden: tuple[int, ...]) -> Any:
    """The default network: flatten, ReLU layers of the given widths, softmax.  Not compiled."""
    import gpunn

    layers = gpunn.layers
    return gpunn.models.Sequential([
        gpunn.Input(input_shape),
        layers.Flatten(),
        *(layers.Dense(units, activation="relu") for units in hidden),
        layers.Dense(classes, activation="softmax"),
    ])
