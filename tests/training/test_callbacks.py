"""Callbacks: called as Keras calls them, reading only what somebody looks at, stopping cleanly."""

import numpy as np
import pytest

from gpunn import callbacks
from gpunn.layers import Dense, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 6)), RNG.integers(0, 3, 50)


def model_of(metrics=("accuracy",), optimizer="sgd"):
    model = Sequential([Input((6,)), Dense(4, activation="relu"), Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", list(metrics))
    return model


def recorder(base):
    """A callback class on `base` that writes down every call with the names of its logs."""
    calls = []

    class Recorder(base):
        def set_params(self, params):
            calls.append(("set_params", tuple(sorted((k, v) for k, v in params.items()))))
            super().set_params(params)

        def set_model(self, model):
            calls.append(("set_model",))
            super().set_model(model)

    def hook(name):
        def method(self, *arguments, **named):
            *index, logs = [*arguments, *named.values()] if arguments or named else [None]
            calls.append((name, *index, tuple(sorted(logs or {}))))

        return method

    for name in callbacks.HOOKS:
        setattr(Recorder, name, hook(name))
    return Recorder(), calls


def test_order_and_logs_are_keras():
    from keras_twin import keras, twins

    ours, theirs = twins(
        [("Dense", {"units": 3, "activation": "softmax"})], ("SGD", {"learning_rate": 0.1}), "sparse_categorical_crossentropy", ["accuracy"]
    )
    seen = []
    for model, base in ((ours, callbacks.Callback), (theirs, keras.callbacks.Callback)):
        callback, calls = recorder(base)
        model.fit(
            X,
            Y,
            batch_size=16,
            epochs=3,
            initial_epoch=1,
            validation_data=(X, Y),
            validation_freq=2,
            validation_batch_size=20,
            callbacks=[callback],
            verbose=0,
        )
        model.fit(X, Y, epochs=1, steps_per_epoch=1, callbacks=[callback], verbose=0)
        model.evaluate(X, Y, callbacks=[callback], verbose=0)
        model.evaluate(X, Y, batch_size=25, steps=1, callbacks=[callback], verbose=0)
        model.predict(X, callbacks=[callback], verbose=0)
        model.predict(X, batch_size=20, callbacks=[callback], verbose=0)
        seen.append(calls)
    assert seen[0] == seen[1]
    assert {c[0] for c in seen[0]} == {"set_params", "set_model", *callbacks.HOOKS}


def test_a_keras_callback_object_works():
    from keras_twin import keras

    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.last = (epoch, logs["loss"])

    own = Own()
    history = model_of().fit(X, Y, callbacks=[own], verbose=0)
    assert own.last == (0, history.history["loss"][0])


def test_history():
    model = model_of()
    history = model.fit(X, Y, epochs=3, validation_split=0.2, verbose=0)
    assert history is model.history and isinstance(history, callbacks.History)
    assert history.epoch == [0, 1, 2] and list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(isinstance(v, float) for values in history.history.values() for v in values) and len(history.history["loss"]) == 3
    again = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert again.epoch == [3, 4] and "val_loss" not in again.history
    assert model.fit(X, Y, epochs=0, verbose=0).history == {}
    given = callbacks.History()
    assert model.fit(X, Y, callbacks=[given], verbose=0) is given


@pytest.mark.parametrize(("asked", "other"), [("accuracy", "acc"), ("acc", "accuracy")])
def test_acc_is_accuracy_f_api_11(asked, other):
    found = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((logs.get(other), logs[f"val_{other}"], other in logs))

        def on_train_batch_end(self, batch, logs=None):
            found.append(logs.get(other) is not None and logs[other] == logs[asked])

    history = model_of([asked]).fit(X, Y, validation_split=0.2, callbacks=[Look()], verbose=0).history
    assert list(history) == ["loss", asked, "val_loss", f"val_{asked}"]
    assert history[f"val_{other}"] == history[f"val_{asked}"] and history.get(other) == history[asked] and other in history
    assert found[-1] == (history[asked][0], history[f"val_{asked}"][0], True) and all(f is True for f in found[:-1])
    with pytest.raises(KeyError, match="val_auc"):
        history["val_auc"]


@pytest.mark.parametrize(
    ("metrics", "keys"), [("accuracy", ["accuracy"]), (["mse", "mean_squared_error"], ["mse", "mean_squared_error"]), (None, [])]
)
def test_names_in_the_history_f_api_07(metrics, keys):
    model = Sequential([Dense(2, input_dim=6)])
    model.compile("sgd", "mse", metrics=metrics)
    assert model.metrics_names == ["loss", *keys]
    assert list(model.fit(X, X[:, :2], verbose=0).history) == ["loss", *keys]


def test_stop_training():
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = model_of()
    history = model.fit(X, Y, batch_size=10, epochs=4, validation_split=0.2, callbacks=[Stop()], verbose=0)
    assert history.epoch == [0] and model.optimizer.iterations == 2
    assert len(history.history["val_loss"]) == 1, "Keras validates the epoch that was cut short"
    stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))
    assert model.fit(X, Y, epochs=5, callbacks=[stop], verbose=0).epoch == [0, 1]
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1], "the next fit starts anew"


def test_batch_logs_are_means_so_far_and_can_be_kept():
    kept, copied = [], []

    class Keep(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)
            copied.append(logs.copy())

    history = model_of().fit(X, Y, batch_size=10, callbacks=[Keep()], verbose=0).history
    assert [dict(logs) for logs in kept] == [dict(logs) for logs in copied]
    assert len({logs["loss"] for logs in kept}) == 5, "each shows its own batch's mean"
    assert kept[-1]["loss"] == history["loss"][0] and sorted(kept[0]) == ["accuracy", "loss"] and kept[0] == copied[0]


def test_batch_logs_put_aside_without_a_look_are_those_of_their_step():
    kept = []

    class Keep(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)

    history = model_of().fit(X, Y, batch_size=10, callbacks=[Keep()], verbose=0).history
    assert len({logs["loss"] for logs in kept}) == 5 and kept[-1]["loss"] == history["loss"][0]


def test_lazy_logs_are_a_dict_in_every_way():
    from gpunn.logs import LazyLogs

    def lazy():
        return LazyLogs(lambda: {"loss": 1.0, "accuracy": 0.5})

    full = {"loss": 1.0, "accuracy": 0.5}
    assert lazy() == full and dict(lazy()) == full and {**lazy()} == full and lazy() | {"a": 1} == full | {"a": 1} and len(lazy()) == 2
    assert (
        list(lazy()) == list(full) and "acc" in lazy() and lazy()["acc"] == 0.5 and lazy().pop("loss") == 1.0 and repr(lazy()) == repr(full)
    )
    logs = lazy()
    logs["lr"], logs["loss"] = 0.1, 5.0
    assert logs == full | {"lr": 0.1, "loss": 5.0}


def regression(bad_row):
    """A model and targets of which one is so large that its squared error is infinite in float32."""
    model = Sequential([Dense(1, input_dim=6)])
    model.compile("sgd", "mse")
    targets = np.zeros(50)
    targets[bad_row] = 1e30
    return model, targets


def test_terminate_on_nan(capsys):
    model, targets = regression(23)
    with pytest.warns(RuntimeWarning, match="The loss became NaN or infinite at step 3 of epoch 1"):
        history = model.fit(X, targets, batch_size=10, epochs=4, shuffle=False, callbacks=[callbacks.TerminateOnNaN()], verbose=0)
    assert "Batch 2: Invalid loss, terminating training" in capsys.readouterr().out
    assert model.optimizer.iterations == 3 and history.epoch == [0]


def test_a_loss_that_is_not_finite_warns_with_the_step():
    model, targets = regression(37)
    assert np.isfinite(model.fit(X, np.zeros(50), verbose=0).history["loss"][0])
    with pytest.warns(RuntimeWarning, match="at step 4 of epoch 1"):
        model.fit(X, targets, batch_size=10, shuffle=False, verbose=0)


def test_what_is_not_a_callback():
    model = model_of()
    for wrong in ("EarlyStopping", callbacks.History, lambda epoch, logs: None):
        with pytest.raises(ValueError, match=r"Argument callbacks: expected Callback objects. Received: "):
            model.fit(X, Y, callbacks=[wrong], verbose=0)
    assert model.optimizer.iterations == 0 and model.history is None
    with pytest.raises(ValueError, match=r"Unknown hooks \['on_epoch_ends'\]. Expected some of: on_train_begin"):
        callbacks.LambdaCallback(on_epoch_ends=print)


def test_verbose_2_prints_a_line_an_epoch(capsys):
    model_of().fit(X, Y, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("Epoch 2/2 - loss: ") and " - accuracy: 0." in lines[1]


def test_a_callback_may_use_the_model():
    """Prediction, evaluation, freezing and the learning rate from inside an epoch."""

    class Busy(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.predict(X[:3])

        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(X, Y)
            self.model.optimizer.learning_rate = 0.0 if epoch else 0.1
            self.model.layers[0].trainable = False

    model = model_of()
    model.fit(X, Y, epochs=2, batch_size=25, callbacks=[Busy()], verbose=0)
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("where", ["training", "callback"])
def test_validation_after_freezing_is_of_the_weights_there_are(where):
    """The parameters move when a layer is frozen: nothing may go on with the old ones, whoever moves them."""
    found = []

    class Freeze(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((logs["val_loss"], self.model.evaluate(X[40:], Y[40:])[0]))
            self.model.layers[0].trainable = epoch != 0
            if where == "callback":
                self.model.evaluate(X, Y)

    model = model_of(optimizer="adam")
    model.fit(X[:40], Y[:40], batch_size=8, epochs=4, validation_data=(X[40:], Y[40:]), callbacks=[Freeze()], verbose=0)
    assert all(told == measured for told, measured in found) and len({told for told, _ in found}) == 4
