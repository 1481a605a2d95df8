"""scikit-learn's multi-layer perceptrons, trained by gpunn. Needs scikit-learn (``pip install "gpunn[sklearn]"``)."""

from gpunn.neural_network.classifier import MLPClassifier
from gpunn.neural_network.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
__dir__ = __all__.copy
