"""EX-21: what the three XOR networks of the Keras slide learn, over many draws of their weights."""

import numpy as np
import pytest

from gpunn.layers import Dense
from gpunn.models import Sequential
from gpunn.random import set_random_seed

pytestmark = pytest.mark.usefixtures("cpu")
X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
DRAWS = 24


def normal(shape, dtype=None):
    return np.random.normal(loc=0.75, scale=1e-2, size=shape)


def outcomes(units, activation, epochs=1000):
    """Accuracy and final loss of each draw."""
    found = []
    for seed in range(DRAWS):
        set_random_seed(seed)
        model = Sequential([Dense(units, activation, kernel_initializer=normal, input_dim=2), Dense(1, "sigmoid")])
        model.compile(loss="mean_squared_error", optimizer="adam", metrics="accuracy")
        model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0)
        loss, accuracy = model.evaluate(X, Y, verbose=0)
        found.append((accuracy, loss))
    return np.transpose(found)


def test_ex21_the_usual_outcome_of_each_model():
    """The slide's accuracies are the most frequent ones (its digits are one draw), and the mean loss falls from model to model."""
    losses = []
    for (units, activation), printed in [((2, "sigmoid"), 0.75), ((2, "relu"), 1.0), ((3, "relu"), 1.0)]:
        accuracy, loss = outcomes(units, activation)
        values, counts = np.unique(accuracy, return_counts=True)
        assert values[counts.argmax()] == printed, dict(zip(values, counts, strict=True))
        assert set(values) <= {0.25, 0.5, 0.75, 1.0}
        losses.append(loss.mean())
    assert losses[0] > losses[1] > losses[2]
