"""Names of Keras that gpunn does not have, and which scripts and libraries import all the same: an error once they are called."""

import itertools
from collections.abc import Callable
from typing import Any

NETWORKS = {  # by the module of keras.applications
    "convnext": tuple(f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge")),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{i}" for i in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "L", "M", "S")),
    "inception_resnet_v2": ("InceptionResNetV2",), "inception_v3": ("InceptionV3",),
    "mobilenet_v3": ("MobileNetV3Large", "MobileNetV3Small"), "nasnet": ("NASNetLarge", "NASNetMobile"), "xception": ("Xception",),
}
POLICIES = (
    "AWQDTypePolicy", "DTypePolicyMap", "GPTQDTypePolicy", "Int4DTypePolicy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy",
)
_INSTEAD = {
    **dict.fromkeys(itertools.chain(*NETWORKS.values()), ("applications", "It has VGG, ResNet, MobileNet, and layers for others.")),
    **dict.fromkeys(POLICIES, ("dtype_policies", "A model's layers compute in one type, float32 or float64.")),
    **dict.fromkeys(("MultiOptimizer", "OptimizerMap"), ("optimizers", "A subclass of Optimizer may give an update_step.")),
    "OrbaxCheckpoint": ("callbacks", "ModelCheckpoint and BackupAndRestore write gpunn's and Keras's own files."),
    "KerasFileEditor": ("saving", "A .keras file is a ZIP archive of JSON and HDF5; load_model and load_weights read it."),
    "Quantizer": ("quantizers", "Weights are float32 or float64."),
}


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in _INSTEAD:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, instead = _INSTEAD[name]

    def absent(*arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(f"gpunn has no keras.{module}.{name}. {instead}")

    absent.__name__ = absent.__qualname__ = name
    return absent
