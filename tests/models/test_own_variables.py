"""Variables that a class derived from Model, or from Layer, keeps as attributes, or in lists and dicts: weights, as in Keras."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn
from gpunn.compat.variables import Variable

X = np.linspace(-2, 2, 32)[:, None]


def made(library, variable):
    class Layer(library.layers.Layer):
        def __init__(self):
            super().__init__()
            self.several = []
            for value in (0.5, 1.5):
                self.several.append(variable(np.float64(value), name="several"))
            self.named = {"shift": variable(0.25, name="shift"), "still": variable(2.0, trainable=False, name="still")}

        def call(self, x):
            return self.several[0] * x + self.several[1] * self.named["shift"] * self.named["still"]

    class Model(library.Model):
        def __init__(self):
            super().__init__()
            self.scale, self.inner = variable(np.ones(1), name="scale"), Layer()
            self.late = []
            self.late.append(variable(0.75, name="late"))

        def call(self, x):
            return self.inner(self.scale * x) + self.late[0]

    model = Model()
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_they_are_weights_and_learn_as_in_keras(device, float64, tmp_path):
    compute_in("float64")
    models = made(gpunn, Variable).to(device), made(keras, keras.Variable)
    for model in models:
        model.fit(X, 3 * X + 2, epochs=2, batch_size=8, shuffle=False, verbose=0)
    ours, theirs = models
    assert ours.count_params() == 6 and len(ours.trainable_weights) == len(theirs.trainable_weights) == 5
    mine, other = (sorted(float(w.squeeze()) for w in model.get_weights()) for model in models)
    np.testing.assert_allclose(mine, other, rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-6)
    ours.save_weights(tmp_path / "m.weights.h5")
    other = made(gpunn, Variable)
    other.build((None, 1))
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(other.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-9)
