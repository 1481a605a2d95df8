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


def __dir__() -> list[str]:
    """The names for users."""
    return sorted(__all__)
