"""Layers. Each family has a file of its own; `base` says what a layer is."""

from typing import Any

from gpunn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gpunn.layers.augmentation_colour import (
    RandomBrightness,
    RandomChannelShift,
    RandomContrast,
    RandomGaussianBlur,
    RandomSaturation,
    SaltAndPepper,
)
from gpunn.layers.augmentation_crop import CenterCrop, RandomCrop, Resizing
from gpunn.layers.augmentation_geometry import RandomAffine, RandomFlip, RandomRotation, RandomShear, RandomTranslation, RandomZoom
from gpunn.layers.augmentation_mix import CutMix, MixUp
from gpunn.layers.augmentation_parts import AugMix, Cutout, RandomElasticTransform, RandomErasing
from gpunn.layers.augmentation_scaling import Normalization, Rescaling
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.dense import Dense
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from gpunn.layers.normalization import BatchNormalization
from gpunn.layers.prelu import PReLU
from gpunn.layers.regularization import ActivityRegularization
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, InputLayer, Reshape
from gpunn.layers.text_vectorization import TextVectorization

NAMES: dict[str, type[Layer]] = {
    c.__name__: c for c in (
        ELU, Activation, ActivityRegularization, AlphaDropout, BatchNormalization, Dense, Dropout, Flatten, GaussianDropout, GaussianNoise,
        GroupNormalization, InputLayer, LayerNormalization, LeakyReLU, PReLU, RMSNormalization, ReLU, Reshape, Softmax, SpatialDropout1D,
        SpatialDropout2D, SpatialDropout3D, UnitNormalization,
        AugMix, CenterCrop, CutMix, Cutout, MixUp,
        Normalization, RandomAffine, RandomBrightness, RandomChannelShift, RandomContrast, RandomCrop,
        RandomElasticTransform, RandomErasing, RandomFlip, RandomGaussianBlur, RandomRotation, RandomSaturation, RandomShear,
        RandomTranslation, RandomZoom, Rescaling, Resizing, SaltAndPepper, TextVectorization,
    )
}


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None
) -> InputLayer:
    """What a model's rows look like, without the batch axis: ``Input(shape=(784,))``; or with it: ``Input(batch_shape=(None, 784))``."""
    return InputLayer(shape, batch_size, dtype, name, batch_shape)


__all__ = [
    "ELU", "Activation", "ActivityRegularization", "AlphaDropout", "AugMix", "BatchNormalization", "CenterCrop", "CutMix", "Cutout",
    "Dense", "Dropout", "Flatten", "GaussianDropout", "GaussianNoise", "GroupNormalization", "Input", "InputLayer", "Layer",
    "LayerNormalization", "LeakyReLU", "MixUp", "Normalization", "PReLU", "Parameter", "RMSNormalization", "RandomAffine",
    "RandomBrightness", "RandomChannelShift", "RandomContrast", "RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip",
    "RandomGaussianBlur", "RandomRotation", "RandomSaturation", "RandomShear", "RandomTranslation", "RandomZoom", "ReLU", "Rescaling",
    "Reshape", "Resizing", "SaltAndPepper", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "TextVectorization",
    "UnitNormalization",
]
