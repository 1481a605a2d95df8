"""Losses, activations, regularizers, metrics and Lambdas of arithmetic, given as functions: as Keras computes them."""

import keras_twin
import numpy as np
import pytest

import gpunn

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 5)), RNG.standard_normal((40, 3))


def functions(library):
    """The same text for both libraries."""
    k = library.ops

    def huber(y_true, y_pred):
        error = y_true - y_pred
        return k.where(k.abs(error) < 1, k.square(error) / 2, k.abs(error) - 0.5)

    def mean_of_rows(y_true, y_pred):
        return k.mean(k.square(y_true - y_pred) * k.exp(-k.abs(y_pred)), axis=-1)

    def one_number(y_true, y_pred):
        return k.sqrt(k.mean(k.square(y_true - y_pred)))

    class Pinball(library.losses.Loss):
        def call(self, y_true, y_pred):
            error = y_true - y_pred
            return k.mean(k.maximum(0.3 * error, -0.7 * error), axis=-1)

    return {"huber": huber, "rows": mean_of_rows, "one": one_number, "class": Pinball()}


def model_of(library):
    k, layers = library.ops, library.layers

    def my_softplus(z):
        return k.log(k.exp(z) + 1.0)

    def my_l1(weights):
        return k.sum(k.abs(0.01 * weights))

    return library.Sequential([
        layers.Input((5,)),
        layers.Dense(4, activation=my_softplus, kernel_regularizer=my_l1),
        layers.Lambda(lambda x: k.square(x) - k.mean(x, axis=-1, keepdims=True)), layers.Dense(3),
    ])


@pytest.mark.parametrize("which", ["huber", "rows", "one", "class"])
def test_a_model_of_functions_trains_as_keras_does(which, float64):
    keras = keras_twin.keras
    keras_twin.compute_in("float64")
    ours, theirs = model_of(gpunn), model_of(keras)
    theirs.set_weights(ours.get_weights())
    histories = []
    for library, model in ((gpunn, ours), (keras, theirs)):
        model.compile(library.optimizers.SGD(0.02), functions(library)[which], metrics=[functions(library)["rows"]])
        histories.append(model.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0).history)
    assert ours.recordable and "Nodes:" in ours.explain(print_fn=str)
    for a, b in zip(histories[0].values(), [histories[1][name] for name in histories[0]], strict=True):
        np.testing.assert_allclose(a, b, rtol=keras_twin.RELATIVE)
    keras_twin.assert_same_weights(ours, theirs)


def test_called_with_arrays(float64):
    keras_twin.compute_in("float64")
    mine, other = functions(gpunn)["class"], functions(keras_twin.keras)["class"]
    np.testing.assert_allclose(mine(Y, X[:, :3]), float(other(Y, X[:, :3])), rtol=1e-6)
