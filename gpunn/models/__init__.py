"""Models: `Sequential`, `load_model`, `save_model`."""

from gpunn.layers import BatchNormalization, Input
from gpunn.models.model import Model
from gpunn.models.saving import load_model, save_model
from gpunn.models.sequential import Sequential

__all__ = ["BatchNormalization", "Input", "Model", "Sequential", "load_model", "save_model"]
