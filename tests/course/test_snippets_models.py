"""SN-03 to SN-16, SN-22, SN-27, SN-32: models as the slides build them, with their numbers of parameters."""

import doctest
import importlib.metadata

import numpy as np
import pytest

import gpunn
from gpunn.datasets import DatasetError

RNG = np.random.default_rng(0)


def test_sn01_sn02_sn10_installing():
    """Nothing of CUDA is needed; it comes with an extra."""
    needs = importlib.metadata.requires("gpunn")
    assert not any("cupy" in need or "nvidia" in need for need in needs if "extra ==" not in need)
    assert any(need.startswith("cupy") and "extra ==" in need and "cuda" in need for need in needs)


def test_sn03_an_empty_model(play):
    assert play("sn03").model.layers == []


def test_sn04_dense_dropout_softmax(play):
    model = play("sn04", num_classes=10).model
    assert model.count_params() == 407_050 and [layer.count_params() for layer in model.layers] == [401_920, 0, 5_130]
    assert model.output_shape == (None, 10)
    x = RNG.normal(size=(5, 784))
    p = model.predict(x, verbose=0)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(p, model.predict(x, verbose=0))  # no dropout here
    assert not np.array_equal(p, model(x, training=True))


XOR = {"sn07": (2, "sigmoid"), "sn08": (2, "relu"), "sn09": (3, "relu")}


@pytest.mark.parametrize("name", XOR)
def test_sn06_to_sn09_xor(play, capsys, name):
    """Each model of the slide with its epochs; EX-21 says what they learn. Four lines are printed, and nothing else."""
    names = play("sn06", name)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:13].strip() for line in lines] == ["Pred prob:", "Pred:", "True:", "Accuracy:"]
    p = names.model.predict(names.X)
    assert type(p) is np.ndarray and p.shape == (4, 1) and lines[0] == f"{'Pred prob:' :12s} {p.reshape(4)}"
    hits = float(((p > 0.5) == names.y).mean())
    assert lines[2].endswith("[0 1 1 0]") and lines[3] == f"{'Accuracy:' :12s} {hits}"
    assert names.model.evaluate(names.X, names.y, verbose=0)[1] == hits and names.SGD is gpunn.optimizers.SGD
    units, activation = XOR[name]
    assert names.model.layers[0].units == units and names.model.layers[0].activation is gpunn.activations.get(activation)
    assert names.model.optimizer.iterations == 1000


def test_sn06_the_initializer_is_called(play):
    """A callable f(shape, dtype=None) draws from NumPy's generator, the same on both devices; bias and output kernel are Keras's."""
    np.random.seed(3)
    layer = play("sn06").Dense(2, kernel_initializer=play("sn06").initialize_weights, input_dim=2)
    model = gpunn.Sequential([layer])
    expected = np.random.RandomState(3).normal(0.75, 1e-2, (2, 2))
    np.testing.assert_array_equal(model.get_weights()[0], expected.astype("float32"))
    np.testing.assert_array_equal(model.get_weights()[1], [0, 0])


SN11 = """
import tensorflow as tf
from tensorflow import keras

>>> tf.__version__
'2.0.0'
>>> keras.__version__
'2.0.4-tf'
"""


def test_sn11_versions(play):
    """The prompts give version strings (not the slide's: ERR-15)."""
    names = {}
    imports = [line for line in SN11.splitlines() if "import" in line]
    exec("\n".join(imports), names)
    shown = [eval(example.source, names) for example in doctest.DocTestParser().get_examples(SN11)]
    assert len(shown) == 2 and all(isinstance(v, str) and v.endswith(f"+gpunn.{gpunn.__version__}") for v in shown)
    assert all(int(v.split(".")[0]) >= 2 for v in shown) and gpunn.__version__.count(".") == 2


def test_sn12_built_when_called(play):
    model = play("sn12").model
    assert model.weights == [] and not model.built
    y = model(np.ones((3, 3)))
    assert y.shape == (3, 4) and model.count_params() == 33 == 8 + 9 + 16
    assert model.layers[-1].activation is gpunn.activations.linear


def test_sn13_functional(play):
    model = play("sn13").model
    assert model.name == "mnist model" and model.count_params() == 55_050 and model.output_shape == (None, 10)
    assert [layer.count_params() for layer in model.layers] == [0, 50_240, 4_160, 650]
    model.compile("adam", gpunn.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    x, y = RNG.normal(size=(60, 784)), np.arange(60) % 10
    history = model.fit(x, y, epochs=15, batch_size=20, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0] and model.predict(x, verbose=0).min() < 0  # logits


def test_sn14_regression(play):
    x = RNG.normal(size=(200, 8))
    names = play("sn14", X_train=x)
    assert names.model.count_params() == 301 and names.model.optimizer.learning_rate == pytest.approx(0.01)
    history = names.model.fit(x, x @ RNG.normal(size=8), epochs=5, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    names.model.compile(loss="mean squared error", optimizer="sgd")  # as the extraction left it
    assert names.model.loss.name == "mean_squared_error"


def fashion(play):
    from tensorflow import keras

    try:
        return play("sn15", keras=keras)
    except DatasetError as error:
        pytest.skip(f"needs the Fashion-MNIST files: {error}")


def test_sn15_sn16_fashion_mnist(play):
    """The slide's split and network; the pictures' compile and fit are Keras's usual ones for integer labels."""
    names = fashion(play)
    assert names.X_train.shape == (56_000, 28, 28) and names.X_valid.shape == (4_000, 28, 28) and names.X_test.shape == (10_000, 28, 28)
    assert names.X_train.max() == names.X_valid.max() == 1.0 and names.X_test.max() == 255  # ERR-17: the slide forgets to scale these
    np.testing.assert_array_equal(np.bincount(names.y_train_full), 6_000)
    model = play("sn16", keras=names.keras).model
    assert model.count_params() == 266_610 and [layer.count_params() for layer in model.layers] == [0, 235_500, 30_100, 1_010]
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    n = 6_000 if play.device == "cpu" else 300
    history = model.fit(
        names.X_train[:n], names.y_train[:n], epochs=5, validation_data=(names.X_valid[:n], names.y_valid[:n]), verbose=0
    ).history
    assert sum(np.diff(history["accuracy"]) > 0) >= 3 and history["accuracy"][-1] > history["accuracy"][0]
    assert history["val_accuracy"][-1] > history["val_accuracy"][0]


def test_sn22_keras_1(play):
    units = {"input_num_units": 6, "hidden1_num_units": 5, "output_num_units": 3}
    model = play("sn22", hidden5_num_units=5, **units).model
    assert [layer.count_params() for layer in model.layers] == [35, 0, 18] and model.output_shape == (None, 3)
    assert model.layers[1].rate == 0.2
    with pytest.raises(ValueError, match=r"input shape \(4,\) contradicts the layer before it, whose output is \(None, 5\)"):
        play("sn22", hidden5_num_units=4, **units)


def test_sn27_regression_with_a_validation_split(play, capsys):
    x = RNG.normal(size=(100, 4)).astype("float32")
    y = x.sum(axis=1)
    names = play("sn27", predictors=x, target=y)
    model = names.model
    assert model.count_params() == 100 * 4 + 100 + 10_100 + 101
    history = model.history.history
    assert len(history["loss"]) == len(history["val_loss"]) == 1  # DEC-01: Keras 3's one epoch
    assert model.optimizer.iterations == -(-70 // 32)  # the last 30 % of the rows are held out
    assert history["val_loss"][-1] == pytest.approx(float(np.mean((model.predict(x[70:], verbose=0)[:, 0] - y[70:]) ** 2)), rel=1e-5)
    assert "val_loss" in capsys.readouterr().out


def test_sn32_batch_normalization(play):
    from keras.layers import Dense
    from keras.models import Sequential

    names = play("sn32", n_cols=10, Sequential=Sequential, Dense=Dense)
    model = names.model
    assert [layer.count_params() for layer in model.layers] == [1_100, 400, 101] and model.count_params() == 1_601
    assert sum(int(np.prod(p.shape)) for p in model.non_trainable_weights) == 200
    assert names.BatchNormalization is gpunn.layers.BatchNormalization


def test_sn33_one_liners(play):
    """One-hot targets, accuracy by argmax, and `evaluate` that agrees with it."""
    from keras.utils import to_categorical

    labels = np.array([0, 2, 1, 2, 0, 1])
    one_hot = to_categorical(labels)
    np.testing.assert_array_equal(one_hot, np.eye(3)[labels])
    x = RNG.normal(size=(6, 4))
    model = gpunn.Sequential([gpunn.layers.Dense(3, activation="softmax", input_dim=4)])
    model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, one_hot, verbose=0)
    p = model.predict(x, verbose=0)
    assert accuracy == pytest.approx(np.mean(np.argmax(p, axis=1) == labels))
    assert loss == pytest.approx(-np.mean(np.log(p[np.arange(6), labels])), rel=1e-5)
