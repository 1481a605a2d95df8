"""The modules of ``keras.applications``: which networks each has, and what stands beside them."""

from gpunn.compat import absent

_HERE = {
    "mobilenet": ("MobileNet",), "mobilenet_v2": ("MobileNetV2",), "resnet": ("ResNet50", "ResNet101", "ResNet152"),
    "resnet50": ("ResNet50",), "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"), "vgg16": ("VGG16",), "vgg19": ("VGG19",),
}
MODULES = {  # name -> "module:attribute", by the module of keras.applications
    **{module: {name: f"gpunn.applications:{name}" for name in names} for module, names in _HERE.items()},
    **{module: {name: f"gpunn.compat.absent:{name}" for name in names} for module, names in absent.NETWORKS.items()},
}
_PREPARED = {  # how images are for them; for all others as "tf" says
    **dict.fromkeys(("resnet", "resnet50", "vgg16", "vgg19"), "caffe"), "densenet": "torch",
    **dict.fromkeys(("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3"), "none"),
}


def beside(module: str) -> dict[str, str]:
    """What a module has beside its networks."""
    return {
        "preprocess_input": f"gpunn.applications.imagenet:preprocess_{_PREPARED.get(module, 'tf')}",
        "decode_predictions": "gpunn.applications.imagenet:decode_predictions",
    }
