"""Layers in models against Keras 3: outputs, weights after some training, on the stand-in too, and files both ways."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras
from models_like_keras import MODELS

import gpunn
from gpunn.models import load_model

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.filterwarnings("ignore::UserWarning:keras.*")]
NEAR = {"rtol": 1e-6, "atol": 1e-6}  # some of Keras's layers compute in float32 in part


SLOW = ("untied embedding", "lines")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MODELS])
def test_as_keras(name, cpu, shared_sim, tmp_path):
    compute_in("float64")
    make, x = MODELS[name]
    models = [make(gpunn), make(keras)]
    with gpunn.device("sim"):
        models.append(make(gpunn))
    ours, theirs, simulated = models
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    start, want = ours.get_weights(), ours.predict(x, verbose=0)
    y = np.random.default_rng(0).standard_normal(want.shape)
    for model in models:
        model.set_weights(start)
        model.compile("sgd", "mse")
        np.testing.assert_allclose(model.predict(x, verbose=0), want, **NEAR)
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs, near=1e-6)
    assert_same_weights(ours, simulated)
    assert ours.recordable

    want = ours.predict(x, verbose=0)
    ours.save(tmp_path / "ours.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "ours.keras").predict(x, verbose=0), want, **NEAR)
    theirs.save(tmp_path / "theirs.keras")
    np.testing.assert_allclose(load_model(tmp_path / "theirs.keras").predict(x, verbose=0), want, **NEAR)
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config() and again.output_shape == ours.output_shape == (None, *want.shape[1:])
