"""SN-05, EX-20, EX-21: XOR by MLPClassifier, digit for digit, and by the three networks of the Keras slide, over many draws."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gpunn.layers import Dense
from gpunn.models import Sequential
from gpunn.neural_network import MLPClassifier
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


SLIDE = """
Using activation logistic
score: 0.5
predictions: [1 1 1 1]
expected: [0 1 1 0]

Using activation relu
score: 1.0
predictions: [0 1 1 0]
expected: [0 1 1 0]
"""


def test_sn05_the_slides_output(play, capsys):
    """Digit for digit."""
    play("sn05")
    assert capsys.readouterr().out == SLIDE


@pytest.mark.parametrize(
    ("activation", "iterations", "loss", "probabilities", "coefs", "intercepts"),
    [
        ("logistic", 16, 0.6963456603, [0.5440, 0.5371, 0.5427, 0.5356],
         [[[0.1406, 0.5778], [0.5696, 0.4624]], [[-0.214], [0.0144]]], [[-0.6405, 0.2561], [0.2421]]),
        ("relu", 2989, 0.1338402736, [0.1713, 0.8896, 0.8908, 0.1063],
         [[[2.1919, 2.9778], [2.1917, 2.9679]], [[-3.6005], [1.2343]]], [[-2.1918, -0.0001], [-1.5764]]),
    ],
)
def test_ex20_scikit_learns_course(activation, iterations, loss, probabilities, coefs, intercepts):
    model = MLPClassifier(activation=activation, max_iter=10000, hidden_layer_sizes=(2,), random_state=20)
    model.fit(X.astype(float), Y[:, 0])
    assert model.n_iter_ == iterations and model.loss_ == pytest.approx(loss, abs=5e-9)
    np.testing.assert_allclose(model.predict_proba(X.astype(float))[:, 1], probabilities, atol=5e-5)
    for found, expected in zip(model.coefs_ + model.intercepts_, coefs + intercepts, strict=True):
        np.testing.assert_allclose(found, expected, atol=5.1e-5)


def test_err22_the_sigmoid_network_was_stopped():
    """What ends the logistic run after 16 epochs is `tol`, on a plateau. Left alone for 5,000, the same network from the same weights, at
    the same rate, learns XOR."""
    settings = {"activation": "logistic", "hidden_layer_sizes": (2,), "random_state": 20}
    assert MLPClassifier(**settings, max_iter=10000).fit(X, Y[:, 0]).n_iter_ == 16
    with pytest.warns(ConvergenceWarning):
        model = MLPClassifier(**settings, max_iter=5000, tol=0, n_iter_no_change=5000).fit(X, Y[:, 0])
    assert model.n_iter_ == 5000 and model.score(X, Y[:, 0]) == 1
