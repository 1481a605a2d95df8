"""What networks for ImageNet have in common: where images come in, what stands on top, weights from a file or from the network's makers."""

import os
from collections.abc import Callable
from typing import Any

from gpunn import layers
from gpunn.applications.imagenet import CLASSES
from gpunn.models import Model
from gpunn.models.topology import get_source_inputs

SIZE, LEAST = 224, 32
STORE = "https://storage.googleapis.com/tensorflow/keras-applications/"
POOLING: dict[str | None, Any] = {None: None, "avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


class Network:
    """One network that is being made: `images`, then the caller's layers, then `model`. Arguments are those of Keras's functions:

    include_top: whether the classifier is there. weights: "imagenet", which is downloaded; a file; or None, for fresh ones. input_tensor:
    a symbolic tensor of images. input_shape: (height, width, channels), by default (224, 224, 3), and without the top of any size.
    pooling: without the top, "avg" or "max" of all places. classes and classifier_activation: of the top.

    Raises ValueError for arguments that contradict each other, and images under 32 x 32.
    """

    def __init__(
        self, what: str, include_top: bool, weights: Any, input_tensor: Any, input_shape: Any, pooling: str | None, classes: int,
        classifier_activation: Any,
    ):
        self.what, self.include_top, self.weights, self.classes = what, bool(include_top), weights, classes
        self.classifier_activation = classifier_activation
        if weights not in (None, "imagenet") and not os.path.exists(weights):
            raise ValueError(f"{what}: expected weights to be None, 'imagenet' or a file. Received: weights={weights!r}.")
        if weights == "imagenet" and include_top and classes != CLASSES:
            raise ValueError(f"{what}: weights='imagenet' with its top has {CLASSES} classes. Received: classes={classes!r}.")
        if pooling not in POOLING:
            raise ValueError(f"{what}: expected pooling to be None, 'avg' or 'max'. Received: pooling={pooling!r}.")
        self.pooling = pooling
        self.images = self._inputs(input_tensor, input_shape)

    def _inputs(self, tensor: Any, shape: Any) -> Any:
        if tensor is not None:
            self.inputs: Any = get_source_inputs(tensor)
            self.inputs = self.inputs if len(self.inputs) > 1 else self.inputs[0]
            shape = tensor.shape[1:] if shape is None else shape
        elif shape is None:
            shape = (SIZE, SIZE, 3) if self.include_top else (None, None, 3)
        shape = tuple(shape)
        if len(shape) != 3 or any(n is not None and n < LEAST for n in shape[:2]):
            least = f"at least {LEAST} x {LEAST}"
            raise ValueError(f"{self.what}: expected input_shape=(height, width, channels), {least}. Received: input_shape={shape}.")
        if self.include_top and None in shape:
            raise ValueError(f"{self.what}: with include_top=True images must have a known size. Received: input_shape={shape}.")
        if self.weights == "imagenet" and shape[2] != 3:
            raise ValueError(f"{self.what}: weights='imagenet' are for 3 channels. Received: input_shape={shape}.")
        self.shape = shape
        if tensor is not None:
            return tensor
        self.inputs = layers.Input(shape)
        return self.inputs

    def pooled(self, x: Any, **names: str) -> Any:
        """Without the top: the mean or maximum of all places, where it was asked for, by a name for each kind."""
        layer = POOLING[self.pooling]
        return x if layer is None else layer(name=names.get(self.pooling or ""))(x)

    def classified(self, x: Any) -> Any:
        """The last layer, of `classes` units."""
        return layers.Dense(self.classes, self.classifier_activation, name="predictions")(x)

    def model(self, x: Any, name: str, source: Callable[[], tuple[str, str | None]]) -> Model:
        """The model that ends here, with its weights; `source` gives the path below `STORE` and the MD5 of those for ImageNet."""
        model = Model(self.inputs, x, name=name)
        if self.weights == "imagenet":
            from gpunn.datasets.fetch import get_file

            path, md5 = source()
            model.load_weights(get_file(path.rpartition("/")[2], STORE + path, cache_subdir="models", file_hash=md5))
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model
