"""``compiled_loss`` and ``compiled_metrics`` in a `train_step` written for Keras 2: `fit` then gives what Keras's own gives."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn

RNG = np.random.default_rng(0)
X, Y, WEIGHT = RNG.normal(size=(24, 4)), RNG.normal(size=(24, 1)), RNG.random(24)


class Old(gpunn.Model):
    penalised = True

    def train_step(self, data):
        x, y, weight = gpunn.utils.unpack_x_y_sample_weight(data)
        with gpunn.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, weight, regularization_losses=self.losses if self.penalised else None)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Plain(Old):
    penalised = False


@pytest.mark.parametrize("kind", [Old, Plain])
def test_as_keras_trains(kind, either_cpu, float64):
    compute_in("float64")
    models = []
    for library, cls in ((gpunn, kind), (keras, keras.Model)):
        penalty = library.regularizers.L2(0.1) if kind is Old or library is gpunn else None
        start = library.layers.Input((4,))
        model = cls(start, library.layers.Dense(1, kernel_regularizer=penalty)(start))
        model.compile("sgd", "mse", metrics=["mae"])
        models.append(model)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    mine, other = (m.fit(X, Y, sample_weight=WEIGHT, epochs=2, batch_size=8, shuffle=False, verbose=0).history for m in models)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert set(mine) == set(other) == {"loss", "mae"}
    for name in mine:
        np.testing.assert_allclose(mine[name], other[name], rtol=1e-6, err_msg=name)
