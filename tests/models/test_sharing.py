"""What models share and what they do not: layers, optimizers, moments."""

import numpy as np
import pytest

import gpunn
from gpunn.layers import Dense, Dropout, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((20, 12)).astype("float32")
LABELS = np.arange(20) % 3


def test_thawing_keeps_each_parameters_own_moments():
    """Two layers of one size, frozen in turns: Adam's moments belong to parameters, not to places in a vector."""
    model = Sequential([Input((4,)), Dense(4, name="a"), Dense(4, name="b")])
    model.compile("adam", "mse")
    x, y = X[:, :4], X[:, 4:8]
    model.fit(x, y, verbose=0)
    moments = {name: np.array(view) for name, view in model.storage.split(model.optimizer.state["momentum"]).items()}
    model.layers[0].trainable = False
    model.fit(x, y, verbose=0, epochs=0)
    now = model.storage.split(model.optimizer.state["momentum"])
    assert set(now) == {"b/kernel", "b/bias"}
    np.testing.assert_array_equal(now["b/kernel"], moments["b/kernel"])


def test_a_layer_in_two_models_trains_in_either():
    """The usual way to look inside a network: a second model of its first layers."""
    hidden = Dense(6, activation="tanh", input_shape=(12,))
    model = Sequential([hidden, Dropout(0.3), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    inside = Sequential([hidden])
    alone = Sequential([Dense(6, activation="tanh", input_shape=(12,)), Dropout(0.3), Dense(3, activation="softmax")])
    alone.compile("adam", "sparse_categorical_crossentropy")
    alone.set_weights(model.get_weights())
    before = inside.predict(X)
    model.fit(X, LABELS, epochs=3, verbose=0)
    after = inside.predict(X)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, np.tanh(X @ model.get_weights()[0] + model.get_weights()[1]), rtol=1e-5, atol=1e-6)
    inside.compile("sgd", "mse")
    inside.fit(X, np.zeros((20, 6)), verbose=0)
    np.testing.assert_array_equal(inside.get_weights()[0], model.get_weights()[0])
    step = int(model.rng.step[0])
    model.fit(X, LABELS, verbose=0)
    assert int(model.rng.step[0]) == step + 1, "the dropout of the first model follows its own steps again"


def test_an_optimizer_serves_one_model():
    optimizer = gpunn.optimizers.Adam()
    first, second = Sequential([Dense(2, input_dim=3)], name="first"), Sequential([Dense(2, input_dim=3)], name="second")
    first.compile(optimizer, "mse")
    with pytest.raises(ValueError, match=r"Optimizer 'adam' belongs to model 'first' already. Expected a new one for model 'second'"):
        second.compile(optimizer, "mse")
    assert second.optimizer is None
    first.compile(optimizer, "mae")


def test_a_shared_dropout_follows_the_model_that_trains():
    dropout = Dropout(0.5, input_shape=(12,))
    model = Sequential([dropout, Dense(2)])
    model.compile("sgd", "mse")
    Sequential([dropout])  # the layer's random state is this one's now
    model.optimizer.learning_rate = 0.0
    losses = model.fit(X, X[:, :2], epochs=4, batch_size=20, shuffle=False, verbose=0).history["loss"]
    assert len(set(losses)) == 4, "each step has a mask of its own"


def test_another_model_may_use_a_layer_in_the_middle_of_a_fit():
    def run(peek):
        gpunn.utils.set_random_seed(1)
        hidden = Dense(6, activation="tanh", input_shape=(12,))
        model, inside = Sequential([hidden, Dense(3, activation="softmax")]), Sequential([hidden])
        model.compile("adam", "sparse_categorical_crossentropy")
        inside.compile("sgd", "mse")
        look = gpunn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: peek and inside.evaluate(X, np.zeros((20, 6))))
        model.fit(X, LABELS, epochs=4, callbacks=[look], verbose=0)
        return model.get_weights()

    for a, b in zip(run(False), run(True), strict=True):
        np.testing.assert_array_equal(a, b)
