"""Knowledge distillation (Hinton et al. 2015): a small network learns from the data, and from a large one that knows them."""

from gpunn.distillation.distiller import Distiller
from gpunn.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
__dir__ = __all__.copy
