"""What is drawn outside of training: anew in every batch, prediction and call, and without a trace in training."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

from gpunn import Input, layers, ops
from gpunn.models import Model, Sequential
from gpunn.ops import drawing
from gpunn.utils import set_random_seed


class Always(layers.Dropout):
    """Dropout that acts in predictions too (Gal & Ghahramani 2016)."""

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


class Noise(layers.Layer):
    def call(self, x):
        return x + drawing.normal(ops.shape(x))


def given():
    x = Input((6,))
    return Model(x, layers.Dropout(0.5)(x, training=True))


MAKE = [lambda: Sequential([Input((6,)), Always(0.5)]), lambda: Sequential([Input((6,)), Noise()]), given]
X = np.ones((40, 6), "float32")


@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize("make", MAKE)
def test_every_prediction_draws_anew(make, device):
    set_random_seed(1)
    model = make().to(device)
    found = [model.predict(X, verbose=0) for _ in range(3)] + [np.asarray(model(X)), np.asarray(model(X))]
    for i, one in enumerate(found):
        assert not any(np.array_equal(one, other) for other in found[:i])
    batches = model.predict(X, batch_size=20, verbose=0)
    assert not np.array_equal(batches[:20], batches[20:]), "batches share their numbers"


@needs_gxx
@pytest.mark.parametrize("make", MAKE)
def test_the_same_from_one_seed(make):
    found = []
    for device in ("cpu", "sim"):
        set_random_seed(7)
        model = make().to(device)
        found.append([model.predict(X, batch_size=16, verbose=0) for _ in range(2)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_a_model_called_as_in_training(cpu):
    set_random_seed(2)
    model = Sequential([Input((50,)), layers.Dropout(0.25), layers.GaussianNoise(0.1)])
    found = np.stack([model(np.ones((20, 50)), training=True) for _ in range(30)])
    assert found.std(axis=0).min() > 0.1 and found.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(model.predict(np.ones((3, 50)), verbose=0), 1)


def test_training_is_as_without_predictions(cpu):
    def train(looked):
        set_random_seed(3)
        model = Sequential([Input((6,)), Always(0.3), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("adam", "mse")
        for _ in range(3):
            model.fit(X, X[:, :1], batch_size=8, epochs=1, verbose=0)
            if looked:
                model.predict(X, verbose=0)
                model(X, training=True)
        return model.get_weights()

    for a, b in zip(train(False), train(True), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0), lambda: Always(0.5), Noise])
def test_a_layer_alone(make, cpu):
    set_random_seed(4)
    layer, other = make(), make()
    found = [np.asarray(one(X, training=True)) for one in (layer, layer, other)]
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
