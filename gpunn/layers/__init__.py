"""Layers. Each family has a file of its own; `base` says what a layer is."""

from gpunn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gpunn.layers.attention import MultiHeadAttention
from gpunn.layers.attention_grouped import GroupQueryAttention
from gpunn.layers.attention_scores import AdditiveAttention, Attention
from gpunn.layers.augmentation_augmix import AugMix
from gpunn.layers.augmentation_channels import RandomColorJitter, RandomGrayscale, RandomHue, RandomInvert
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
from gpunn.layers.augmentation_parts import Cutout, RandomElasticTransform, RandomErasing
from gpunn.layers.augmentation_perspective import RandomPerspective
from gpunn.layers.augmentation_randaugment import RandAugment
from gpunn.layers.augmentation_scaling import Normalization, Rescaling
from gpunn.layers.augmentation_shades import (
    AutoContrast,
    Equalization,
    RandomColorDegeneration,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.category_encoding import CategoryEncoding
from gpunn.layers.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from gpunn.layers.conv import Conv1D, Conv2D
from gpunn.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from gpunn.layers.conv_separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from gpunn.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
from gpunn.layers.dense import Dense
from gpunn.layers.described import deserialize, serialize
from gpunn.layers.discretization import Discretization
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.einsum_dense import EinsumDense
from gpunn.layers.embedding import Embedding, Masking
from gpunn.layers.function import Lambda
from gpunn.layers.graph import KerasTensor
from gpunn.layers.hashing import HashedCrossing, Hashing
from gpunn.layers.input import Input, InputLayer, InputSpec
from gpunn.layers.joining import Concatenate, Dot, concatenate, dot
from gpunn.layers.lookup import IntegerLookup, StringLookup
from gpunn.layers.merge import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from gpunn.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from gpunn.layers.normalization import BatchNormalization
from gpunn.layers.own_wrappers import Wrapper
from gpunn.layers.pipeline import Pipeline
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
from gpunn.layers.pooling_adaptive import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from gpunn.layers.prelu import PReLU
from gpunn.layers.regularization import ActivityRegularization
from gpunn.layers.resizing import Cropping1D, Cropping2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D
from gpunn.layers.reversible_embedding import ReversibleEmbedding
from gpunn.layers.rnn import GRU, LSTM, SimpleRNN
from gpunn.layers.rnn_of_cells import RNN
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, Identity, Permute, RepeatVector, Reshape
from gpunn.layers.spectral import SpectralNormalization
from gpunn.layers.spectrograms import MelSpectrogram, STFTSpectrogram
from gpunn.layers.text_vectorization import TextVectorization
from gpunn.layers.volumes import (
    AveragePooling3D,
    Conv3D,
    Conv3DTranspose,
    Cropping3D,
    GlobalAveragePooling3D,
    GlobalMaxPooling3D,
    MaxPooling3D,
    UpSampling3D,
    ZeroPadding3D,
)
from gpunn.layers.wrappers import Bidirectional, TimeDistributed

NAMES: dict[str, type[Layer]] = {
    name: found for name, found in list(globals().items()) if isinstance(found, type) and issubclass(found, Layer) and found is not Layer
}
# Keras's second names
Convolution1D, Convolution2D, Convolution1DTranspose, Convolution2DTranspose = Conv1D, Conv2D, Conv1DTranspose, Conv2DTranspose
Convolution3D, Convolution3DTranspose, MaxPool3D, AvgPool3D = Conv3D, Conv3DTranspose, MaxPooling3D, AveragePooling3D
GlobalMaxPool3D, GlobalAvgPool3D = GlobalMaxPooling3D, GlobalAveragePooling3D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, MaxPool2D, AvgPool1D, AvgPool2D = MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D

_FUNCTIONS = (Input, add, average, concatenate, deserialize, dot, maximum, minimum, multiply, serialize, subtract)
_CLASSES = (Layer, Parameter, KerasTensor, InputSpec)
__all__ = sorted(n for n, found in globals().items() if found in _FUNCTIONS or (isinstance(found, type) and issubclass(found, _CLASSES)))
__dir__ = __all__.copy
