"""Layers. Each family has a file of its own; `base` says what a layer is."""

from gpunn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.dense import Dense
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.graph import KerasTensor
from gpunn.layers.input import Input, InputLayer
from gpunn.layers.joining import Concatenate, Dot, concatenate, dot
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
from gpunn.layers.prelu import PReLU
from gpunn.layers.regularization import ActivityRegularization
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, Identity, Permute, RepeatVector, Reshape

NAMES: dict[str, type[Layer]] = {
    c.__name__: c for c in (
        ELU, Activation, ActivityRegularization, AlphaDropout, BatchNormalization, Dense, Dropout, Flatten, GaussianDropout, GaussianNoise,
        GroupNormalization, InputLayer, LayerNormalization, LeakyReLU, PReLU, RMSNormalization, ReLU, Reshape, Softmax, SpatialDropout1D,
        SpatialDropout2D, SpatialDropout3D, UnitNormalization,
        Add, Average, Concatenate, Dot, Identity, Maximum, Minimum, Multiply, Permute, RepeatVector, Subtract,
    )
}

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Dot",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Parameter",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "UnitNormalization",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
