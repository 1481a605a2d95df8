"""ResNet-50, -101 and -152 (He et al. 2015, table 1), and their second version, with normalization before each convolution (2016)."""

from typing import Any

from gpunn import layers
from gpunn.applications.pretrained import Network
from gpunn.models import Model

FILTERS = (64, 128, 256, 512)
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}  # blocks of each stage
EPSILON = 1.001e-5
MD5 = {  # with the top, and without
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}


def _conv(x: Any, filters: int, size: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(filters, size, name=f"{name}_conv", **options)(x)


def _normalized(x: Any, name: str, relu: bool = True) -> Any:
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def _block(x: Any, filters: int, strides: int, project: bool, name: str) -> Any:
    """1 x 1, 3 x 3 and 1 x 1, added to the input, which a convolution brings to the new size where `project` says so."""
    past = _normalized(_conv(x, 4 * filters, 1, f"{name}_0", strides=strides), f"{name}_0", relu=False) if project else x
    x = _normalized(_conv(x, filters, 1, f"{name}_1", strides=strides), f"{name}_1")
    x = _normalized(_conv(x, filters, 3, f"{name}_2", padding="same"), f"{name}_2")
    x = _normalized(_conv(x, 4 * filters, 1, f"{name}_3"), f"{name}_3", relu=False)
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([past, x]))


def _block_v2(x: Any, filters: int, strides: int, project: bool, name: str) -> Any:
    """The same, each convolution after normalization and relu."""
    before = _normalized(x, f"{name}_preact")
    past = x
    if project:
        past = _conv(before, 4 * filters, 1, f"{name}_0", strides=strides)
    elif strides > 1:
        past = layers.MaxPooling2D(1, strides=strides)(x)
    x = _normalized(_conv(before, filters, 1, f"{name}_1", use_bias=False), f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = _normalized(_conv(x, filters, 3, f"{name}_2", strides=strides, use_bias=False), f"{name}_2")
    return layers.Add(name=f"{name}_out")([past, _conv(x, 4 * filters, 1, f"{name}_3")])


def _resnet(depth: int, second: bool, name: str, *arguments: Any) -> Model:
    network = Network(f"ResNet{depth}{'V2' if second else ''}", *arguments)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(network.images)
    x = _conv(x, 64, 7, "conv1", strides=2)
    x = x if second else _normalized(x, "conv1")
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    for stage, (filters, count) in enumerate(zip(FILTERS, DEPTHS[depth], strict=True), 2):
        for i in range(1, count + 1):
            block, title = (_block_v2, f"conv{stage}_block{i}") if second else (_block, f"conv{stage}_block{i}")
            halves = (i == count and stage < 5) if second else (i == 1 and stage > 2)
            x = block(x, filters, 2 if halves else 1, i == 1, title)
    x = _normalized(x, "post") if second else x
    if network.include_top:
        x = network.classified(layers.GlobalAveragePooling2D(name="avg_pool")(x))
    else:
        x = network.pooled(x, avg="avg_pool", max="max_pool")
    title, rest = f"resnet{depth}{'v2' if second else ''}", "" if network.include_top else "_notop"
    path = f"resnet/{title}_weights_tf_dim_ordering_tf_kernels{rest}.h5"
    return network.model(x, name, lambda: (path, MD5[title][not network.include_top]))


def _named(depth: int, second: bool, parameters: str) -> Any:
    title = f"ResNet{depth}{'V2' if second else ''}"

    def resnet(
        include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None,
        pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax", name: str = title.lower(),
    ) -> Model:
        arguments = include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
        return _resnet(depth, second, name, *arguments)

    resnet.__name__ = resnet.__qualname__ = title
    resnet.__doc__ = f"{title}: {parameters} parameters. Arguments, and what is raised: `gpunn.applications.pretrained.Network`."
    return resnet


ResNet50, ResNet101, ResNet152 = _named(50, False, "25,636,712"), _named(101, False, "44,707,176"), _named(152, False, "60,419,944")
ResNet50V2, ResNet101V2, ResNet152V2 = _named(50, True, "25,613,800"), _named(101, True, "44,675,560"), _named(152, True, "60,380,648")
