"""Loops and conditions of `keras.ops`: as Keras has them on arrays; of a known number of rounds in a graph too."""

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import Input, layers, ops

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
CASES = {
    "cond": lambda o: o.cond(o.sum(X) > 0, lambda: X, lambda: -X),
    "switch": lambda o: o.switch(7, [lambda x: x, lambda x: 2 * x], X),
    "while_loop": lambda o: o.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, X))[1],
    "while_loop of one": lambda o: o.while_loop(lambda i: i < 5, lambda i: i + 2, 0),
    "while_loop with an end": lambda o: o.while_loop(lambda i, x: True, lambda i, x: (i + 1, x + i), (0, X), maximum_iterations=4)[1],
    "fori_loop": lambda o: o.fori_loop(1, 4, lambda i, x: x + i, X),
    "scan": lambda o: o.scan(lambda s, x: (s + x, s * x), X[0], X)[1],
    "scan's state": lambda o: o.scan(lambda s, x: (s + x, s * x), X[0], X)[0],
    "scan backwards": lambda o: o.scan(lambda s, x: (s + x, s), X[0], X, reverse=True)[1],
    "map": lambda o: o.map(lambda x: x * o.sum(x), X),
    "vectorized_map": lambda o: o.vectorized_map(lambda x: o.sum(x), X),
}


@pytest.mark.parametrize("case", CASES)
def test_as_keras_has_it(case):
    ours, theirs = np.asarray(CASES[case](ops)), np.asarray(CASES[case](keras_twin.keras.ops))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.usefixtures("cpu")
def test_a_loop_in_a_graph():
    class Powers(layers.Layer):
        def call(self, x):
            return ops.fori_loop(0, 3, lambda i, y: y * x, x)

    model = gpunn.Sequential([Input((3,)), Powers()])
    np.testing.assert_allclose(model.predict(X, verbose=0), X**4, rtol=1e-5)


def test_what_depends_on_values_is_said():
    x = Input((3,))
    with pytest.raises(TypeError, match="has no values yet"):
        ops.while_loop(lambda y: ops.sum(y) < 3, lambda y: y * 2, x)
    with pytest.raises(TypeError, match="has no values yet"):
        ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)
    with pytest.raises(ValueError, match="known first length"):
        ops.scan(lambda s, y: (s, y), 0.0, x)
    with pytest.raises(ValueError, match="real and imaginary"):
        ops.fft2(X)
