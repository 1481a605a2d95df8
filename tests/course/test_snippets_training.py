"""SN-17 to SN-21, SN-23, SN-25, SN-29 to SN-31: optimizers, penalties, callbacks and curves as the slides use them."""

import numpy as np
import pytest

import gpunn
from gpunn.layers import Dense
from gpunn.models import Sequential

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 5)).astype("float32")


def classifier():
    return Sequential([Dense(3, activation="softmax", input_dim=5)])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sn17", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": False}),
        ("sn18", {"learning_rate": 0.01, "initial_accumulator_value": 0.1, "epsilon": 1e-7}),
        ("sn19", {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7}),
        ("sn20", {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    ],
)
def test_sn17_to_sn20_optimizers(play, name, settings):
    """The arguments arrive, and the loss falls. EX-26 has the numbers of the steps."""
    from keras.utils import to_categorical

    model = classifier()
    optimizer = play(name, model=model).optimizer
    assert optimizer is model.optimizer and {k: optimizer.get_config()[k] for k in settings} == pytest.approx(settings)
    y = to_categorical(X[:, :3].argmax(axis=1))
    history = model.fit(X, y, epochs=3, batch_size=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and len(history["acc"]) == 3


def test_sn17_decay(play):
    """rate / (1 + decay * updates): 0.00999001 after 1,000 updates, 0.005 after 1,000,000; seen in the length of a step."""
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_dim=1)])
    optimizer = play("sn17", model=model).optimizer
    model.compile(optimizer=optimizer, loss="mse")
    for updates, rate in [(0, 0.01), (1_000, 0.00999001), (1_000_000, 0.005)]:
        model.set_weights([np.zeros((1, 1))])
        model.backend.write(optimizer.step, updates)
        for vector in optimizer.state.values():
            model.backend.write(vector, 0)
        assert optimizer.current_learning_rate == pytest.approx(rate, rel=1e-6) and optimizer.learning_rate == 0.01
        model.train_on_batch([[1.0]], [[0.5]])  # the gradient is -1
        assert model.get_weights()[0].item() == pytest.approx(rate, rel=1e-6)


def test_sn21_penalties(play, capsys):
    """2,817 parameters; the reported loss has 0.01 * sum|W1| + 0.01 * sum W2^2 in it; the summary is printed."""
    model = play("sn21").model
    assert model.count_params() == 2_817 and "Total params: 2,817" in capsys.readouterr().out
    x, y = RNG.normal(size=(40, 10)), RNG.integers(0, 2, 40)
    p = model.predict(x, verbose=0)[:, 0].astype(float)
    w1, w2 = (model.get_weights()[i].astype(float) for i in (0, 2))
    entropy = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    penalty = 0.01 * np.abs(w1).sum() + 0.01 * (w2**2).sum()
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(entropy + penalty, rel=1e-4)


def test_sn23_plateau_and_stop(play, capsys):
    """Validation data that training makes worse at once: the rate is cut after 3 epochs, training stops after 5, and both say so."""
    x = RNG.normal(size=(64, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    model = Sequential([Dense(1, activation="sigmoid", kernel_initializer="zeros", input_dim=4)])
    names = play("sn23", model=model, X_train=x, y_train=y, X_val=x, y_val=1 - y)
    losses = names.history.history["val_loss"]
    assert len(losses) == 6 and np.argmin(losses) == 0
    assert names.early_stopping.stopped_epoch == 5 and model.optimizer.learning_rate == pytest.approx(0.0002)
    assert names.history.history["learning_rate"] == pytest.approx([0.001] * 4 + [0.0002] * 2)
    said = capsys.readouterr().out
    assert "Epoch 4: ReduceLROnPlateau reducing learning rate to" in said and "Epoch 6: early stopping" in said


def test_sn25_by_full_name(play):
    callback = play("sn25").reduce_lr
    assert (callback.monitor, callback.factor, callback.patience, callback.min_lr) == ("val_loss", 0.1, 10, 0)
    assert type(callback)(min_lr=1e-6).min_lr == 1e-6
    import tensorflow as tf

    with pytest.raises(AttributeError, match=r"has no 'ReduceLROnPleateau'\. It has: .*ReduceLROnPlateau"):  # ERR-57
        tf.keras.callbacks.ReduceLROnPleateau()


def test_sn29_nb_epoch_and_patience(play):
    x = RNG.normal(size=(100, 3)).astype("float32")
    y = np.where(np.arange(100) < 70, x[:, 0], -x[:, 0])  # what is learned is wrong for the rows held out
    model = Sequential([Dense(1, kernel_initializer="zeros", input_dim=3)])
    model.compile(optimizer="adam", loss="mse")
    play("sn29", model=model, predictors=x, target=y)
    assert len(model.history.history["val_loss"]) == 3  # the first was the best, two more without improvement
    model = Sequential([Dense(1, kernel_initializer="zeros", input_dim=3)])
    model.compile(optimizer="adam", loss="mse")
    play("sn29", model=model, predictors=x, target=x[:, 0])
    assert len(model.history.history["val_loss"]) == 20


def test_sn30_sn31_activations_compared(play, monkeypatch):
    """100 epochs each, `val_acc` though the metric was called accuracy, frames of plain numbers, and curves without a screen."""
    plt = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("pandas")
    from keras.layers import Dense
    from keras.models import Sequential

    plt.switch_backend("agg")
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append([line.get_label() for line in plt.gca().get_lines()]))

    def get_model(act_function):
        model = Sequential([Dense(6, activation=act_function, input_shape=(5,)), Dense(1, activation="sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        return model

    y = (X[:, 0] > 0).astype(int)
    names = play("sn30", "sn31", get_model=get_model, X_train=X[:40], y_train=y[:40], X_test=X[40:], y_test=y[40:])
    assert names.val_loss.shape == names.val_acc.shape == (100, 4)
    assert all(type(v) is float for k in names.activations for v in names.val_loss_per_function[k] + names.val_acc_per_function[k])
    assert shown == [["relu", "leaky_relu", "sigmoid", "tanh"]] * 2
    plt.close("all")
    histories = names.activation_results
    assert all(histories[k].history["val_accuracy"] == histories[k].history["val_acc"] for k in histories)
    assert len({id(h.model) for h in histories.values()}) == 4 and gpunn.callbacks.History is type(histories["relu"])


def test_sn24_image_data_generator(play):
    """The generator of the slide, with its arguments; its batches keep shape, type and range, and `fit` takes them."""
    generator = play("sn24").datagen
    given = {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 0.2, "fill_mode": "nearest"}
    assert {k: getattr(generator, k) for k in given} == given and generator.zoom_range == [0.8, 1.2] and generator.horizontal_flip
    x, y = RNG.uniform(0, 255, (40, 12, 12, 3)), np.arange(40) % 3
    images, labels = next(generator.flow(x, y, batch_size=32))
    assert images.shape == (32, 12, 12, 3) and images.dtype == np.float32 and images.min() >= 0 and images.max() <= 255
    assert labels.shape == (32,)
    model = Sequential([gpunn.layers.Flatten(input_shape=(12, 12, 3)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(model.fit(generator.flow(x, y), epochs=2, verbose=0).history["loss"]) == 2
