"""Layers. Each family has a file of its own; `base` says what a layer is."""

from typing import Any

from gpunn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.dense import Dense
from gpunn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from gpunn.layers.embedding import Embedding, Masking
from gpunn.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from gpunn.layers.normalization import BatchNormalization
from gpunn.layers.prelu import PReLU
from gpunn.layers.regularization import ActivityRegularization
from gpunn.layers.rnn import GRU, LSTM, SimpleRNN
from gpunn.layers.row_norms import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.layers.shape import Flatten, InputLayer, Reshape
from gpunn.layers.wrappers import Bidirectional, TimeDistributed

NAMES: dict[str, type[Layer]] = {
    c.__name__: c for c in (
        ELU, Activation, ActivityRegularization, Bidirectional, TimeDistributed, AlphaDropout, BatchNormalization, Dense, Dropout, Embedding, Flatten, GRU,
        GaussianDropout, GaussianNoise,
        GroupNormalization, InputLayer, LSTM, LayerNormalization, Masking, SimpleRNN, LeakyReLU, PReLU, RMSNormalization, ReLU, Reshape, Softmax, SpatialDropout1D,
        SpatialDropout2D, SpatialDropout3D, UnitNormalization,
    )
}


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None
) -> InputLayer:
    """What a model's rows look like, without the batch axis: ``Input(shape=(784,))``; or with it: ``Input(batch_shape=(None, 784))``."""
    return InputLayer(shape, batch_size, dtype, name, batch_shape)


__all__ = [
    "Bidirectional", "ELU", "Embedding", "GRU", "LSTM", "Masking", "SimpleRNN", "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dense", "Dropout", "Flatten", "GaussianDropout",
    "GaussianNoise", "GroupNormalization", "Input", "InputLayer", "Layer", "LayerNormalization", "LeakyReLU", "PReLU", "Parameter",
    "RMSNormalization", "ReLU", "Reshape", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "TimeDistributed", "UnitNormalization",
]
