"""Layers. Each family has a file of its own; `base` says what a layer is."""

from typing import Any

from gpunn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.conv import Conv1D, Conv2D
from gpunn.layers.conv_separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from gpunn.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
from gpunn.layers.dense import Dense
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from gpunn.layers.normalization import BatchNormalization
from gpunn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from gpunn.layers.prelu import PReLU
from gpunn.layers.regularization import ActivityRegularization
from gpunn.layers.resizing import Cropping1D, Cropping2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, InputLayer, Reshape

NAMES: dict[str, type[Layer]] = {
    c.__name__: c for c in (
        ELU, Activation, ActivityRegularization, AlphaDropout, BatchNormalization, Dense, Dropout, Flatten, GaussianDropout, GaussianNoise,
        GroupNormalization, InputLayer, LayerNormalization, LeakyReLU, PReLU, RMSNormalization, ReLU, Reshape, Softmax, SpatialDropout1D,
        SpatialDropout2D, SpatialDropout3D, UnitNormalization,
        AveragePooling1D, AveragePooling2D, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Cropping1D, Cropping2D,
        DepthwiseConv1D, DepthwiseConv2D, GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D,
        MaxPooling1D, MaxPooling2D, SeparableConv1D, SeparableConv2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D,
    )
}
# Keras's second names
Convolution1D, Convolution2D, Convolution1DTranspose, Convolution2DTranspose = Conv1D, Conv2D, Conv1DTranspose, Conv2DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, MaxPool2D, AvgPool1D, AvgPool2D = MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None
) -> InputLayer:
    """What a model's rows look like, without the batch axis: ``Input(shape=(784,))``; or with it: ``Input(batch_shape=(None, 784))``."""
    return InputLayer(shape, batch_size, dtype, name, batch_shape)


__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "PReLU",
    "Parameter",
    "RMSNormalization",
    "ReLU",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]
