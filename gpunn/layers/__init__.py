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
from gpunn.layers.augmentation_parts import AugMix, Cutout, RandomElasticTransform, RandomErasing
from gpunn.layers.augmentation_scaling import Normalization, Rescaling
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.conv import Conv1D, Conv2D
from gpunn.layers.conv_separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from gpunn.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
from gpunn.layers.dense import Dense
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.embedding import Embedding, Masking
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
from gpunn.layers.rnn import GRU, LSTM, SimpleRNN
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, InputLayer, Reshape
from gpunn.layers.wrappers import Bidirectional, TimeDistributed

NAMES: dict[str, type[Layer]] = {
    name: found for name, found in list(globals().items()) if isinstance(found, type) and issubclass(found, Layer) and found is not Layer
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


_public = (Layer, Parameter)
__all__ = sorted(n for n, found in globals().items() if found is Input or (isinstance(found, type) and issubclass(found, _public)))
