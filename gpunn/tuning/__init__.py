"""Choosing the numbers of a training: learning-rate range test, capacity search, grid and random search, the loss along weights."""

from gpunn.training.health import dead_neurons, gradient_norms
from gpunn.tuning.capacity import CapacitySearch, capacity_path, capacity_search
from gpunn.tuning.finder import LRFinder, lr_range_test
from gpunn.tuning.landscape import LossCurve, loss_along
from gpunn.tuning.search import GridSearch, RandomSearch, Trial
from gpunn.tuning.trial import training_score

__all__ = [
    "CapacitySearch", "GridSearch", "LRFinder", "LossCurve", "RandomSearch", "Trial", "capacity_path", "capacity_search", "dead_neurons",
    "gradient_norms", "loss_along", "lr_range_test", "training_score",
]
__dir__ = __all__.copy
