"""Images: `ImageDataGenerator` and its flows, functions on single images and on batches, reading and writing. Keras's names."""

from gpunn.preprocessing.file_flows import DataFrameIterator, DirectoryIterator
from gpunn.preprocessing.files import array_to_img, img_to_array, load_img, save_img, smart_resize
from gpunn.preprocessing.flows import Iterator, NumpyArrayIterator
from gpunn.preprocessing.generator import ImageDataGenerator
from gpunn.preprocessing.mixing import MixedFlow, augmix, cutmix, cutout, mix, mixup
from gpunn.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from gpunn.utils import image_dataset_from_directory

__all__ = [
    "DataFrameIterator", "DirectoryIterator", "ImageDataGenerator", "Iterator", "MixedFlow", "NumpyArrayIterator",
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "array_to_img", "augmix", "cutmix", "cutout",
    "image_dataset_from_directory", "img_to_array", "load_img", "mix", "mixup",
    "random_brightness", "random_channel_shift", "random_rotation", "random_shear", "random_shift", "random_zoom", "save_img",
    "smart_resize",
]
