"""What the tests of penalties and constraints share: data, layers of either library, a stack with penalties of every kind."""

import numpy as np

import gpunn
from gpunn.constraints import Constraint
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.regularizers import L1, L1L2, L2, Lasso, Regularizer

ROWS, BATCH = 75, 8
RNG = np.random.default_rng(0)
X, LABELS, NUMBERS = RNG.standard_normal((ROWS, 6)), RNG.integers(0, 3, ROWS), RNG.standard_normal((ROWS, 2))
FIT = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}


def dense(units, activation=None, **options):
    return ("Dense", {"units": units, "activation": activation, **options})


def norm(**options):
    return ("BatchNormalization", options)


def regular(name, *arguments, **options):
    return {"module": "keras.regularizers", "class_name": name, "config": dict(zip(("l1", "l2"), arguments, strict=False)) | options}


def bound(name, **options):
    return {"module": "keras.constraints", "class_name": name, "config": options}


L1L2_MIX = regular("L1L2", 0.01, 0.02)
SGD_, ADAM = ("SGD", {"learning_rate": 0.1}), ("Adam", {"learning_rate": 0.01})
MOMENTUM = ("SGD", {"learning_rate": 0.05, "momentum": 0.9})
SPARSE = "sparse_categorical_crossentropy"


def stack(loss_end="softmax"):
    return Sequential(
        [
            Input((6,)), Dense(5, "tanh", kernel_regularizer=L1L2(0.1, 0.2), bias_regularizer="l2", activity_regularizer=L1L2(0.2, 0.1)),
            BatchNormalization(gamma_regularizer=L1(0.3), beta_regularizer=Lasso(0.5)), Activation("sigmoid", activity_regularizer=L2(0.5)),
            Dropout(0.3, activity_regularizer=L1(0.1)), Dense(4, kernel_regularizer="orthogonal_regularizer"),
            Dense(3, loss_end, kernel_regularizer=gpunn.regularizers.OrthogonalRegularizer(0.7, "columns"), activity_regularizer="l1_l2"),
        ]
    )


class Quartic(Regularizer):
    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, w):
        return self.factor * (w**4).sum(), 4 * self.factor * w**3


class Shrunk(Constraint):
    def __init__(self, factor=0.9):
        self.factor = factor

    def __call__(self, w):
        return w * self.factor


def quartic(w):
    return Quartic(0.1)(w)
