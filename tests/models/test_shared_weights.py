"""A layer and one that wraps it, both of one model: their weights are there once, are penalised once and learn once, as in Keras."""

import numpy as np
from keras_twin import compute_in, keras

import gpunn

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(16, 4, 3)), RNG.normal(size=(16, 3))
Y = RNG.normal(size=(16, 3, 3))


def graph(library):
    steps, row = library.layers.Input((4, 3)), library.layers.Input((3,))
    dense = library.layers.Dense(2, kernel_regularizer="l2")
    return library.Model([steps, row], [library.layers.TimeDistributed(dense)(steps), dense(row)])


def feedback(library):
    class FeedBack(library.Model):
        def __init__(self):
            super().__init__()
            self.cell = library.layers.LSTMCell(4, kernel_regularizer=library.regularizers.L2(0.1))
            self.over_steps, self.out = library.layers.RNN(self.cell, return_state=True), library.layers.Dense(3)

        def call(self, inputs, training=None):
            x, *state = self.over_steps(inputs)
            found = [self.out(x)]
            for _ in range(2):
                x, state = self.cell(found[-1], states=state, training=training)
                found.append(self.out(x))
            return library.ops.transpose(library.ops.stack(found), [1, 0, 2])

    model = FeedBack()
    model.predict(X, verbose=0)
    return model


def trained(make, x, y, count):
    compute_in("float64")
    models = [make(gpunn), make(keras)]
    theirs = models[1]
    assert [len(m.get_weights()) for m in models] == [len(m.trainable_weights) for m in models] == [count, count]
    theirs.set_weights(models[0].get_weights())
    for model in models:
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    losses = [[float(np.sum(v)) for v in m.losses] for m in models]
    np.testing.assert_allclose(*losses, rtol=1e-6)
    return models[0]


def test_in_a_graph(either_cpu, float64):
    model = trained(graph, [X, Z], [X[..., :2] * 2, Z[..., :2]], 2)
    assert model.count_params() == 8


def test_a_cell_in_a_loop_of_ones_own(either_cpu, float64):
    model = trained(feedback, X, Y, 5)
    before = model.get_weights()
    with gpunn.GradientTape() as tape:
        loss = gpunn.ops.mean(gpunn.ops.square(model(X, training=True) - Y))
    gradients = tape.gradient(loss, model.trainable_weights)
    gpunn.optimizers.SGD(0.5).apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    for a, b, g in zip(model.get_weights(), before, gradients, strict=True):
        np.testing.assert_allclose(a, b - 0.5 * np.asarray(g), rtol=1e-9)  # moved once


def test_cells_called_as_in_keras(cpu, float64):
    compute_in("float64")
    x, state = Z, RNG.normal(size=(16, 4))
    cells = [("LSTMCell", 2), ("GRUCell", 1), ("SimpleRNNCell", 1)]
    for name, count in cells:
        ours, theirs = (getattr(lib.layers, name)(4) for lib in (gpunn, keras))
        found, new = ours(x, [state] * count)
        theirs.build((None, 3))
        theirs.set_weights(ours.get_weights())
        expected, after = theirs(x, [state] * count)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(np.stack(new), np.stack(after), rtol=1e-6)
        np.testing.assert_allclose(ours(inputs=x, states=[state] * count)[0], found)
    stacked = gpunn.layers.StackedRNNCells([gpunn.layers.LSTMCell(4), gpunn.layers.GRUCell(4)])
    found, (first, second) = stacked(x, [[state, state], [state]])
    assert len(first) == 2 and len(second) == 1 and np.array_equal(second[0], found)
    layer = gpunn.layers.LSTM(4)
    assert [s.shape for s in layer.get_initial_state(16)] == [(16, 4)] * 2 and layer.get_initial_state(None) is None
    np.testing.assert_array_equal(layer(X, initial_state=layer.get_initial_state(16)), layer(X))
