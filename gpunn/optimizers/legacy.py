"""The names under which Keras 2's optimizers stand in course code (``keras.optimizers.legacy``): the same classes."""

from gpunn.optimizers.accumulating import Adadelta, Adagrad, Ftrl, RMSprop
from gpunn.optimizers.adam import Adam, Adamax, Nadam
from gpunn.optimizers.base import Optimizer
from gpunn.optimizers.descent import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop"]
