"""Architectures as text: ours read by Keras 3, Keras 3's by ours, and what is no such text."""

import json

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn
from gpunn.models import model_from_json

pytestmark = pytest.mark.usefixtures("cpu")


def stacked(library):
    inputs = library.layers.Input((6, 2), name="rows")
    h = library.layers.LSTM(4, name="lstm")(inputs)
    side = library.layers.Dense(4, activation="relu", kernel_regularizer=library.regularizers.L2(0.01), name="side")(h)
    joined = library.layers.Add(name="sum")([h, side])
    model = library.Model(inputs, library.layers.Dense(3, activation="softmax", name="out")(joined), name="net")
    model.compile(library.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = np.random.default_rng(0).standard_normal((5, 6, 2)).astype(np.float32)


def test_keras_reads_ours():
    compute_in("float32")
    ours = stacked(gpunn)
    theirs = keras.models.model_from_json(ours.to_json())
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert float(theirs.optimizer.learning_rate) == pytest.approx(0.003)


def test_ours_reads_keras():
    compute_in("float32")
    theirs = stacked(keras)
    ours = model_from_json(theirs.to_json())
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert ours.optimizer.learning_rate == pytest.approx(0.003)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    ours.fit(X, np.arange(5) % 3, verbose=0)


def test_sequential_goes_round_and_options_are_those_of_json():
    model = gpunn.Sequential([gpunn.layers.Input((4,)), gpunn.layers.Dense(2)])
    text = model.to_json(indent=2)
    assert "\n  " in text and json.loads(text)["class_name"] == "Sequential"
    again = model_from_json(text)
    assert [w.shape for w in again.get_weights()] == [(4, 2), (2,)] and not np.array_equal(again.get_weights()[0], model.get_weights()[0])
    assert json.loads(again.to_json()) == json.loads(text)


class Twice(gpunn.layers.Layer):
    def forward(self, x, training=False):
        return 2 * x, lambda dy: 2 * dy


def test_unknown_classes_are_named_and_can_be_given():
    text = gpunn.Sequential([gpunn.layers.Input((4,)), Twice()]).to_json()
    with pytest.raises(ValueError, match=r"Argument json_string: Unknown layer class 'Twice'. Pass custom_objects=\{'Twice': the_class\}"):
        model_from_json(text)
    np.testing.assert_array_equal(model_from_json(text, {"Twice": Twice}).predict(np.ones((1, 4)), verbose=0), [[2, 2, 2, 2]])


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "{}", '{"class_name": "Sequential"}', '{"class_name": "Sequential", "config": 3}', None, 7]
)
def test_what_is_no_model_is_refused(text):
    with pytest.raises(ValueError, match="Argument json_string"):
        model_from_json(text)
