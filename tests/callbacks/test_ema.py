"""SwapEMAWeights against Keras's, and where Keras's goes wrong."""

import numpy as np
import pytest
from keras_twin import assert_same_history, keras, twins

from gpunn import callbacks
from gpunn.models import load_model

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 6)), RNG.integers(0, 3, 50)
LAYERS = [("Dense", {"units": 8, "activation": "relu"}), ("Dense", {"units": 3, "activation": "softmax"})]


def pair(**options):
    optimizer = ("SGD", {"learning_rate": 0.5, "use_ema": True, "ema_momentum": 0.8} | options)
    return twins(LAYERS, optimizer, "sparse_categorical_crossentropy", ["accuracy"])


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("frequency", [None, 3])
def test_as_keras(swap_on_epoch, frequency):
    ours, theirs = pair(ema_overwrite_frequency=frequency)
    seen = []
    for model, module in ((ours, callbacks), (theirs, keras.callbacks)):
        weights = []

        class Look(module.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.kept.append([np.array(w) for w in self.model.get_weights()])

        look = Look()
        look.kept = weights
        chain = [module.SwapEMAWeights(swap_on_epoch=swap_on_epoch), look]
        seen.append(model.fit(X, Y, batch_size=16, epochs=4, validation_data=(X, 2 - Y), shuffle=False, callbacks=chain, verbose=0))
        seen.append(weights)
    assert_same_history(seen[0], seen[2])
    for mine, other in zip([*seen[1], ours.get_weights()], [*seen[3], theirs.get_weights()], strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)  # Keras keeps an average in float32


def test_evaluation_is_of_the_average():
    model, _ = pair()
    told = []
    look = callbacks.LambdaCallback(on_test_begin=lambda logs: told.append(model.get_weights()))
    model.fit(X, Y, batch_size=16, epochs=1, shuffle=False, validation_data=(X, Y), callbacks=[callbacks.SwapEMAWeights(), look], verbose=0)
    vector = model.backend.to_numpy(model.optimizer.state["average"])
    for p, w in zip(model.parameters, told[0], strict=True):
        np.testing.assert_array_equal(model.storage.split(vector)[p.name], w)
    for a, b in zip(model.get_weights(), told[0], strict=True):
        np.testing.assert_array_equal(a, b)  # and the optimizer puts it in at the end


def test_prediction_takes_the_average_out_again():
    """Keras 3.15 leaves it in."""
    model, _ = pair()
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0)
    model.set_weights([2 * w for w in model.get_weights()])
    before, plain = model.get_weights(), model.predict(X)
    averaged = model.predict(X, callbacks=[callbacks.SwapEMAWeights()])
    assert not np.allclose(plain, averaged)
    np.testing.assert_array_equal(plain, model.predict(X))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_that_is_stopped_ends_with_the_average():
    """Keras 3.15 ends with the last weights then."""
    ends = []
    for chain in ([], [callbacks.SwapEMAWeights(swap_on_epoch=True)]):
        model, _ = pair()
        model.set_weights([np.random.default_rng(1).standard_normal(w.shape) for w in model.get_weights()])
        stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs, model=model: setattr(model, "stop_training", epoch == 1))
        model.fit(X, Y, batch_size=16, epochs=9, shuffle=False, callbacks=[*chain, stop], verbose=0)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_behind_it_saves_the_average(tmp_path):
    model, _ = pair()
    chain = [callbacks.SwapEMAWeights(swap_on_epoch=True), callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")]
    model.fit(X, Y, batch_size=16, epochs=2, callbacks=chain, verbose=0)
    for a, b in zip(load_model(tmp_path / "2.keras").get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optimizer_without_an_average():
    model, _ = twins(LAYERS, "sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"SwapEMAWeights needs an optimizer with use_ema=True. Received: 'sgd'"):
        model.fit(X, Y, callbacks=[callbacks.SwapEMAWeights()], verbose=0)
    with pytest.raises(ValueError, match="SwapEMAWeights needs an optimizer with use_ema=True"):
        model.evaluate(X, Y, callbacks=[callbacks.SwapEMAWeights()])
