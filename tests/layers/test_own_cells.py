"""Cells of the user's with Keras's `call(inputs, states)`, beside Keras 3."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras

import gpunn

X = np.random.default_rng(0).standard_normal((6, 4, 3))
Y = np.random.default_rng(1).standard_normal((6, 2))


def minimal(lib):
    class Minimal(lib.layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
            self.again = self.add_weight(shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel")

        def call(self, inputs, states):
            before = states[0]
            output = lib.ops.matmul(inputs, self.kernel) + lib.ops.matmul(before, self.again)
            return output, [output]

    return Minimal(5)


def normalized(lib):
    class Normalized(lib.layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.state_size = self.output_size = units
            self.cell, self.norm = lib.layers.SimpleRNNCell(units, activation=None), lib.layers.LayerNormalization()

        def build(self, input_shape):
            self.cell.build(input_shape)
            self.norm.build((None, self.output_size))

        def call(self, inputs, states):
            outputs, _ = self.cell(inputs, states)
            outputs = lib.ops.tanh(self.norm(outputs))
            return outputs, [outputs]

    return Normalized(5)


def two_states(lib):
    class Two(lib.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.state_size, self.output_size, self.first = [2, 3], 4, lib.layers.Dense(2)
            self.second, self.out = lib.layers.Dense(3), lib.layers.Dense(4)

        def build(self, input_shape):
            self.first.build((None, input_shape[-1] + 3))
            self.second.build((None, 2))
            self.out.build((None, 5))

        def call(self, inputs, states, training=None):
            a, b = states
            a = lib.ops.tanh(self.first(lib.ops.concatenate([inputs, b], axis=-1)) + a)
            b = lib.ops.sigmoid(self.second(a)) * b + 1
            return self.out(lib.ops.concatenate([a, b], axis=-1)), [a, b]

    return Two()


def stacked(lib):
    """Two cells of the user's with one of the library's between them."""
    return [minimal(lib), lib.layers.GRUCell(3), normalized(lib)]


@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}])
@pytest.mark.parametrize("cell", [minimal, two_states, normalized, stacked])
def test_training_as_keras(cell, options, float64):
    compute_in("float64")
    models = []
    for lib in (gpunn, keras):
        x = lib.layers.Input((4, 3))
        masked = x if cell in (two_states, stacked) else lib.layers.Masking()(x)  # Keras masks outputs of the first state's size alone
        y = lib.layers.RNN(cell(lib), **options)(masked)
        y = lib.layers.Dense(2)(lib.layers.GlobalAveragePooling1D()(y) if options else y)
        model = lib.Model(x, y)
        model.compile("sgd", "mse")
        models.append(model)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    given = X.copy()
    given[:2, 2:] = 0
    np.testing.assert_allclose(ours.predict(given, verbose=0), theirs.predict(given, verbose=0), rtol=1e-6, atol=1e-9)
    for model in models:
        model.fit(given, Y, batch_size=3, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize(("cell", "weights"), [(minimal, 4), (stacked, 12)])
def test_it_is_recorded(cell, weights, device):
    gpunn.utils.set_random_seed(1)
    model = gpunn.Sequential([gpunn.Input((4, 3)), gpunn.layers.RNN(cell(gpunn)), gpunn.layers.Dense(2)]).to(device)
    model.compile("adam", "mse")
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert model.recordable and losses[-1] < losses[0] and len(model.trainable_weights) == weights
