"""A layer that rests within another one rests in a copy and behind a file, too; a layer of the user's goes through any file."""

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.models import Sequential, clone_model, load_model

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)


class Sum(layers.Layer):
    """Of what rests and what learns."""

    def __init__(self):
        super().__init__()
        self.rests, self.learns = layers.Dense(3, trainable=False), layers.Dense(3)

    def call(self, x):
        return self.rests(x) + self.learns(x)


MODELS = {
    "own": lambda: [Sum()], "spectral": lambda: [layers.SpectralNormalization(layers.Dense(3, trainable=False)), layers.Dense(2)],
    "wrapped": lambda: [layers.Reshape((5, 1)), layers.TimeDistributed(layers.Dense(2, trainable=False)), layers.Dense(2)],
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("suffix", ["keras", "h5", "npz", "a copy"])
def test_what_rests_goes_on_resting(name, suffix, tmp_path):
    model = Sequential([gpunn.Input((5,)), *MODELS[name]()])
    path = tmp_path / f"model.{suffix}"
    if suffix == "a copy":
        again = clone_model(model)
        again.set_weights(model.get_weights())
    else:
        model.save(path)
        again = load_model(path, custom_objects={"Sum": Sum})
    assert len(again.trainable_weights) == len(model.trainable_weights) == 2
    assert again.layers[-1].trainable and len(again.non_trainable_weights) == len(model.non_trainable_weights)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_all_of_a_layer_rests(tmp_path):
    model = Sequential([gpunn.Input((5,)), Sum(), layers.Dense(2)])
    model.layers[0].trainable = False
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras", custom_objects={"Sum": Sum})
    assert len(again.trainable_weights) == 2 and not again.layers[0].learns.trainable
