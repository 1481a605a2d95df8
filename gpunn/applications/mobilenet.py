"""MobileNet (Howard et al. 2017) and MobileNetV2 (Sandler et al. 2018)."""

from typing import Any

from gpunn import layers
from gpunn.applications.pretrained import SIZE, Network
from gpunn.models import Model

STAGES = (  # of MobileNet: filters, strides
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1),
)
STAGES_V2 = (  # of MobileNetV2: filters, strides, how many times the input's channels there are within
    (16, 1, 1), (24, 2, 6), (24, 1, 6), (32, 2, 6), *((32, 1, 6),) * 2, (64, 2, 6), *((64, 1, 6),) * 3, *((96, 1, 6),) * 3,
    (160, 2, 6), *((160, 1, 6),) * 2, (320, 1, 6),
)
ALPHAS = {"MobileNet": (0.25, 0.5, 0.75, 1.0), "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)}  # of which there are weights
SIZES = {"MobileNet": (128, 160, 192, 224), "MobileNetV2": (96, 128, 160, 192, 224)}


def _start(what: str, alpha: float, include_top: bool, weights: Any, *arguments: Any) -> tuple[Network, int, str]:
    """-> (the network, the size of images that its weights for ImageNet were trained on, its name)."""
    if weights == "imagenet" and alpha not in ALPHAS[what]:
        raise ValueError(f"{what}: weights='imagenet' are there for alpha of {ALPHAS[what]}. Received: alpha={alpha!r}.")
    network = Network(what, include_top, weights, *arguments)
    height, width = network.shape[:2]
    size = height if height == width and height in SIZES[what] else SIZE
    return network, size, f"{what.lower()}_{alpha:0.2f}_{size if weights == 'imagenet' else height}"


def _narrow(x: Any, filters: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name, **options)(x)


def MobileNet(
    input_shape: Any = None, alpha: float = 1.0, depth_multiplier: int = 1, dropout: float = 0.001, include_top: bool = True,
    weights: Any = "imagenet", input_tensor: Any = None, pooling: str | None = None, classes: int = 1000,
    classifier_activation: Any = "softmax", name: str | None = None,
) -> Model:
    """Thirteen depthwise convolutions, each followed by one of 1 x 1, with `alpha` times the paper's filters: 4,253,864 parameters.

    depth_multiplier: filters for each channel of a depthwise convolution. Other arguments, and what is raised:
    `gpunn.applications.pretrained.Network`."""
    if weights == "imagenet" and depth_multiplier != 1:
        raise ValueError(f"MobileNet: weights='imagenet' are there for depth_multiplier=1. Received: {depth_multiplier!r}.")
    arguments = input_tensor, input_shape, pooling, classes, classifier_activation
    network, size, title = _start("MobileNet", alpha, include_top, weights, *arguments)

    def rectified(x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))

    first = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")
    x = rectified(first(network.images), "conv1")
    for i, (filters, strides) in enumerate(STAGES, 1):
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        deep = layers.DepthwiseConv2D(
            3, strides=strides, padding="same" if strides == 1 else "valid", depth_multiplier=depth_multiplier, use_bias=False,
            name=f"conv_dw_{i}",
        )
        x = rectified(deep(x), f"conv_dw_{i}")
        x = rectified(_narrow(x, int(filters * alpha), f"conv_pw_{i}"), f"conv_pw_{i}")
    if network.include_top:
        x = layers.Dropout(dropout, name="dropout")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        x = layers.Reshape((classes,), name="reshape_2")(layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x))
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = network.pooled(x)
    share = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}.get(alpha)
    path = f"mobilenet/mobilenet_{share}_{size}_tf{'' if network.include_top else '_no_top'}.h5"
    return network.model(x, name or title, lambda: (path, None))


def MobileNetV2(
    input_shape: Any = None, alpha: float = 1.0, include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None,
    pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax", name: str | None = None,
) -> Model:
    """Seventeen inverted residual blocks, with `alpha` times the paper's filters, in multiples of eight: 3,538,984 parameters.
    Other arguments, and what is raised: `gpunn.applications.pretrained.Network`."""
    arguments = input_tensor, input_shape, pooling, classes, classifier_activation
    network, size, title = _start("MobileNetV2", alpha, include_top, weights, *arguments)
    first = layers.Conv2D(_eights(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")
    x = layers.ReLU(6.0, name="Conv1_relu")(_normal("bn_Conv1")(first(network.images)))
    for i, (filters, strides, times) in enumerate(STAGES_V2):
        x = _inverted(x, _eights(int(filters * alpha)), strides, times, f"block_{i}_" if i else "expanded_conv_")
    last = layers.Conv2D(_eights(1280 * alpha) if alpha > 1 else 1280, 1, use_bias=False, name="Conv_1")
    x = layers.ReLU(6.0, name="out_relu")(_normal("Conv_1_bn")(last(x)))
    x = network.classified(layers.GlobalAveragePooling2D()(x)) if network.include_top else network.pooled(x)
    rest = "" if network.include_top else "_no_top"
    path = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}{rest}.h5"
    return network.model(x, name or title, lambda: (path, None))


def _normal(name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)


def _inverted(x: Any, filters: int, strides: int, times: int, prefix: str) -> Any:
    """1 x 1 to more channels, a depthwise 3 x 3, 1 x 1 to `filters`; added to the input where it is of the same shape."""
    before, channels = x, x.shape[-1]
    if times > 1:
        x = _normal(f"{prefix}expand_BN")(_narrow(x, times * channels, f"{prefix}expand"))
        x = layers.ReLU(6.0, name=f"{prefix}expand_relu")(x)
    if strides == 2:  # 3 x 3 with strides of two over an even number of places needs one more behind alone
        x = layers.ZeroPadding2D(tuple((0 if n is None else n % 2, 1) for n in x.shape[1:3]), name=f"{prefix}pad")(x)
    deep = layers.DepthwiseConv2D(
        3, strides=strides, padding="same" if strides == 1 else "valid", use_bias=False, name=f"{prefix}depthwise"
    )
    x = layers.ReLU(6.0, name=f"{prefix}depthwise_relu")(_normal(f"{prefix}depthwise_BN")(deep(x)))
    x = _normal(f"{prefix}project_BN")(_narrow(x, filters, f"{prefix}project"))
    return layers.Add(name=f"{prefix}add")([before, x]) if channels == filters and strides == 1 else x


def _eights(number: float) -> int:
    """The nearest multiple of eight, which is no more than a tenth smaller."""
    near = max(8, int(number + 4) // 8 * 8)
    return near + 8 if near < 0.9 * number else near
