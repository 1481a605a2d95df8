"""Methods of Keras's classes that scripts call beside `fit`: compile's configuration, metrics of a step, small ones."""

import numpy as np
import pytest

import gpunn
from gpunn import callbacks, initializers, layers, ops
from gpunn.utils.dataset import Dataset

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def small(**compiled):
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")])
    usual = {"optimizer": gpunn.optimizers.SGD(0.1, momentum=0.9), "loss": "binary_crossentropy", "metrics": ["accuracy"]}
    model.compile(**usual | compiled)
    return model


# ---------------------------------------------------------------------- compile
def test_a_clone_of_a_compiled_model_is_compiled():
    given = gpunn.metrics.AUC(name="auc")
    model = small(metrics=["accuracy", given], weighted_metrics=["mae"], loss=gpunn.losses.BinaryCrossentropy(label_smoothing=0.1))
    model.fit(X, Y, epochs=2, verbose=0)
    other = gpunn.models.clone_model(model)
    assert other.optimizer is not model.optimizer and other.optimizer.get_config() == model.optimizer.get_config()
    assert other.metrics_names == model.metrics_names and other.optimizer.iterations == 0 and given not in other.metrics
    other.set_weights(model.get_weights())
    assert other.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
    other.fit(X, Y, verbose=0)
    assert not gpunn.models.clone_model(gpunn.Sequential([layers.Dense(1, input_shape=(4,))])).compiled
    assert not gpunn.models.clone_model(small(optimizer=gpunn.optimizers.SGD(lambda step: 0.1))).compiled


def test_what_compile_was_given_goes_to_keras_and_back():
    keras = pytest.importorskip("keras_twin").keras
    config = small().get_compile_config()
    assert set(config) == set(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).get_compile_config() or config)
    real = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    real.compile_from_config(config)
    assert real.optimizer.momentum == 0.9
    for written in (config, real.get_compile_config()):
        again = gpunn.Sequential([layers.Input((4,)), layers.Dense(1, "sigmoid")])
        again.compile_from_config(written)
        assert again.optimizer.momentum == 0.9 and again.evaluate(X, Y, return_dict=True, verbose=0).keys() == {"loss", "accuracy"}
    assert gpunn.Sequential([layers.Dense(1, input_shape=(4,))]).get_compile_config() is None


# ---------------------------------------------------------------------- a step of one's own
def test_metrics_of_a_step():
    class Stepping(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.seen = layers.Dense(1, "sigmoid"), gpunn.metrics.Mean("seen")

        def call(self, x):
            return self.dense(x)

        @property
        def metrics(self):
            return [*super().metrics, self.seen]

        def train_step(self, data):
            x, y = data
            with gpunn.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, training=True)
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                elif metric is self.seen:
                    metric.update_state(ops.mean(y_pred))
                else:
                    metric.update_state(y, y_pred)
            return self.get_metrics_result()

    model = Stepping()
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert history.keys() == {"loss", "accuracy", "seen"} and history["loss"][1] < history["loss"][0]
    found = model.get_metrics_result()
    assert found["seen"] == pytest.approx(history["seen"][-1]) and 0 < found["seen"] < 1
    model.reset_metrics()
    assert model.get_metrics_result() == {"loss": 0, "accuracy": 0, "seen": 0}


class Denoising(gpunn.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)

    def predict_step(self, data):
        return {"left": data - self(data, training=False), "seen": [np.float32(len(data))]}


def test_a_predict_step():
    """Batch by batch, what it returns one behind the other; a call of the model is one."""
    model, seen = Denoising(), []
    x = X[:10, :4]
    want = x - np.asarray(model(x))

    class Watch(callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append((batch, sorted(logs["outputs"]), logs["outputs"]["left"].shape))

    found = model.predict(x, batch_size=4, verbose=0, callbacks=[Watch()])
    np.testing.assert_allclose(found["left"], want, rtol=1e-6)
    np.testing.assert_array_equal(found["seen"][0], [4, 4, 2])
    assert seen == [(n, ["left", "seen"], (rows, 4)) for n, rows in enumerate((4, 4, 2))]
    np.testing.assert_allclose(model.predict_on_batch(x)["left"], want, rtol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=4, steps=1, verbose=0)["left"], want[:4], rtol=1e-6)
    batches = Dataset.from_tensor_slices((x, x)).batch(5)
    np.testing.assert_allclose(model.predict(batches, verbose=0)["left"], want, rtol=1e-6)
    np.testing.assert_array_equal(model(x), model(x, training=False))


@pytest.mark.parametrize(
    ("loss", "y", "width"),
    [
        ("mse", X[:6, :1].astype("float64"), 1), ("mse", X[:6, 0], 1), ("sparse_categorical_crossentropy", np.arange(6) % 3, 3),
        ("sparse_categorical_crossentropy", np.float32(np.arange(6) % 3)[:, None], 3),
        ("categorical_crossentropy", np.eye(3)[[0, 1, 2] * 2], 3),
        ("binary_crossentropy", np.arange(6)[:, None] > 2, 1),
    ],
)
def test_compute_loss_by_hand(loss, y, width):
    """Before any fit, of targets as one has them, beside Keras."""
    keras = pytest.importorskip("keras_twin").keras
    last = {"mse": None, "binary_crossentropy": "sigmoid"}.get(loss, "softmax")
    found = []
    for lib in (gpunn, keras):
        rising = lib.initializers.Constant(np.arange(4 * width).reshape(4, width) / 10)
        model = lib.Sequential([lib.Input((4,)), lib.layers.Dense(width, last, kernel_initializer=rising)])
        model.compile("sgd", loss)
        x = X[:6, :4].astype("float32")
        found.append([
            float(model.compute_loss(x, y, model(x))), float(model.compute_loss(y=y, y_pred=model(x))),
            float(model.compute_loss(x, y, model(x), sample_weight=np.arange(6.0))),
        ])
    np.testing.assert_allclose(*found, rtol=1e-5)


# ---------------------------------------------------------------------- small ones
def test_the_monitored_value():
    stopping = callbacks.EarlyStopping(monitor="val_loss", patience=1)
    assert stopping.get_monitor_value({"val_loss": 0.5, "loss": 1.0}) == 0.5
    with pytest.warns(UserWarning, match=r"EarlyStopping conditioned on metric `val_loss` which is not available\. .*: loss"):
        assert stopping.get_monitor_value({"loss": 1.0}) is None


def test_clones_shapes_and_names_of_arguments():
    first = initializers.HeNormal(seed=3)
    second = first.clone()
    assert second is not first and np.array_equal(first((2, 3)), second((2, 3)))
    x = layers.Input((2, 3))
    assert x.reshape((-1, 6)).shape == (None, 6) and layers.Input((2, 1)).squeeze(-1).shape == (None, 2)
    v = gpunn.Variable([1.0, 2.0])
    v.assign(value=[3.0, 4.0])
    v.assign_add(value=1.0)
    v.assign_sub(value=[0.0, 1.0])
    assert v.numpy().tolist() == [4, 4]
    model = gpunn.Sequential()
    model.add(layers.Input((3,)), rebuild=False)
    model.add(layers.Dense(2), rebuild=True)
    assert model.pop(rebuild=True).units == 2


def test_callbacks_in_a_loop_of_ones_own():
    """Called as Keras calls them, with the same logs."""
    real = pytest.importorskip("keras_twin").keras
    with gpunn.compat.install():
        from keras.callbacks import CallbackList as Served

    def told(List, kit):
        calls = []

        class Noting(kit.callbacks.Callback):
            def on_train_begin(self, logs=None):
                calls.append(("begin", self.params["epochs"], logs))

            def on_train_batch_end(self, batch, logs=None):
                calls.append(("batch", batch, logs))

            def on_epoch_end(self, epoch, logs=None):
                calls.append(("epoch", epoch, logs["loss"]))
                if epoch == 1:
                    self.model.stop_training = True

        model = kit.Sequential([kit.layers.Input((4,)), kit.layers.Dense(1)])
        last = kit.callbacks.LambdaCallback(on_train_end=lambda logs: calls.append(("end", logs)))
        chain = List([Noting(), last], add_history=True, model=model, epochs=3)
        calls.append(dict(model.history.history))  # there from the start
        chain.on_train_begin()
        for epoch in range(3):
            chain.on_epoch_begin(epoch)
            chain.on_train_batch_begin(0)
            chain.on_train_batch_end(0, {"loss": 0.25})
            chain.on_epoch_end(epoch, {"loss": 0.5 / (epoch + 1)})
            if getattr(model, "stop_training", False):
                break
        chain.on_train_end({"loss": 1.0})
        return calls, model.history.history, model.history.epoch

    assert told(Served, gpunn) == told(real.callbacks.CallbackList, real)
    chain = Served(add_history=True)
    chain.set_params({"epochs": 2})
    chain.set_model(model := small())
    assert model.history is chain.history and chain.history.params == {"epochs": 2}
    with pytest.raises(ValueError, match=r"Argument callbacks: expected Callback objects\. Received: 3"):
        Served([3])
