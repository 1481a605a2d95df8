"""Linear models with scikit-learn's face, trained by gpunn. Needs scikit-learn (``pip install "gpunn[sklearn]"``)."""

from gpunn.linear_model.least_squares import LinearRegression
from gpunn.linear_model.logistic import LogisticRegression, logit, odds
from gpunn.linear_model.perceptron import Perceptron

__all__ = ["LinearRegression", "LogisticRegression", "Perceptron", "logit", "odds"]
__dir__ = __all__.copy
