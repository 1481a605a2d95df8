"""Pipeline and the base class of wrappers."""

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.models import load_model

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)


def test_alone_it_acts_as_in_training(cpu):
    pipeline = layers.Pipeline([layers.RandomFlip(), layers.RandomBrightness(0.3)])
    assert not np.array_equal(pipeline(IMAGES), pipeline(IMAGES))
    np.testing.assert_array_equal(pipeline(IMAGES, training=False), IMAGES)
    again = layers.Pipeline.from_config(pipeline.get_config())
    assert again.get_config() == pipeline.get_config()


def test_in_a_model(cpu, capsys):
    pipeline = layers.Pipeline([layers.RandomFlip(), layers.RandomRotation(0.2), layers.Pipeline([layers.Rescaling(1 / 255)])])
    model = gpunn.Sequential([layers.Input((8, 8, 3)), pipeline, layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(IMAGES, np.zeros((3, 2)), verbose=0)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), model.layers[-1](model.layers[-2](IMAGES / 255)), rtol=1e-4, atol=1e-5)
    model.summary(expand_nested=True)
    assert "(Pipeline)" in capsys.readouterr().out and "random_flip" in model.explain(3)


def test_layers_of_the_users(cpu, tmp_path):
    class Repeated(layers.Wrapper):
        def __init__(self, layer, times=2, **common):
            super().__init__(layer, **common)
            self.times = times

        def call(self, x):
            for _ in range(self.times):
                x = self.layer(x)
            return x

        def get_config(self):
            return {**super().get_config(), "times": self.times}

    model = gpunn.Sequential([layers.Input((3,)), Repeated(layers.Dense(3, "tanh"), 3)])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), np.float32)
    model.fit(x, 0 * x, verbose=0)
    kernel, bias = model.get_weights()
    want = x
    for _ in range(3):
        want = np.tanh(want @ kernel + bias)
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", {"Repeated": Repeated})
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_errors(cpu):
    with pytest.raises(ValueError, match=r"Pipeline takes a list of layers. Received: layers=\[\]"):
        layers.Pipeline([])
    with pytest.raises(ValueError, match=r"Wrapper wraps a layer. Received: 'dense' \(of type str\)"):
        layers.Wrapper("dense")
