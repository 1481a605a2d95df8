"""The names of ``keras.ops.image``."""

from gpunn.ops import colours, filtering, warping
from gpunn.ops.images import (
    crop_images,
    extract_patches,
    extract_patches_3d,
    pad_images,
    resize,
    rgb_to_grayscale,
    scale_and_translate,
)

_FURTHER = (colours, filtering, warping)
globals().update({name: getattr(module, name) for module in _FURTHER for name in module.__all__})
__all__ = [
    "crop_images", "extract_patches", "extract_patches_3d", "pad_images", "resize", "rgb_to_grayscale", "scale_and_translate",
    *(name for module in _FURTHER for name in module.__all__),
]
__dir__ = __all__.copy
