"""Pipeline: layers one after another as one layer."""

from collections.abc import Sequence
from typing import Any

from gpunn.layers.augmentation import one_image
from gpunn.layers.base import Layer
from gpunn.layers.described import layer_of, serialize


class Pipeline(Layer):
    """Layers one after another, of preprocessing or augmentation above all. Called by itself it acts as in training, as they do.

    Raises ValueError for what is no list of layers.
    """

    trains_alone = True

    def __init__(self, layers: Sequence[Any], **common: Any):
        made = [layer_of(layer) for layer in layers] if isinstance(layers, (list, tuple)) else []
        if not made or not all(isinstance(layer, Layer) for layer in made):
            raise ValueError(f"Pipeline takes a list of layers. Received: layers={layers!r}.")
        super().__init__(**{"dtype": made[0].dtype, **common})
        self.layers = made

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        if one_image(x) and all(layer.images_alone for layer in self.layers):
            return super().__call__(x[None], *others, **options)[0]
        return super().__call__(x, *others, **options)

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # type: ignore[override]
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def config(self) -> dict[str, Any]:
        return {"layers": [serialize(layer) for layer in self.layers]}
