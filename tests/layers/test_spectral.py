"""Spectral normalization, beside Keras's layer called on the same rows."""

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import layers

keras = keras_twin.keras
RNG = np.random.default_rng(0)
ROWS, IMAGES = RNG.normal(size=(8, 5)).astype("float32"), RNG.normal(size=(4, 6, 6, 3)).astype("float32")
CASES = {
    "dense": (lambda L: L.Dense(4, "tanh"), ROWS, 1),
    "several rounds": (lambda L: L.Dense(4), ROWS, 3),
    "convolution": (lambda L: L.Conv2D(4, 3, padding="same"), IMAGES, 1),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_as_keras_has_it(case, device):
    make, x, rounds = CASES[case]
    keras_twin.compute_in("float32")
    with gpunn.device(device):
        ours = layers.SpectralNormalization(make(layers), power_iterations=rounds)
        theirs = keras.layers.SpectralNormalization(make(keras.layers), power_iterations=rounds)
        ours(x)
        theirs(x)
        order = [1, 0, 2]  # Keras has the kernel before the vector
        theirs.set_weights([ours.get_weights()[i] for i in order])
        for training in (True, True, False):
            np.testing.assert_allclose(ours(x, training=training), np.asarray(theirs(x, training=training)), rtol=1e-4, atol=1e-5)
        for i, b in zip(order, theirs.get_weights(), strict=True):
            a = ours.get_weights()[i]
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_the_norm_stays_at_one(device, tmp_path):
    with gpunn.device(device):
        model = gpunn.Sequential([layers.Input((5,)), layers.SpectralNormalization(layers.Dense(4), name="held"), layers.Dense(1)])
        model.compile(gpunn.optimizers.SGD(1e-4), "mse")
        model.fit(ROWS, ROWS[:, :1], batch_size=8, epochs=30, verbose=0)
        assert np.linalg.norm(model.layers[0].kernel.numpy(), 2) == pytest.approx(1, rel=0.02)
        before = model.get_weights()
        first = model.predict(ROWS, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[1], before[1])  # nothing is normalized outside of training
        model.save(tmp_path / "model.keras")
        again = gpunn.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(again.predict(ROWS, verbose=0), first)


@pytest.mark.usefixtures("cpu")
def test_what_has_no_kernel():
    with pytest.raises(ValueError, match="expected a layer with a kernel or embeddings"):
        layers.SpectralNormalization(layers.Flatten())(ROWS)
    with pytest.raises(ValueError, match="SpectralNormalization wraps a layer"):
        layers.SpectralNormalization(3)
    with pytest.raises(ValueError, match="power_iterations must be a positive integer"):
        layers.SpectralNormalization(layers.Dense(2), power_iterations=0)
