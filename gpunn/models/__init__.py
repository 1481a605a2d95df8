"""Models: `Model` and `Sequential`, `load_model`, `save_model`, `model_from_json`."""

from gpunn.layers import BatchNormalization, Input
from gpunn.models.as_json import model_from_json
from gpunn.models.clone import clone_model
from gpunn.models.functional import Functional
from gpunn.models.model import Model
from gpunn.models.replicas import Replicas
from gpunn.models.saving import load_model, save_model
from gpunn.models.sequential import Sequential

__all__ = [
    "BatchNormalization", "Functional", "Input", "Model", "Replicas", "Sequential", "clone_model", "load_model",
    "model_from_json", "save_model",
]
__dir__ = __all__.copy
