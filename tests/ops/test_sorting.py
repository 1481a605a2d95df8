"""Layers and metrics of one's own that sort and take the largest, trained beside Keras's; on every device, recorded."""

import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, compute_in, keras

import gpunn
from gpunn import Input, Model, ops
from gpunn.backend import get_backend
from gpunn.kernels.places import ORDER

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((32, 5)), RNG.integers(0, 6, 32)


def made(library):
    ops = library.ops

    class Largest(library.layers.Layer):
        def call(self, x):
            return ops.concatenate([ops.top_k(x, 3)[0], ops.sort(x, axis=-1)[..., :2]], axis=-1)

    class AmongThree(library.metrics.Metric):
        def __init__(self, name="among_three", **options):
            super().__init__(name=name, **options)
            self.hits = self.add_weight(name="hits", initializer="zeros")
            self.seen = self.add_weight(name="seen", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            labels = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
            hit = ops.any(ops.equal(ops.top_k(y_pred, 3)[1], labels), axis=-1)
            self.hits.assign_add(ops.sum(ops.cast(hit, self.hits.dtype)))
            self.seen.assign_add(ops.cast(ops.size(y_true), self.seen.dtype))

        def result(self):
            return self.hits / self.seen

        def reset_state(self):
            self.hits.assign(0.0)
            self.seen.assign(0.0)

    def among_two(y_true, y_pred):
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        return ops.cast(ops.in_top_k(labels, y_pred, 2), y_pred.dtype)

    of = library.layers
    model = library.Sequential([of.Input((5,)), of.Dense(9, "tanh"), Largest(), of.Dense(6, "softmax")])
    model.compile(library.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=[AmongThree(), among_two])
    return model


def test_trained_as_keras(either_cpu, float64):
    compute_in("float64")
    ours, theirs = made(gpunn), made(keras)
    theirs.set_weights(ours.get_weights())
    histories = [m.fit(X, Y, epochs=2, batch_size=16, shuffle=False, verbose=0) for m in (ours, theirs)]
    assert_same_history(*histories)
    assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0))
    assert ours.recordable


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_in_a_graph(device):
    x, rows = Input((4, 7)), np.round(RNG.standard_normal((3, 4, 7)), 1)
    values, places = ops.top_k(x, 2)
    with gpunn.device(device):
        found = Model(x, [ops.sort(x, axis=1), ops.argsort(x), values, places]).predict(rows)
    wanted = [np.sort(rows, 1), np.argsort(rows, -1, kind="stable"), *(np.asarray(v) for v in keras.ops.top_k(rows, 2))]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0, None])
def test_arrays(axis):
    rows = np.array([[3.0, np.nan, 1.0, 1.0], [0.5, 2.0, -1.0, 4.0]])
    for name in ("sort", "argsort"):
        np.testing.assert_array_equal(getattr(ops, name)(rows, axis=axis), getattr(keras.ops, name)(rows, axis=axis))


def ordered(rows):
    backend = get_backend()
    x, at = backend.asarray(rows), backend.empty(rows.shape, rows.dtype)
    backend.launch(ORDER, x, at)
    return backend.to_numpy(at)


@pytest.mark.parametrize("width", [1, 2, 63, 256, 257, 320, 1000, 4097])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_long_rows(either_cpu, width, kind):
    """Beyond what is counted runs are merged, of ties, infinities, zeros of both signs and what is no number: equal ones as they stand."""
    rows = np.round(RNG.standard_normal((3, width)), 1).astype(kind)
    rows[:, :: max(width // 5, 1)] = np.nan
    rows[1, ::7], rows[1, 1::7], rows[2, ::3] = np.inf, -np.inf, -0.0
    np.testing.assert_array_equal(ordered(rows), np.argsort(rows, axis=1, kind="stable"))
