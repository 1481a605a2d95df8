"""VGG-16 and VGG-19 (Simonyan and Zisserman 2014, configurations D and E)."""

from typing import Any

from gpunn import layers
from gpunn.applications.pretrained import Network
from gpunn.models import Model

FILTERS = (64, 128, 256, 512, 512)
DEPTHS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # convolutions of each block
MD5 = {
    (16, True): "64373286793e3c8b2b4e3219cbf3544b", (16, False): "6d6bbae143d832006294945121d1f1fc",
    (19, True): "cbe5617147190e668d6c5d5026f83318", (19, False): "253f8cb515780f3b799900260a226db6",
}


def _vgg(depth: int, name: str, *arguments: Any) -> Model:
    network = Network(f"VGG{depth}", *arguments)
    x = network.images
    for block, (filters, count) in enumerate(zip(FILTERS, DEPTHS[depth], strict=True), 1):
        for i in range(1, count + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if network.include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, "relu", name="fc1")(x)
        x = network.classified(layers.Dense(4096, "relu", name="fc2")(x))
    else:
        x = network.pooled(x)
    rest = "" if network.include_top else "_notop"
    path = f"vgg{depth}/vgg{depth}_weights_tf_dim_ordering_tf_kernels{rest}.h5"
    return network.model(x, name, lambda: (path, MD5[depth, network.include_top]))


def VGG16(
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None, pooling: str | None = None,
    classes: int = 1000, classifier_activation: Any = "softmax", name: str = "vgg16",
) -> Model:
    """Thirteen convolutions of 3 x 3 in five blocks, each with max pooling, then 4096, 4096 and `classes` units: 138,357,544 parameters.
    Arguments, and what is raised: `gpunn.applications.pretrained.Network`."""
    return _vgg(16, name, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)


def VGG19(
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None, pooling: str | None = None,
    classes: int = 1000, classifier_activation: Any = "softmax", name: str = "vgg19",
) -> Model:
    """The same with sixteen convolutions: 143,667,240 parameters."""
    return _vgg(19, name, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
