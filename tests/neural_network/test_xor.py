"""SN-05 and EX-20: scikit-learn's perceptron on XOR, output and figures as the course prints them."""

import numpy as np
import pytest

from gpunn.neural_network import MLPClassifier

SNIPPET = '''
import numpy as np
from gpunn.neural_network import MLPClassifier

xs = np.array([[0, 0],[0, 1],[1, 0],[1, 1]])
ys = np.array([0, 1, 1, 0])

for activation in ['logistic', 'relu']:
    print ("\\nUsing activation %s" % activation)

    model = MLPClassifier(
        activation=activation,
        max_iter=10000,
        hidden_layer_sizes=(2,),
        random_state=20)

    model.fit(xs, ys)

    print('score:', model.score(xs, ys))
    print('predictions:', model.predict(xs))
    print('expected:', ys)
'''
PRINTED = """
Using activation logistic
score: 0.5
predictions: [1 1 1 1]
expected: [0 1 1 0]

Using activation relu
score: 1.0
predictions: [0 1 1 0]
expected: [0 1 1 0]
"""
XS, YS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
FIGURES = {  # activation: iterations, loss, probabilities, coefficients, intercepts
    "logistic": (
        16, 0.6963456603, [0.5440, 0.5371, 0.5427, 0.5356], [0.1406, 0.5778, 0.5696, 0.4624, -0.214, 0.0144], [-0.6405, 0.2561, 0.2421],
    ),
    "relu": (
        2989, 0.1338402736, [0.1713, 0.8896, 0.8908, 0.1063], [2.1919, 2.9778, 2.1917, 2.9679, -3.6005, 1.2343],
        [-2.1918, -0.0001, -1.5764],
    ),
}  # fmt: skip


def test_the_snippet_prints_what_the_slide_shows(either_cpu, capsys):
    exec(SNIPPET, {})
    assert capsys.readouterr().out == PRINTED


@pytest.mark.parametrize("activation", FIGURES)
def test_figures(either_cpu, activation):
    iterations, loss, probabilities, coefs, intercepts = FIGURES[activation]
    model = MLPClassifier(activation=activation, max_iter=10000, hidden_layer_sizes=(2,), random_state=20).fit(XS, YS)
    assert model.n_iter_ == iterations and model.loss_ == pytest.approx(loss, abs=1e-10)
    assert model.predict_proba(XS)[:, 1] == pytest.approx(probabilities, abs=5e-5)
    assert np.concatenate([c.ravel() for c in model.coefs_]) == pytest.approx(coefs, abs=5.1e-5)
    assert np.concatenate(model.intercepts_) == pytest.approx(intercepts, abs=5.1e-5)
