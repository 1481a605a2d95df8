"""Keras 2's path of the basic layers: ``from gpunn.layers.core import Dense``."""

from gpunn.layers import Activation, Dense, Dropout, Flatten, Reshape

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Reshape"]
